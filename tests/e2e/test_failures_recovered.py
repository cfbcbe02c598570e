"""The publisher's failure store on the whole system: the bus goes away, batches age out, kills.

Customers whose records were never delivered by the stream get their rows by a recovery alone.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.fanout_command import Fanout
from fanout.streams.records import shape_record
from unit.fanout.failures.failures_in_memory import batch_object, parked_object
from unit.publisher.stream_record_samples import ARN, record
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployment")]
KEPT = {("after", 5), ("torn", 7)}

KILLED = Path(__file__).parent / "dlq_killed.py"
RECOVER = ("failures", "recover")
PATIENCE_SECONDS = 180


class Store:
    """The failure store of a deployment, and what its subscriber's rows say."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.s3 = deployment.client("s3")
        self.bucket = deployment.failure_bucket

    def put(self, key, document):
        """As it would be there: of the stream that the publisher reads here."""
        text = json.dumps(document).replace(ARN, self.deployment.stream_arn)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    def keys(self, *prefixes):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        found = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return [key for key in found if key.startswith(prefixes)]

    def waiting(self):
        return self.keys("parked/", "aws/lambda/")

    def row(self, customer_id):
        found = self.deployment.client("dynamodb").get_item(
            TableName=self.deployment.payments_table,
            Key={"customer_id": {"S": customer_id}},
            ConsistentRead=True,
        )
        return found.get("Item")

    def status(self, customer_id):
        row = self.row(customer_id)
        return row and row["status"]["S"]

    def clear(self):
        for key in self.keys(""):
            self.s3.delete_object(Bucket=self.bucket, Key=key)


@pytest.fixture
def store(deployment):
    made = Store(deployment)
    made.clear()
    yield made
    made.clear()


@pytest.fixture
def fanout(deployment, tmp_path):
    return Fanout(deployment=deployment, state=tmp_path)


def lost_batches(name, count):
    """Batches of customers that the stream never delivered; each becomes ACTIVE, then CLOSED.

    Answers the objects and the customers; a customer's two changes are in two objects.
    """
    now = int(time.time())
    ids = [f"{name}-{number}" for number in range(count)]
    objects = {}
    for which, (old, new) in enumerate([("PENDING", "ACTIVE"), ("ACTIVE", "CLOSED")]):
        records = []
        for index, customer_id in enumerate(ids):
            made = record(old, new, customer_id=customer_id, number=which * count + index)
            made["dynamodb"]["ApproximateCreationDateTime"] = now + which
            records.append(made)
        half = count // 2
        for part, chunk in enumerate((records[:half], records[half:])):
            objects[f"aws/lambda/m/shard/{9 - which}-{part}"] = batch_object(chunk)
    return objects, ids


@contextmanager
def bus_away(deployment):
    """The publisher names a topic that there is not."""
    client = deployment.client("lambda")
    name = deployment.publisher_function
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    away = before | {"BUS_ARN": before["BUS_ARN"] + "-gone"}
    client.update_function_configuration(FunctionName=name, Environment={"Variables": away})
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def test_an_aged_batch_and_a_parked_record_are_recovered_and_the_rows_are_right(store, fanout):
    objects, ids = lost_batches("aged", 6)
    for key, document in objects.items():
        store.put(key, document)
    store.put(
        "parked/2026/11/23/p.json",
        parked_object(record(None, "ACTIVE", customer_id="aged-parked", number=900)),
    )
    listed = fanout("failures", "list")
    assert sum(one["objects"] for one in listed["groups"]) == len(objects) + 1
    planned = fanout(*RECOVER)
    assert (planned["to_do"], planned["publish"], planned["refuse"]) == (5, 13, 0)
    assert not store.row("aged-parked")
    done = fanout("runs", "resume", "last", "--execute")
    assert done["fates"] == {"RECOVERED": 5}
    assert store.waiting() == []
    assert len(store.keys(f"recovered/{done['run_id']}/")) == 5
    eventually(
        lambda: (
            all(store.status(one) == "CLOSED" for one in ids)
            and store.status("aged-parked") == "ACTIVE"
        ),
        "rows of the recovered customers",
        deadline_seconds=PATIENCE_SECONDS,
    )


def test_while_the_bus_is_away_nothing_moves_and_once_it_is_back_nothing_is_lost(
    deployment, store, fanout
):
    objects, ids = lost_batches("away", 4)
    for key, document in objects.items():
        store.put(key, document)
    with bus_away(deployment):
        deployment.client("dynamodb").put_item(
            TableName=deployment.accounts_table,
            Item={"customer_id": {"S": "away-live"}, "status": {"S": "ACTIVE"}},
        )
        stopped = fanout(*RECOVER, "--execute", expect=1)
        assert stopped["status"] == "paused"
        assert sorted(store.waiting()) == sorted(objects)
        assert not store.row(ids[0])
    done = fanout("runs", "resume", "last")
    assert done["fates"] == {"RECOVERED": len(objects)}
    eventually(
        lambda: (
            all(store.status(one) == "CLOSED" for one in ids)
            and store.status("away-live") == "ACTIVE"
        ),
        "rows of what was recovered, and of what waited in the stream",
        deadline_seconds=PATIENCE_SECONDS,
    )


def test_a_status_that_is_a_number_is_fixed_in_accounts_and_then_discarded(
    deployment, store, fanout
):
    table = deployment.client("dynamodb")
    for status in ({"S": "ACTIVE"}, {"N": "7"}):
        table.put_item(
            TableName=deployment.accounts_table,
            Item={"customer_id": {"S": "poison-1"}, "status": status},
        )
    (key,) = eventually(
        lambda: store.keys("parked/"), "the parked record", deadline_seconds=PATIENCE_SECONDS
    )
    shown = fanout("failures", "show", key)
    assert (shown["reason"], shown["shown"][0]["would"]) == ("UnknownStatus", "refuse")
    assert "poison-1" not in json.dumps(shown["shown"])
    refused = fanout(*RECOVER, "--execute", expect=1)
    assert refused["fates"] == {"REFUSED": 1}
    discard = ("failures", "discard", "--because", "fixed in Accounts", "--execute")
    assert fanout(*discard, expect=1)["selected"] == 0
    table.put_item(
        TableName=deployment.accounts_table,
        Item={"customer_id": {"S": "poison-1"}, "status": {"S": "SUSPENDED"}},
    )
    done = fanout(*discard)
    assert done["fates"] == {"DISCARDED": 1}
    assert store.keys("discarded/") == [f"discarded/{done['run_id']}/{key}"]
    eventually(
        lambda: store.status("poison-1") == "SUSPENDED",
        "the row of the fixed customer",
        deadline_seconds=PATIENCE_SECONDS,
    )


def test_a_range_is_read_again_from_the_stream_with_the_very_ids(deployment, store, fanout):
    table = deployment.client("dynamodb")
    for status in ("ACTIVE", "CLOSED"):
        table.put_item(
            TableName=deployment.accounts_table,
            Item={"customer_id": {"S": "range-1"}, "status": {"S": status}},
        )
    eventually(
        lambda: store.status("range-1") == "CLOSED",
        "the row, by the stream itself",
        deadline_seconds=PATIENCE_SECONDS,
    )
    event_id = store.row("range-1")["event_id"]["S"]
    table.delete_item(TableName=deployment.payments_table, Key={"customer_id": {"S": "range-1"}})
    shard, numbers = place_in_the_stream(deployment, "range-1")
    done = fanout(
        *(*RECOVER, "--from-stream", "--shard", shard),
        *("--from-sequence", numbers[0], "--to-sequence", numbers[-1], "--execute"),
    )
    assert done["fates"] == {"RECOVERED": 1}
    eventually(
        lambda: (store.row("range-1") or {}).get("event_id", {}).get("S") == event_id,
        "the row with the id that it had",
        deadline_seconds=PATIENCE_SECONDS,
    )


def place_in_the_stream(deployment, customer_id):
    """The shard and the sequence numbers of a customer's changes."""
    client = deployment.client("dynamodbstreams")
    arn = deployment.stream_arn
    for shard in client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = client.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        numbers = []
        while iterator:
            answer = client.get_records(ShardIterator=iterator)
            for raw in answer["Records"]:
                change = shape_record(raw, stream_arn=arn)["dynamodb"]
                if change["Keys"]["customer_id"] == {"S": customer_id}:
                    numbers.append(change["SequenceNumber"])
            iterator = answer.get("NextShardIterator") if answer["Records"] else None
        if numbers:
            return shard["ShardId"], numbers
    return pytest.fail(f"{customer_id} is not in the stream")


def kill(fanout, point, number):
    """Run a recovery that dies by SIGKILL at that point."""
    return subprocess.run(
        [sys.executable, str(KILLED), point, str(number), *RECOVER, "--execute", "--json"],
        env=fanout.environment() | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.mark.parametrize(
    ("point", "number"),
    [
        pytest.param(point, number, marks=() if (point, number) in KEPT else pytest.mark.exhaustive)
        for point, numbers in (("before", range(1, 9)), ("after", range(1, 9)), ("torn", (5, 7)))
        for number in numbers
    ],
)
def test_killed_at_a_line_of_the_journal_nothing_is_lost(store, fanout, point, number):
    name = f"kill-{point}-{number}-{random.SystemRandom().randrange(10**6)}"
    objects, ids = lost_batches(name, 2)
    for key, document in objects.items():
        store.put(key, document)
    killed = kill(fanout, point, number)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    begun = fanout.runs.exists() and any(one.stat().st_size for one in fanout.runs.glob("*.jsonl"))
    done = fanout("runs", "resume", "last") if begun else fanout(*RECOVER, "--execute")
    assert done["fates"] == {"RECOVERED": len(objects)}
    assert store.waiting() == []
    assert len(store.keys("recovered/")) == len(objects)
    eventually(
        lambda: all(store.status(one) == "CLOSED" for one in ids),
        "rows of the recovered customers",
        deadline_seconds=PATIENCE_SECONDS,
    )
