import shlex

from fanout.local.deployment import LocalDeployment

DEPLOYMENT = LocalDeployment(
    endpoint_url="http://127.0.0.1:4566",
    region="eu-west-1",
    prefix="fanout",
    accounts_table="fanout-accounts",
    payments_table="fanout-payments",
    topic_arn="arn:aws:sns:eu-west-1:000000000000:fanout",
    queue_url="http://127.0.0.1:4566/000000000000/fanout-payments",
    dlq_url="http://127.0.0.1:4566/000000000000/fanout-payments-dlq",
    failure_bucket="fanout-failures",
    stream_arn="arn:aws:dynamodb:eu-west-1:000000000000:table/fanout-accounts/stream/1",
    publisher_function="fanout-publisher",
    payments_function="fanout-payments-consumer",
    publisher_mapping_id="m-1",
    payments_mapping_id="m-2",
    state_dir="/state",
    supervisor_pid=1,
    emulator_pid=2,
    started_at="2026-11-23T09:30:00Z",
)


def test_the_export_line_points_a_shell_at_the_deployment():
    assert dict(word.split("=", 1) for word in shlex.split(DEPLOYMENT.export_line())[1:]) == (
        DEPLOYMENT.environment()
    )


def test_clients_talk_to_the_deployment_past_any_proxy_and_are_made_once(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    client = DEPLOYMENT.client("sqs")
    assert client.meta.endpoint_url == DEPLOYMENT.endpoint_url
    assert client.meta.region_name == "eu-west-1"
    assert client.meta.config.proxies == {}
    assert DEPLOYMENT.client("sqs") is client


def test_the_example_commands_name_the_tables():
    put, get = DEPLOYMENT.example()
    assert "fanout-accounts" in put
    assert "fanout-payments" in get
