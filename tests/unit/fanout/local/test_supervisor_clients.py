"""How long the supervisor's stream poller waits for the emulator, and how often it asks."""

from fanout.local import supervisor
from fanout.local.stack import load_template
from unit.fanout.local.test_local_deployment import DEPLOYMENT


def test_an_answer_of_the_slowest_publisher_is_waited_for_and_a_dead_emulator_is_not(monkeypatch):
    monkeypatch.setattr(supervisor, "StreamPoller", lambda **made: made)
    made = supervisor.make_poller(DEPLOYMENT.target(), DEPLOYMENT.publisher_mapping_id)
    [timeout] = [
        one["Properties"]["Timeout"]
        for one in load_template()["Resources"].values()
        if one["Type"] == "AWS::Serverless::Function"
        and one["Properties"]["Handler"].startswith("publisher.lambda_entry")
    ]
    for name in ("dynamodbstreams", "lambda_client", "s3"):
        config = made[name].meta.config
        assert timeout < config.read_timeout <= 2 * timeout
        assert 1 <= config.connect_timeout <= 5
        assert config.retries["total_max_attempts"] == 1, "it tries again itself"
