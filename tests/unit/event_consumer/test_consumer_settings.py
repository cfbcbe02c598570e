"""Each variable that is missing or wrong is named, with what was expected, all at once."""

from datetime import timedelta

import pytest

from customer_events.settings import BadSettings
from event_consumer.settings import from_environment
from unit.event_consumer.consumer_samples import DLQ_URL, ENVIRONMENT, QUEUE_URL

REQUIRED = ["CONSUMER_NAME", "DEPLOYMENT", "QUEUE_URL", "DLQ_URL", "TABLE_NAME"]


def test_the_required_variables_are_enough():
    settings = from_environment(ENVIRONMENT)
    assert (settings.consumer, settings.table_name) == ("payments", "fanout-payments")
    assert (settings.queue_url, settings.dlq_url) == (QUEUE_URL, DLQ_URL)
    assert settings.writers_max == 10
    assert settings.clock_tolerance == timedelta(seconds=5)
    assert settings.receives_max == 240
    assert settings.service == "payments_consumer"
    assert settings.metrics_namespace == "CustomerStatusFanout"


def test_every_optional_variable_is_read():
    settings = from_environment(
        ENVIRONMENT
        | {
            "WRITERS_MAX": "64",
            "CLOCK_TOLERANCE_SECONDS": "1",
            "MAX_RECEIVE_COUNT": "5",
            "POWERTOOLS_SERVICE_NAME": "fraud",
            "POWERTOOLS_METRICS_NAMESPACE": "Other",
            "POWERTOOLS_LOG_LEVEL": "warning",
        }
    )
    assert settings.writers_max == 64
    assert settings.clock_tolerance == timedelta(seconds=1)
    assert settings.receives_max == 5
    assert (settings.service, settings.metrics_namespace) == ("fraud", "Other")


@pytest.mark.parametrize(
    "name",
    [
        "WRITERS_MAX",
        "CLOCK_TOLERANCE_SECONDS",
        "MAX_RECEIVE_COUNT",
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_METRICS_NAMESPACE",
        "POWERTOOLS_LOG_LEVEL",
    ],
)
def test_an_optional_variable_that_is_empty_counts_as_not_set(name):
    assert from_environment(ENVIRONMENT | {name: ""}) == from_environment(ENVIRONMENT)


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_required_variable_that_is_missing_or_empty_is_named(name, how):
    environ = {key: value for key, value in ENVIRONMENT.items() if key != name}
    with pytest.raises(BadSettings, match=f"^{name}: is not set; expected ") as failure:
        from_environment(environ | ({name: ""} if how == "empty" else {}))
    assert len(failure.value.problems) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUEUE_URL", "arn:aws:sqs:eu-west-1:123456789012:payments"),
        ("DLQ_URL", "fanout-payments-dlq"),
        ("DLQ_URL", QUEUE_URL),
        ("WRITE_IN_BATCHES", "yes"),
        ("WRITERS_MAX", "0"),
        ("WRITERS_MAX", "65"),
        ("WRITERS_MAX", "many"),
        ("WRITERS_MAX", "-1"),
        ("WRITERS_MAX", "1.5"),
        ("WRITERS_MAX", "²"),
        ("WRITERS_MAX", "1\n"),
        ("WRITERS_MAX", "9" * 5000),
        ("MAX_RECEIVE_COUNT", "4"),
        ("MAX_RECEIVE_COUNT", "1001"),
        ("CLOCK_TOLERANCE_SECONDS", "0"),
        ("CLOCK_TOLERANCE_SECONDS", "3601"),
        ("CLOCK_TOLERANCE_SECONDS", " "),
        ("POWERTOOLS_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_variable_that_is_wrong_is_named_with_what_was_expected(name, value):
    with pytest.raises(BadSettings, match=f"^{name}: expected ") as failure:
        from_environment(ENVIRONMENT | {name: value})
    assert len(failure.value.problems) == 1


def test_the_largest_values_are_taken():
    environ = {"MAX_RECEIVE_COUNT": "1000", "CLOCK_TOLERANCE_SECONDS": "3600", "WRITERS_MAX": "1"}
    settings = from_environment(ENVIRONMENT | environ)
    assert (settings.receives_max, settings.writers_max) == (1000, 1)
    assert settings.clock_tolerance == timedelta(hours=1)


def test_everything_that_is_wrong_is_named_at_once():
    with pytest.raises(BadSettings) as failure:
        from_environment({"WRITERS_MAX": "many", "CLOCK_TOLERANCE_SECONDS": "long"})
    for name in [*REQUIRED, "WRITERS_MAX", "CLOCK_TOLERANCE_SECONDS"]:
        assert name in str(failure.value)
