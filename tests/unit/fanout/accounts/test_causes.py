import io
import json
from contextlib import closing

import pytest

from customer_events.instants import to_wire
from fanout.accounts.reconcile import Failure, explain, stored_failures
from sentinel.drift import DifferenceStore
from unit.fanout.backfill_samples import NOON, at, snapshot
from unit.fanout.reconcile_fakes import EXPECTATION, stored

SECOND = int(NOON.timestamp())
SINCE = to_wire(NOON)


def record(customer_id):
    return {
        "dynamodb": {
            "Keys": {"customer_id": {"S": customer_id}},
            "ApproximateCreationDateTime": SECOND,
        }
    }


class FakeS3:
    def __init__(self, objects):
        self._objects = objects

    def get_paginator(self, name):
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket, Prefix, PaginationConfig):  # noqa: N803 - the SDK's names
        keys = [key for key in self._objects if key.startswith(Prefix)]
        return [{"Contents": [{"Key": key} for key in keys]}, {}]

    def get_object(self, *, Bucket, Key):  # noqa: N803 - the SDK's names
        return {"Body": io.BytesIO(self._objects[Key].encode())}


def test_both_kinds_of_failed_records_name_their_customers():
    batch = {
        "requestContext": {"condition": "RecordAgeExceeded"},
        "payload": json.dumps({"Records": [record("c-2"), record("c-3")]}),
    }
    parked = {"reason": "UnknownStatus", "record": record("c-1")}
    store = FakeS3(
        {"parked/2026/11/23/1.json": json.dumps(parked), "aws/lambda/m/s/x": json.dumps(batch)}
    )
    found = {
        one.customer_id: (one.cause, one.since)
        for one in stored_failures(store, "b", "customer_id")
    }
    assert found == {
        "c-1": ("parked by the publisher: UnknownStatus", SINCE),
        "c-2": ("given up by the stream mapping: RecordAgeExceeded", SINCE),
        "c-3": ("given up by the stream mapping: RecordAgeExceeded", SINCE),
    }


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}", '{"record": 7}', '{"payload": "{"}', '{"payload": "[]"}']
)
def test_an_object_of_another_form_explains_nothing(text):
    store = FakeS3({"parked/x": text, "aws/lambda/x": text})
    assert list(stored_failures(store, "b", "customer_id")) == []


def test_the_newest_failure_explains_a_difference_and_others_are_left_alone():
    with closing(DifferenceStore()) as store:
        store.put(EXPECTATION.compare("c-1", snapshot("c-1"), None))
        explain(
            store,
            [
                Failure(customer_id="c-1", cause="newer", since=to_wire(at(-5))),
                Failure(customer_id="c-1", cause="older", since=to_wire(at(-9))),
                Failure(customer_id="c-9", cause="of nobody", since=None),
            ],
        )
        assert store.count() == 1
        assert store.get("c-1").cause == "newer"
        assert store.get("c-1").since == to_wire(at(-5))


def test_no_undelivered_event_explains_a_row_that_was_changed_by_hand():
    with closing(DifferenceStore()) as store:
        store.put(EXPECTATION.compare("c-1", snapshot(), stored(own={"payments": "BLOCKED"})))
        explain(store, [Failure(customer_id="c-1", cause="parked", since=None)])
        assert store.get("c-1").cause is None
