"""Marks of processed events in DynamoDB: once, with the event's own writes or not at all."""

from collections.abc import Iterator
from typing import Any

import pytest

from aws_parts import create_table, moto_account
from event_consumer import every_event_consumer
from event_consumer.processed_events import ProcessedEventsTable
from event_consumer.testing import history
from unit.event_consumer.consumer_samples import ENVIRONMENT, record

[EVENT] = history("ACTIVE")


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with moto_account() as account:
        client = account("dynamodb")
        for table, key in ((ENVIRONMENT["TABLE_NAME"], "event_id"), ("letters", "id")):
            create_table(client, table, key)
        yield client


@pytest.fixture
def marks(dynamodb):
    return ProcessedEventsTable(dynamodb, ENVIRONMENT["TABLE_NAME"])


def letter(number, **other):
    return {"Put": {"TableName": "letters", "Item": {"id": {"S": str(number)}}, **other}}


def letters(dynamodb):
    return {one["id"]["S"] for one in dynamodb.scan(TableName="letters")["Items"]}


def test_a_mark_is_written_once(marks):
    assert not marks.is_processed(EVENT)
    assert marks.commit(EVENT, [])
    assert marks.is_processed(EVENT)
    assert not marks.commit(EVENT, [])


def test_writes_come_with_the_mark_and_only_once(marks, dynamodb):
    assert marks.commit(EVENT, [letter(1)])
    assert not marks.commit(EVENT, [letter(2)])
    assert letters(dynamodb) == {"1"}


def test_a_write_that_is_refused_leaves_no_mark(marks, dynamodb):
    dynamodb.put_item(TableName="letters", Item={"id": {"S": "1"}})
    refused = letter(1, ConditionExpression="attribute_not_exists(id)")
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        marks.commit(EVENT, [refused])
    assert not marks.is_processed(EVENT)


def test_more_writes_than_a_transaction_takes_are_refused_before_the_call(marks):
    with pytest.raises(ValueError, match="99"):
        marks.commit(EVENT, [letter(n) for n in range(100)])


def test_the_consumer_handles_a_batch_and_marks_it(dynamodb):
    handler = every_event_consumer(lambda event: [letter(event.customer_id)], ENVIRONMENT)
    for _ in range(2):
        answer = handler({"Records": [record(1, EVENT)]}, None)
        assert answer == {"batchItemFailures": []}
    assert letters(dynamodb) == {"c-1"}
    [mark] = dynamodb.scan(TableName=ENVIRONMENT["TABLE_NAME"])["Items"]
    assert mark["event_id"]["S"] == str(EVENT.event_id)


def test_a_write_that_is_none_comes_back_and_leaves_no_mark(dynamodb, caplog):
    """A misspelt write is told by botocore before the call, since no service need understand it."""
    handler = every_event_consumer(lambda _: [{"Putt": {}}], ENVIRONMENT)
    answer = handler({"Records": [record(1, EVENT)]}, None)
    assert len(answer["batchItemFailures"]) == 1
    [problem] = caplog.records[-1].problems
    assert problem["reason"] == "ParamValidationError"
    assert dynamodb.scan(TableName=ENVIRONMENT["TABLE_NAME"])["Items"] == []
