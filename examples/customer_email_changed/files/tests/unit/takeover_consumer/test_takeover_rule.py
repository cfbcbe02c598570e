"""Takeover's rows on moto: the real handler, whatever order the events come in."""

import json
from itertools import permutations

import pytest

from aws_parts import create_table, moto_account
from publisher.events import Producer
from publisher.other_events.customer_email_changed import entries
from publisher.stream_records import StreamRecord
from publisher.transitions import TableRules
from takeover_consumer import bootstrap
from unit.event_consumer.consumer_samples import ENVIRONMENT
from unit.event_consumer.consumer_samples import record as sqs_record
from unit.publisher.stream_record_samples import record


def event(number, *, epoch=1, hour=0):
    """The document of the change of that number; an hour counts from the first one."""
    made = record("ACTIVE", "ACTIVE", number=number, email={"S": f"{number}@x.example"})
    made["dynamodb"]["ApproximateCreationDateTime"] += number + hour * 3600
    producer = Producer(source="urn:novapay:accounts", epoch=epoch, versions=(2,))
    [entry] = entries(StreamRecord(made), TableRules(), producer)
    return entry.document


@pytest.fixture
def takeover(monkeypatch):
    """Delivers documents in a batch; answers each row's sequence and time."""
    with moto_account() as client:
        dynamodb, sqs = client("dynamodb"), client("sqs")
        create_table(dynamodb, "takeover")
        urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("q", "q-dlq")]
        own = {
            "CONSUMER_NAME": "takeover",
            "TABLE_NAME": "takeover",
            "QUEUE_URL": urls[0],
            "DLQ_URL": urls[1],
        }
        for name, value in (ENVIRONMENT | own).items():
            monkeypatch.setenv(name, value)
        handler = bootstrap.build()

        def deliver(*documents):
            records = [sqs_record(number, one) for number, one in enumerate(documents)]
            assert handler({"Records": records}, None) == {"batchItemFailures": []}
            rows = dynamodb.scan(TableName="takeover")["Items"]
            return [(row["sequence"]["S"], row["email_changed_at"]["S"]) for row in rows]

        yield deliver


def row_of(document):
    made = json.loads(document)
    return [(made["sequence"], made["time"].replace("Z", ".000000Z"))]


def test_the_newest_change_stays_whatever_order_events_come_in(takeover):
    for base, order in enumerate(permutations(range(3))):
        events = [event(base * 3 + number) for number in order]
        for one in (*events, *events):
            found = takeover(one)
        assert found == row_of(event(base * 3 + 2))


def test_a_stale_event_moves_no_row_back(takeover):
    takeover(event(2))
    assert takeover(event(1)) == row_of(event(2))


def test_after_a_failover_an_old_change_under_the_new_epoch_moves_no_row_back(takeover):
    takeover(event(5, hour=3))
    assert takeover(event(1, epoch=2)) == row_of(event(5, hour=3))
    assert takeover(event(2, epoch=2, hour=4)) == row_of(event(2, epoch=2, hour=4))


def test_the_outcomes_are_counted_and_what_is_unreadable_is_parked(takeover, capsys):
    bad = json.dumps(json.loads(event(3)) | {"data": {"customer_id": "c-1"}})
    takeover(event(2), event(2), event(1), bad)
    [metrics] = [one for one in capsys.readouterr().out.splitlines() if "_aws" in one]
    counted = ("EventsApplied", "EventsDuplicate", "EventsStale", "MessagesParked")
    assert [json.loads(metrics)[name] for name in counted] == [[1.0]] * 4
