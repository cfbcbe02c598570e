"""Both sides do the same work, or comparing what it costs would mean nothing.

The publishers send the same events; the consumers leave the same rows, on shuffled and doubled
messages.
"""

import json
import random
import subprocess
import sys
from typing import Any

from bench.running import ROOT, aws, environment, work
from bench.samples import queue_batches
from bench.sides import CONSUMER, IDEMPOTENT, NAIVE, OURS, PUBLISHER, Context, build

_ROW = ("customer_id", "status", "previous_status", "payments", "sequence", "event_id")
_EVENT = ("id", "source", "type", "subject", "partitionkey", "time", "sequence", "sequencesource")


class NotTheSame(Exception):
    """The baseline does other work than the publisher or the consumer."""


def check(records: int) -> None:
    """Raises: NotTheSame."""
    events = {side: _published(side, records) for side in (OURS, NAIVE, IDEMPOTENT)}
    if not events[OURS] == events[NAIVE] == events[IDEMPOTENT] or len(events[OURS]) != records:
        raise NotTheSame("the publishers send different events")
    rows = {side: _rows(side, records) for side in (OURS, NAIVE)}
    if rows[OURS] != rows[NAIVE] or not rows[OURS]:
        raise NotTheSame("the consumers leave different rows")


# Private functions


def _published(side: str, records: int) -> set[str]:
    with aws() as stub:
        work(stub.url, which=PUBLISHER, side=side, records=records, batch_size=records, warm=False)
        return {_event(json.loads(text)) for text in stub.messages()}


def _event(document: dict[str, Any]) -> str:
    """What the event says, whichever optional fields are written out as null."""
    data = {name: value for name, value in document["data"].items() if value is not None}
    return json.dumps([{name: document[name] for name in _EVENT}, data], sort_keys=True)


def _rows(side: str, records: int) -> list[dict[str, Any]]:
    """What a consumer leaves, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.same_outcome", side, str(records)],
        cwd=ROOT,
        env=environment() | {"AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"consumer, {side}: {done.stderr[-2000:]}")
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def _consume(side: str, records: int) -> list[dict[str, Any]]:
    """The table after shuffled and doubled messages; moto evaluates the conditions."""
    import boto3
    from moto import mock_aws

    with mock_aws():
        client = boto3.client("dynamodb")
        for table, key in (("payments", "customer_id"), ("idempotency", "id")):
            client.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        handler = build(CONSUMER, side)
        [batch] = queue_batches(records, size=records, per_customer=4)
        messages = batch["Records"] * 2
        random.Random(7).shuffle(messages)
        for start in range(0, len(messages), 10):
            handler({"Records": messages[start : start + 10]}, Context())
        rows = client.scan(TableName="payments")["Items"]
    kept = [{name: row[name] for name in _ROW} for row in rows]
    return sorted(kept, key=lambda row: str(row["customer_id"]))


if __name__ == "__main__":
    print(json.dumps(_consume(sys.argv[1], int(sys.argv[2]))))
