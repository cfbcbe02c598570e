"""Each setting of a consumer, at a value that is not the default, in each place that uses it."""

import itertools
import json
import threading
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from moto.sqs.models import sqs_backends

from aws_parts import create_table, moto_account
from event_consumer import every_event_consumer, latest_state_consumer
from event_consumer.settings import ConsumerSettings
from integration.test_consumer_telling import told_by
from unit.event_consumer.consumer_samples import REGION, live, record, snapshot

SHOWN = {
    "consumer": "the_name_is_in_the_note_of_what_is_parked",
    "deployment": "log_and_metrics_name_deployment_service_and_namespace",
    "queue_url": "a_message_that_failed_is_delayed_in_the_queue",
    "dlq_url": "the_name_is_in_the_note_of_what_is_parked",
    "table_name": "the_table_takes",
    "writers_max": "as_many_writers_as_there_may_be",
    "clock_tolerance": "the_clock_tolerance_reaches",
    "service": "log_and_metrics_name_deployment_service_and_namespace",
    "metrics_namespace": "log_and_metrics_name_deployment_service_and_namespace",
    "write_in_batches": "customers_share_a_call_unless",
    "receives_max": "on_its_last_receive",
    "parked_groups_table": "notes_of_what_is_parked_go_to_their_table",
}
"""By setting: how the tests that show where it goes are called."""
BUILDERS = {
    "latest state": lambda work, environ: latest_state_consumer(
        lambda one: work(one) or {}, environ
    ),
    "every event": lambda work, environ: every_event_consumer(
        lambda one: work(one) and (), environ
    ),
}
names = itertools.count()


@pytest.fixture(scope="module")
def aws():
    with moto_account() as client:
        yield {one: client(one) for one in ("sqs", "dynamodb")}


@pytest.fixture
def environ(aws):
    """Queues and tables of its own, all with names that nothing else would guess."""
    number = next(names)
    fifo = {"FifoQueue": "true"}
    queue, dlq = (
        aws["sqs"].create_queue(QueueName=f"q{number}-{one}.fifo", Attributes=fifo)["QueueUrl"]
        for one in ("live", "dead")
    )
    for table, *keys in (
        ("rows", "customer_id"),
        ("marks", "event_id"),
        ("notes", "message_group", "place"),
    ):
        create_table(aws["dynamodb"], f"t{number}-{table}", *keys)
    return {
        "CONSUMER_NAME": "fraud",
        "DEPLOYMENT": "blue-green",
        "QUEUE_URL": queue,
        "DLQ_URL": dlq,
        "TABLE_NAME": f"t{number}-rows",
        "WRITERS_MAX": "3",
        "CLOCK_TOLERANCE_SECONDS": "60",
        "POWERTOOLS_SERVICE_NAME": f"fraud-in-blue-{number}",
        "POWERTOOLS_METRICS_NAMESPACE": "Blue",
    }


def table(environ, name):
    return environ["TABLE_NAME"].replace("rows", name)


def of_marks(environ):
    return environ | {"TABLE_NAME": table(environ, "marks")}


def build(builder, environ, work=lambda _: None):
    own = environ if builder == "latest state" else of_marks(environ)
    return BUILDERS[builder](work, own)


def outcomes(handler, *events):
    """What a consumer decides, as a replay asks it to."""
    records = [record(number, one) for number, one in enumerate(events, start=1)]
    answer = handler({"Records": records, "report_outcomes": True}, None)
    return [one["reason"] or one["outcome"] for one in answer["outcomes"]]


def one_by_one(handler, *events):
    return [outcome for one in events for outcome in outcomes(handler, one)]


def test_each_setting_has_its_tests():
    assert {one.name for one in fields(ConsumerSettings)} == SHOWN.keys()
    written = [name for name in globals() if name.startswith("test_")]
    assert all(any(shown in name for name in written) for shown in SHOWN.values())


# The tolerance of clocks: in the table's condition, in its verdict, and in that of a batch

BEFORE = live(900, seconds=0)
RESTARTED = live(1, seconds=60)
CLEARLY_RESTARTED = live(1, seconds=61)


def test_the_clock_tolerance_reaches_the_condition_of_the_table(environ):
    handler = build("latest state", environ)
    just_old = live(1, seconds=540)
    assert one_by_one(handler, snapshot(seconds=600), just_old) == ["APPLIED", "APPLIED"]
    other = {"customer_id": "c-2"}
    older = live(1, seconds=539, **other)
    assert one_by_one(handler, snapshot(seconds=600, **other), older) == ["APPLIED", "STALE"]


def test_the_clock_tolerance_reaches_the_condition_for_a_raised_epoch(environ):
    handler = build("latest state", environ)
    assert one_by_one(handler, BEFORE, live(1, epoch=2, seconds=-61)) == ["APPLIED", "STALE"]
    assert one_by_one(handler, live(2, epoch=2, seconds=-60)) == ["APPLIED"]


def test_the_clock_tolerance_reaches_the_verdict_about_what_the_table_refused(environ):
    handler = build("latest state", environ)
    assert one_by_one(handler, BEFORE, RESTARTED) == ["APPLIED", "STALE"]
    assert one_by_one(handler, CLEARLY_RESTARTED) == ["OrderContradiction"]


def test_the_clock_tolerance_reaches_the_verdict_within_a_batch(environ):
    """Here no write is tried: the row that the newest left decides."""
    handler = build("latest state", environ)
    assert outcomes(handler, RESTARTED, BEFORE) == ["STALE", "APPLIED"]
    others = [replace(one, customer_id="c-2") for one in (CLEARLY_RESTARTED, BEFORE)]
    assert outcomes(handler, *others) == ["OrderContradiction", "APPLIED"]


# Tables and queues


def test_the_table_takes_the_rows(environ, aws):
    assert outcomes(build("latest state", environ), live(1)) == ["APPLIED"]
    [row] = aws["dynamodb"].scan(TableName=environ["TABLE_NAME"])["Items"]
    assert row["customer_id"]["S"] == "c-1"


def test_the_table_takes_the_marks(environ, aws):
    assert outcomes(build("every event", environ), live(1)) == ["APPLIED"]
    [mark] = aws["dynamodb"].scan(TableName=table(environ, "marks"))["Items"]
    assert mark["event_id"]["S"] == str(live(1).event_id)


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_name_is_in_the_note_of_what_is_parked_in_the_dlq(environ, aws, builder):
    handler = build(builder, environ)
    handler({"Records": [fifo_record(1, "poison", environ)]}, None)
    [dead] = received(aws, environ["DLQ_URL"])
    note = json.loads(dead["MessageAttributes"]["parked"]["StringValue"])
    assert note["consumer"] == "fraud"


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_message_that_failed_is_delayed_in_the_queue(environ, aws, builder):
    aws["sqs"].send_message(
        QueueUrl=environ["QUEUE_URL"],
        MessageBody="x",
        MessageGroupId="g",
        MessageDeduplicationId="1",
    )
    [message] = received(aws, environ["QUEUE_URL"], hidden_seconds=10_000)
    failing = record(1, live(1)) | {"receiptHandle": message["ReceiptHandle"]}

    def fail(_event):
        raise TimeoutError

    before = datetime.now(UTC)
    answer = build(builder, environ, fail)({"Records": [failing]}, None)
    assert len(answer["batchItemFailures"]) == 1
    [delayed] = hidden(environ)
    assert delayed < before + timedelta(seconds=9_900), "it would come back after all 10,000"


@pytest.mark.parametrize("builder", BUILDERS)
def test_notes_of_what_is_parked_go_to_their_table(environ, aws, builder):
    own = environ | {"PARK_BY_CUSTOMER": "true", "PARKED_GROUPS_TABLE": table(environ, "notes")}
    build(builder, own)({"Records": [fifo_record(1, "poison", environ)]}, None)
    [note] = aws["dynamodb"].scan(TableName=own["PARKED_GROUPS_TABLE"])["Items"]
    assert note["message_group"]["S"] == "g"


@pytest.mark.parametrize("builder", BUILDERS)
def test_as_many_writers_as_there_may_be_and_no_more_are_at_work(environ, builder):
    """Nine customers, three at a time: each trio waits until all three of it are there."""
    trio, at_work, most, lock = threading.Barrier(3), [], [], threading.Lock()

    def work(event):
        with lock:
            at_work.append(event)
            most.append(len(at_work))
        trio.wait(timeout=60)
        with lock:
            at_work.remove(event)

    events = [live(1, customer_id=f"c-{number}") for number in range(9)]
    alone = environ | {"WRITE_IN_BATCHES": "false"}
    assert outcomes(build(builder, alone, work), *events) == ["APPLIED"] * 9
    assert max(most) == 3


@pytest.mark.parametrize(("setting", "refusals"), [("true", 1), ("false", 0)])
def test_customers_share_a_call_unless_it_is_switched_off(environ, setting, refusals, caplog):
    """moto refuses the call, which is told once; the rows are written all the same."""
    handler = build("latest state", environ | {"WRITE_IN_BATCHES": setting})
    for _ in range(2):
        events = [live(next(names), customer_id=f"c-{number}") for number in range(2)]
        assert outcomes(handler, *events) == ["APPLIED"] * 2
    assert len([one for one in caplog.messages if "BatchExecuteStatement" in one]) == refusals


@pytest.mark.parametrize("builder", BUILDERS)
def test_log_and_metrics_name_deployment_service_and_namespace(
    environ, builder, capsys, monkeypatch
):
    line, blob = told_by(lambda: outcomes(build(builder, environ), live(1)), capsys, monkeypatch)
    assert line["service"] == blob["service"] == environ["POWERTOOLS_SERVICE_NAME"]
    assert blob["deployment"] == "blue-green"
    assert blob["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Blue"


def fifo_record(number, body, environ):
    queue = environ["QUEUE_URL"].rsplit("/", 1)[1]
    return record(number, body) | {
        "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:{queue}",
        "attributes": record(number, body)["attributes"]
        | {"MessageGroupId": "g", "SequenceNumber": "18850000000000000001"},
    }


def received(aws, url, *, hidden_seconds=30):
    return aws["sqs"].receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], VisibilityTimeout=hidden_seconds
    )["Messages"]


def hidden(environ):
    """Until when the messages that are out are hidden."""
    queues = sqs_backends["123456789012"][REGION].queues
    messages = queues[environ["QUEUE_URL"].rsplit("/", 1)[1]]._messages
    return [datetime.fromtimestamp(one.visible_at / 1000, UTC) for one in messages]


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_message_on_its_last_receive_is_parked(aws, environ, builder):
    handler = build(builder, environ | {"MAX_RECEIVE_COUNT": "7"})
    for receives, parked in (("6", 0), ("7", 1)):
        one = fifo_record(1, live(1), environ)
        one["attributes"] |= {"ApproximateReceiveCount": receives}
        handler({"Records": [one]}, None)
        dead = aws["sqs"].receive_message(QueueUrl=environ["DLQ_URL"]).get("Messages", [])
        assert len(dead) == parked
