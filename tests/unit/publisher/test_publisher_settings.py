import pytest

from customer_events.event import Status
from customer_events.settings import BadSettings
from publisher.settings import for_pipe, from_environment
from publisher.transitions import TableRules
from publisher.transports import EVENTBRIDGE, SNS, of_bus

TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status"
LEAST = {"BUS_ARN": TOPIC, "DEPLOYMENT": "fanout", "FAILURE_BUCKET": "fanout-failures"}
PIPE = {name: LEAST[name] for name in ("DEPLOYMENT", "FAILURE_BUCKET")}


def test_three_variables_are_enough():
    settings = from_environment(LEAST)
    assert (settings.bus_arn, settings.bus_region, settings.region) == (
        TOPIC,
        "eu-west-1",
        "eu-west-1",
    )
    assert settings.producer.source == "urn:novapay:accounts"
    assert (settings.producer.epoch, settings.producer.versions) == (1, (2,))
    assert settings.message_size_max_bytes == 262_144
    assert settings.rules == TableRules()
    assert (settings.service, settings.metrics_namespace) == ("publisher", "CustomerStatusFanout")


def test_every_variable_is_read():
    settings = from_environment(
        {
            "BUS_ARN": TOPIC,
            "DEPLOYMENT": "blue",
            "FAILURE_BUCKET": "fanout-failures",
            "AWS_REGION": "eu-central-1",
            "EVENT_SOURCE": "https://novapay.example/accounts",
            "PUBLISH_VERSIONS": "2, 1",
            "CUSTOMER_ID_ATTRIBUTE": "pk",
            "STATUS_ATTRIBUTE": "state",
            "REASON_ATTRIBUTE": "why",
            "CHANGED_AT_ATTRIBUTE": "at",
            "TRACEPARENT_ATTRIBUTE": "trace",
            "SEQUENCE_ATTRIBUTE": "version",
            "SEQUENCE_EPOCH": "9999",
            "ENTITY_FILTER": "kind=customer=yes",
            "TABLE_STATUS_MAP": "active=ACTIVE, on hold=SUSPENDED,a=b=CLOSED",
            "MESSAGE_SIZE_MAX_BYTES": "1048576",
            "POWERTOOLS_SERVICE_NAME": "accounts-publisher",
            "POWERTOOLS_METRICS_NAMESPACE": "Fanout",
        }
    )
    assert settings.rules == TableRules(
        customer_id_attribute="pk",
        status_attribute="state",
        reason_attribute="why",
        changed_at_attribute="at",
        traceparent_attribute="trace",
        sequence_attribute="version",
        entity_filter=("kind", "customer=yes"),
        status_map={"active": Status.ACTIVE, "on hold": Status.SUSPENDED, "a=b": Status.CLOSED},
    )
    assert settings.producer.source == "https://novapay.example/accounts"
    assert (settings.producer.epoch, settings.producer.versions) == (9999, (1, 2))
    assert (settings.message_size_max_bytes, settings.region) == (1_048_576, "eu-central-1")
    assert (settings.service, settings.metrics_namespace) == ("accounts-publisher", "Fanout")
    assert settings.deployment == "blue"


def test_an_empty_variable_counts_as_not_set():
    names = [
        "PUBLISH_VERSIONS",
        "REASON_ATTRIBUTE",
        "ENTITY_FILTER",
        "TABLE_STATUS_MAP",
        "SEQUENCE_EPOCH",
        "CUSTOMER_ID_ATTRIBUTE",
        "MESSAGE_SIZE_MAX_BYTES",
        "EVENT_SOURCE",
        "AWS_REGION",
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_METRICS_NAMESPACE",
    ]
    assert from_environment(LEAST | dict.fromkeys(names, "")) == from_environment(LEAST)


def test_all_problems_are_named_at_once_and_no_value_is_echoed():
    with pytest.raises(BadSettings) as refused:
        from_environment(
            {
                "DEPLOYMENT": " ",
                "FAILURE_BUCKET": "CANARY!",
                "PUBLISH_VERSIONS": "CANARY,2",
                "SEQUENCE_EPOCH": "CANARY",
                "ENTITY_FILTER": "CANARY",
                "TABLE_STATUS_MAP": "CANARY",
                "EVENT_SOURCE": "CANARY",
                "MESSAGE_SIZE_MAX_BYTES": "CANARY",
            }
        )
    named = [problem.partition(":")[0] for problem in refused.value.problems]
    assert sorted(named) == [
        "BUS_ARN",
        "DEPLOYMENT",
        "ENTITY_FILTER",
        "EVENT_SOURCE",
        "FAILURE_BUCKET",
        "MESSAGE_SIZE_MAX_BYTES",
        "PUBLISH_VERSIONS",
        "SEQUENCE_EPOCH",
        "TABLE_STATUS_MAP",
    ]
    assert "CANARY" not in str(refused.value)
    assert all("expected" in problem for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUS_ARN", "arn:aws:sqs:eu-west-1:123456789012:queue"),
        ("BUS_ARN", "customer-status"),
        ("BUS_ARN", "arn:aws:events:eu-west-1:12345678901:event-bus/customer-status"),
        ("FAILURE_BUCKET", "b" * 64),
        ("BUS_ARN", "arn:aws:events:eu-west-1:123456789012:rule/customer-status"),
        ("SEQUENCE_EPOCH", "0"),
        ("SEQUENCE_EPOCH", "10000"),
        ("SEQUENCE_EPOCH", "-1"),
        ("PUBLISH_VERSIONS", "3"),
        ("PUBLISH_VERSIONS", ","),
        ("MESSAGE_SIZE_MAX_BYTES", "1023"),
        ("MESSAGE_SIZE_MAX_BYTES", "1048577"),
        ("ENTITY_FILTER", "=customer"),
        ("ENTITY_FILTER", "kind="),
        ("TABLE_STATUS_MAP", "active"),
        ("TABLE_STATUS_MAP", "=ACTIVE"),
        ("TABLE_STATUS_MAP", "active=ACTIVE,"),
        ("TABLE_STATUS_MAP", "active=Active"),
        ("TABLE_STATUS_MAP", "gone=REMOVED"),
        ("TABLE_STATUS_MAP", "a=ACTIVE,a=CLOSED"),
        ("EVENT_SOURCE", "urn:with blank"),
    ],
)
def test_a_value_out_of_its_range_names_its_variable(name, value):
    with pytest.raises(BadSettings, match=f"^{name}: expected"):
        from_environment(LEAST | {name: value})


def test_a_buckets_name_has_up_to_63_characters():
    assert from_environment(LEAST | {"FAILURE_BUCKET": "b" * 63}).failure_bucket == "b" * 63


def test_the_failure_store_is_in_the_functions_region_else_in_the_default_else_in_the_buss():
    default = {"AWS_DEFAULT_REGION": "eu-south-1"}
    assert from_environment(LEAST | default | {"AWS_REGION": "eu-central-1"}).region == (
        "eu-central-1"
    )
    assert from_environment(LEAST | default).region == "eu-south-1"
    assert from_environment(LEAST).region == "eu-west-1"


def test_a_fifo_topic_carries_one_version_and_the_reason_is_said():
    fifo = LEAST | {"BUS_ARN": f"{TOPIC}.fifo"}
    assert from_environment(fifo | {"PUBLISH_VERSIONS": "1"}).producer.versions == (1,)
    with pytest.raises(BadSettings, match="PUBLISH_VERSIONS: expected exactly one"):
        from_environment(fifo | {"PUBLISH_VERSIONS": "1,2"})


def test_an_event_bridge_bus_is_told_from_a_topic():
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/customer-status"
    assert of_bus(from_environment(LEAST | {"BUS_ARN": bus}).bus_arn) is EVENTBRIDGE
    assert of_bus(from_environment(LEAST).bus_arn) is SNS


def test_event_bridge_keeps_sources_that_start_with_aws_to_itself():
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/customer-status"
    mine = {"EVENT_SOURCE": "aws.accounts:novapay"}
    assert from_environment(LEAST | mine).producer.source == "aws.accounts:novapay"
    with pytest.raises(BadSettings, match="EVENT_SOURCE: expected a URI that does not start"):
        from_environment(LEAST | mine | {"BUS_ARN": bus})


def test_a_pipe_needs_no_bus():
    settings = for_pipe(PIPE)
    assert (settings.batch_size_max, settings.region) == (10, None)
    with pytest.raises(BadSettings) as refused:
        for_pipe({})
    assert [problem.partition(":")[0] for problem in refused.value.problems] == [
        "DEPLOYMENT",
        "FAILURE_BUCKET",
    ]


@pytest.mark.parametrize(("versions", "size_max"), [("2", 10), ("1", 10), ("1,2", 5)])
def test_a_pipes_batch_times_the_versions_is_at_most_ten(versions, size_max):
    least = PIPE | {"PUBLISH_VERSIONS": versions}
    assert for_pipe(least | {"PIPE_BATCH_SIZE": str(size_max)}).batch_size_max == size_max
    expected = f"^PIPE_BATCH_SIZE: expected a whole number from 1 to {size_max}, since each record"
    with pytest.raises(BadSettings, match=expected):
        for_pipe(least | {"PIPE_BATCH_SIZE": str(size_max + 1)})
