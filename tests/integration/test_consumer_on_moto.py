"""Messages through the Payments consumer's own handler, to rows of its table and dead messages.

moto stands for SQS and DynamoDB; the loop of Lambda's event source mapping (receive, invoke,
delete what did not fail) is played by `Payments.work`.
"""

import base64
import io
import itertools
import json
import logging
import random
import sys
import traceback
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from customer_events.encoder import encode, to_document
from customer_events.event import Change, Status
from customer_events.sequence import SequenceSource, sequence
from event_consumer.consume_batch import decide_batch
from event_consumer.messages import from_record
from event_consumer.reporting import COUNTS, DEPRECATED, LAG
from payments_consumer import bootstrap
from unit.event_consumer.consumer_samples import (
    REGION,
    Answers,
    at,
    live,
    record,
    repair,
    snapshot,
    text_attribute,
)

LIVE_ATTRIBUTES = {
    "customer_id",
    "status",
    "previous_status",
    "status_changed_at",
    "payments",
    "sequence",
    "sequence_source",
    "event_id",
    "schema_version",
    "occurred_at",
    "applied_at",
}
HISTORY = [
    live(1, Status.PENDING, change=Change.CREATED, previous_status=None),
    live(2, Status.ACTIVE),
    live(3, Status.SUSPENDED, schema_version=1),
    live(3, Status.SUSPENDED),
    live(4, Status.REMOVED, change=Change.REMOVED),
    live(1, Status.ACTIVE, customer_id="c-2"),
    live(2, Status.CLOSED, customer_id="c-2"),
    live(1, Status.ACTIVE, customer_id="c-3"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    """The consumer's handler, with what surrounds it."""

    handler: Any
    sqs: Any
    dynamodb: Any
    queue_url: str
    dlq_url: str
    table_name: str

    def send(self, body: Any, **other: Any) -> None:
        text = body if isinstance(body, str) else encode(body)
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=text, **other)

    def work(self, batch_size: int = 10) -> list[str]:
        """One batch, as a mapping would hand it over; answers the ids that failed."""
        received = self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=batch_size,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        arn = f"arn:aws:sqs:{REGION}:123456789012:{self.queue_url.rsplit('/', 1)[1]}"
        records = [as_lambda_record(one, arn) for one in received]
        answer = self.handler({"Records": records}, None)
        failed = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
        for one in received:
            if one["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=one["ReceiptHandle"])
        return failed

    def invoke(self, *bodies: Any) -> list[str]:
        """One invocation with records of its own; answers the ids that failed."""
        answer = self.handler({"Records": [record(n, b) for n, b in enumerate(bodies)]}, None)
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def rows(self) -> dict[str, dict[str, Any]]:
        items = self.dynamodb.scan(TableName=self.table_name)["Items"]
        return {item["customer_id"]["S"]: item for item in items}

    def states(self) -> dict[str, dict[str, Any]]:
        """The rows without `applied_at`, the one attribute that depends on when we ran."""
        return {
            key: {name: value for name, value in row.items() if name != "applied_at"}
            for key, row in self.rows().items()
        }

    def dead(self) -> list[dict[str, Any]]:
        found = []
        while received := self.sqs.receive_message(
            QueueUrl=self.dlq_url,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages"):
            found += received
            for one in received:
                self.sqs.delete_message(QueueUrl=self.dlq_url, ReceiptHandle=one["ReceiptHandle"])
        return found

    def forget(self) -> None:
        for customer_id in self.rows():
            key = {"customer_id": {"S": customer_id}}
            self.dynamodb.delete_item(TableName=self.table_name, Key=key)


def as_lambda_record(received: dict[str, Any], arn: str) -> dict[str, Any]:
    attributes = {
        name: {
            "dataType": value["DataType"],
            **(
                {"binaryValue": base64.b64encode(value["BinaryValue"]).decode()}
                if "BinaryValue" in value
                else {"stringValue": value["StringValue"]}
            ),
        }
        for name, value in received.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": received["MessageId"],
        "receiptHandle": received["ReceiptHandle"],
        "body": received["Body"],
        "attributes": received["Attributes"],
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }


@pytest.fixture(scope="module")
def aws():
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        yield {name: boto3.client(name, region_name=REGION) for name in ("sqs", "dynamodb")}


@pytest.fixture(scope="module")
def build(aws):
    """Builds the consumer on a queue and a table of its own."""
    numbers = itertools.count()

    def make(*, fifo: bool = False, without: str = "") -> Payments:
        name, ending = f"payments-{next(numbers)}", ".fifo" if fifo else ""
        settings = {"FifoQueue": "true"} if fifo else {}
        urls = [
            aws["sqs"].create_queue(QueueName=f"{name}{kind}{ending}", Attributes=settings)[
                "QueueUrl"
            ]
            for kind in ("", "-dlq")
        ]
        if without != "table":
            aws["dynamodb"].create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "customer_id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "customer_id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        if without == "dlq":
            aws["sqs"].delete_queue(QueueUrl=urls[1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CONSUMER_NAME", "payments")
            patch.setenv("QUEUE_URL", urls[0])
            patch.setenv("DLQ_URL", urls[1])
            patch.setenv("TABLE_NAME", name)
            patch.setenv("POWERTOOLS_SERVICE_NAME", f"payments_consumer_{name}")
            handler = bootstrap.build()
        return Payments(
            handler=handler,
            sqs=aws["sqs"],
            dynamodb=aws["dynamodb"],
            queue_url=urls[0],
            dlq_url=urls[1],
            table_name=name,
        )

    return make


@pytest.fixture(scope="module")
def shared(build):
    return build()


@pytest.fixture
def payments(shared):
    shared.forget()
    shared.dead()
    return shared


# Rows


def test_a_row_has_exactly_the_attributes_of_the_contract(payments):
    event = live(7, Status.ACTIVE)
    payments.send(event)
    assert payments.work() == []
    row = payments.rows()["c-1"]
    assert set(row) == LIVE_ATTRIBUTES
    assert row.pop("applied_at")["S"] > "2026"
    assert row == {
        "customer_id": {"S": "c-1"},
        "status": {"S": "ACTIVE"},
        "previous_status": {"S": "PENDING"},
        "status_changed_at": {"S": "2026-11-23T12:07:00.000000Z"},
        "payments": {"S": "ALLOWED"},
        "sequence": {"S": f"0001.{7:040}"},
        "sequence_source": {"S": "stream"},
        "event_id": {"S": str(event.event_id)},
        "schema_version": {"N": "2"},
        "occurred_at": {"S": "2026-11-23T12:07:00.000000Z"},
    }


def test_a_seeded_row_says_when_it_was_read_and_nothing_else_more(payments):
    payments.invoke(snapshot(Status.SUSPENDED, seconds=60))
    row = payments.rows()["c-1"]
    assert set(row) == {*LIVE_ATTRIBUTES, "snapshot_at"}
    assert row["snapshot_at"] == {"S": "2026-11-23T12:01:00.000000Z"}
    assert row["payments"] == {"S": "BLOCKED"}
    payments.invoke(live(1, seconds=120))
    assert set(payments.rows()["c-1"]) == {*LIVE_ATTRIBUTES, "snapshot_at"}


def test_a_removed_customer_stays_as_a_blocked_row(payments):
    payments.invoke(live(1), live(2, Status.REMOVED, change=Change.REMOVED))
    row = payments.rows()["c-1"]
    assert (row["status"]["S"], row["payments"]["S"]) == ("REMOVED", "BLOCKED")


@pytest.fixture(scope="module")
def expected(build):
    """The rows after the history, delivered once, in order, one by one."""
    payments = build()
    for event in HISTORY:
        assert payments.invoke(event) == []
    return payments.states()


def in_order():
    return [[event] for event in HISTORY]


def twice_in_order():
    return [[event] for event in HISTORY + HISTORY]


def twice_in_one_batch():
    return [HISTORY + HISTORY]


def newest_first():
    return [[event] for event in reversed(HISTORY)]


def newest_first_in_one_batch():
    return [HISTORY[::-1]]


def each_with_a_parked_neighbour():
    return [[event, '{"hello"', "[]"] for event in HISTORY]


def among_parked_neighbours_out_of_order():
    shuffled = random.Random(11).sample(HISTORY, len(HISTORY))
    version_9 = encode(live(9)).replace("Changed.v2", "Changed.v9")
    alien = replace(live(9), sequence_source=SequenceSource.VERSION)
    return [[live(1), "poison", version_9, *shuffled], [alien, *shuffled[::-1]]]


@pytest.mark.parametrize(
    "batches",
    [
        in_order,
        twice_in_order,
        twice_in_one_batch,
        newest_first,
        newest_first_in_one_batch,
        each_with_a_parked_neighbour,
        among_parked_neighbours_out_of_order,
    ],
)
def test_the_rows_come_out_the_same_however_the_events_arrive(payments, expected, batches):
    wrapped = {"Type": "Notification", "MessageId": "m", "TopicArn": "arn"}
    for batch in batches():
        assert payments.invoke(*batch) == []
    assert payments.states() == expected
    for event in HISTORY:
        envelope = wrapped | {"Message": encode(event)}
        assert payments.invoke(envelope, {"detail-type": "x", "detail": to_document(event)}) == []
    assert payments.states() == expected


def test_no_row_goes_back_at_any_delivery_in_any_order(payments):
    of_one = [event for event in HISTORY if event.customer_id == "c-1"]
    for order in random.Random(3).sample(list(itertools.permutations(of_one)), 12):
        payments.forget()
        place = ("", 0)
        for event in order:
            payments.invoke(event)
            row = payments.rows()["c-1"]
            now = (row["sequence"]["S"], int(row["schema_version"]["N"]))
            assert now == max(place, (event.sequence, event.schema_version))
            place = now


def test_a_recovered_old_change_does_not_undo_a_seed(payments):
    payments.invoke(snapshot(Status.CLOSED, seconds=600))
    before = payments.rows()
    payments.invoke(live(3, Status.ACTIVE, seconds=60))
    assert payments.rows() == before
    payments.invoke(live(4, Status.ACTIVE, seconds=660))
    assert payments.rows()["c-1"]["status"] == {"S": "ACTIVE"}


def test_a_repair_keeps_the_rows_sequence_and_the_later_reading_wins(payments):
    drifted = live(5, Status.ACTIVE)
    payments.invoke(drifted)
    payments.invoke(repair(drifted, Status.CLOSED, seconds=901))
    payments.invoke(repair(drifted, Status.PENDING, seconds=900), drifted)
    row = payments.rows()["c-1"]
    assert (row["status"]["S"], row["sequence"]["S"]) == ("CLOSED", drifted.sequence)
    payments.invoke(live(6, Status.SUSPENDED, seconds=960))
    assert payments.rows()["c-1"]["status"] == {"S": "SUSPENDED"}


def test_a_snapshot_with_a_version_counter_takes_its_place_in_the_order(payments):
    version = SequenceSource.VERSION
    payments.invoke(live(5, Status.ACTIVE, sequence_source=version))
    order = sequence(6, epoch=1)
    payments.invoke(snapshot(Status.CLOSED, seconds=0, order=order, sequence_source=version))
    payments.invoke(live(5, Status.ACTIVE, sequence_source=version))
    assert payments.rows()["c-1"]["status"] == {"S": "CLOSED"}


# Dead messages


def test_poison_is_in_the_dlq_with_its_reason_and_the_queue_keeps_flowing(payments):
    version_9 = encode(live(9)).replace("Changed.v2", "Changed.v9")
    for body in ('{"hello"', version_9, live(1)):
        payments.send(body)
    assert payments.work() == []
    assert payments.rows()["c-1"]["payments"] == {"S": "ALLOWED"}
    dead = payments.dead()
    reasons = {
        one["Body"]: one["MessageAttributes"]["parked_reason"]["StringValue"] for one in dead
    }
    assert reasons == {'{"hello"': "NotJson", version_9: "UnsupportedVersion"}
    for one in dead:
        note = json.loads(one["MessageAttributes"]["parked"]["StringValue"])
        assert note["consumer"] == "payments"
        assert set(note) == {
            "field",
            "expected",
            "parked_at",
            "first_received_at",
            "original_message_id",
            "consumer",
        }


@pytest.mark.parametrize(
    "change",
    [
        {"sequence_source": SequenceSource.VERSION},
        {"sequence": sequence(3, epoch=1), "occurred_at": at(900)},
        {"status": Status.CLOSED},
    ],
    ids=["other source", "older yet later", "other content"],
)
def test_a_contradiction_is_parked_and_the_row_stays(payments, change):
    payments.invoke(live(5))
    before = payments.rows()
    assert payments.invoke(replace(live(5), **change)) == []
    assert payments.rows() == before
    [dead] = payments.dead()
    assert dead["MessageAttributes"]["parked_reason"]["StringValue"] == "OrderContradiction"


@pytest.mark.parametrize(
    "body", [" \t{ ", "é\u2028🙂\U0010fffd", '{"a":1,"a":2}', "\ufeff{}", "<&>]]>\r\n"], ids=ascii
)
def test_a_dead_body_is_the_one_that_came(payments, body):
    payments.invoke(body)
    [dead] = payments.dead()
    assert dead["Body"] == body


def test_a_message_that_comes_back_from_the_dlq_keeps_its_first_id(payments):
    payments.send("poison")
    payments.work()
    [first] = payments.dead()
    mark = first["MessageAttributes"]["parked"]
    payments.send("poison", MessageAttributes={"replayed": mark})
    payments.work()
    [second] = payments.dead()
    notes = [
        json.loads(one["MessageAttributes"]["parked"]["StringValue"]) for one in (first, second)
    ]
    for name in ("original_message_id", "first_received_at"):
        assert notes[0][name] == notes[1][name]


def test_on_fifo_a_message_is_parked_in_its_group_every_time_it_comes(build):
    payments = build(fifo=True)
    for attempt in range(2):
        payments.send("poison", MessageGroupId="g-1", MessageDeduplicationId=str(attempt))
        assert payments.work() == []
    dead = payments.dead()
    assert [one["Attributes"]["MessageGroupId"] for one in dead] == ["g-1", "g-1"]
    for one in dead:
        note = json.loads(one["MessageAttributes"]["parked"]["StringValue"])
        assert one["Attributes"]["MessageDeduplicationId"] == note["original_message_id"]


# Failures


def test_without_its_table_every_event_comes_back_and_poison_is_parked(build):
    payments = build(without="table")
    payments.send(live(1))
    payments.send("poison")
    assert len(payments.work()) == 1
    assert [one["Body"] for one in payments.dead()] == ["poison"]
    assert payments.work() == [], "the failed message is delayed, not visible at once"


def test_without_its_dlq_poison_stays_in_the_queue_and_events_are_applied(build):
    payments = build(without="dlq")
    assert len(payments.invoke("poison", live(1))) == 1
    assert payments.rows()["c-1"]["status"] == {"S": "ACTIVE"}


# Logs and metrics


@pytest.mark.parametrize("bodies", [[live(1)], ["poison", live(2), live(2)], HISTORY * 3])
def test_a_batch_tells_one_log_line_and_one_metrics_blob(build, capsys, monkeypatch, bodies):
    line, blob = told_by(lambda: build().invoke(*bodies), capsys, monkeypatch)
    assert line["message"] == "batch consumed"
    assert line["messages"] == len(bodies)
    assert sum(blob[name][0] for name in COUNTS.values()) == len(bodies)
    names = {one["Name"] for one in blob["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert names == {*COUNTS.values(), DEPRECATED, LAG}
    assert blob["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "CustomerStatusFanout"


def told_by(act, capsys, monkeypatch):
    """What one batch wrote to standard output: its log line and its metrics blob."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    act()
    monkeypatch.undo()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert capsys.readouterr().err == ""
    [line] = [one for one in lines if "_aws" not in one]
    [blob] = [one for one in lines if "_aws" in one]
    return line, blob


CANARY = "CANARYzq7"


def with_canaries(document: dict[str, Any]) -> list[Any]:
    """The document with the canary in each of its fields in turn, as value, type and name."""
    made: list[Any] = []
    names = [(name,) for name in document] + [("data", name) for name in document["data"]]
    for path in names:
        for value in (CANARY, [CANARY], {CANARY: CANARY}):
            changed = json.loads(json.dumps(document))
            target = changed["data"] if len(path) == 2 else changed
            target[path[-1]] = value
            made.append(changed)
    return made


def messages_with_canaries() -> list[dict[str, Any]]:
    """Good and bad ones, raw and wrapped; in bodies, names of fields and message attributes."""
    good = live(1, customer_id=CANARY, reason=CANARY, source=f"urn:{CANARY}", traceparent=None)
    full = to_document(live(2, reason="KYC", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"))
    old = to_document(live(2, schema_version=1))
    seed = to_document(repair(live(2), Status.ACTIVE, seconds=999))
    bodies = [
        good,
        replace(good, status=Status.CLOSED),
        replace(good, sequence_source=SequenceSource.VERSION),
        to_document(good) | {CANARY: CANARY},
        *with_canaries(full),
        *with_canaries(old),
        *with_canaries(seed),
        CANARY,
        f'{{"{CANARY}"',
        [CANARY],
        {CANARY: CANARY},
        {"Type": "Notification", "Message": CANARY},
        {"Type": "Notification", "Message": json.dumps({CANARY: CANARY})},
        {"detail-type": CANARY, "detail": {CANARY: CANARY}},
        {"detail-type": CANARY, "detail": full | {"type": f"{CANARY}.v2"}},
        full | {"type": f"novapay.accounts.CustomerStatusChanged.v9{CANARY}"},
    ]
    records = [record(n, body) for n, body in enumerate(bodies)]
    marks = json.dumps({"original_message_id": CANARY, "first_received_at": CANARY})
    for one in records:
        one["messageAttributes"] = {
            CANARY: text_attribute(CANARY),
            "replayed": text_attribute(marks),
            "parked": text_attribute(marks),
            "parked_reason": text_attribute(CANARY),
        }
    return records


def test_no_payload_is_in_an_error_even_with_its_traceback():
    messages = [from_record(one) for one in messages_with_canaries()]
    reasons = [one.handled.reason for one in decide_batch(messages, Answers(KeyError(CANARY)))]
    refused = [reason for reason in reasons if reason]
    assert len(refused) > 60
    for reason in refused:
        assert CANARY not in "".join(traceback.format_exception(reason))
        assert CANARY not in repr(reason)


@pytest.mark.parametrize("without", ["", "table", "dlq"])
def test_no_payload_reaches_a_log_or_a_mark(build, capfd, caplog, monkeypatch, without):
    # botocore logs whole requests at DEBUG; Lambda's own level never turns that on.
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="event_consumer")
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    payments = build(without=without)
    records = messages_with_canaries()
    answer = payments.handler({"Records": records}, None)
    monkeypatch.undo()
    written = capfd.readouterr()
    everything = out.getvalue() + written.out + written.err + caplog.text + json.dumps(answer)
    assert "batch consumed" in everything
    assert CANARY not in everything
    if without != "dlq":
        dead = payments.dead()
        assert len(dead) > 60
        assert sum(CANARY in one["Body"] for one in dead) > 60
        for one in dead:
            marks = [one["MessageAttributes"][name] for name in ("parked", "parked_reason")]
            assert CANARY not in json.dumps(marks, default=str)
            assert one["MessageAttributes"][CANARY]["StringValue"] == CANARY
