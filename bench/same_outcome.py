"""Both sides do the same work, or comparing what it costs would mean nothing.

The publishers send the same events with the same message attributes; the consumers leave the same
rows, on shuffled and doubled messages.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.running import ROOT, aws, environment, work
from bench.samples import queue_batches
from bench.sides import CONSUMER, IDEMPOTENT, NAIVE, OURS, PUBLISHER, Context, build

from fanout.local import emulator
from fanout.local.state_folder import StateFolder

_EVENT = ("id", "source", "type", "subject", "partitionkey", "time", "sequence", "sequencesource")


class NotTheSame(Exception):
    """The baseline does other work than the publisher or the consumer."""


def check(records: int) -> None:
    """Raises: NotTheSame."""
    events = {side: _published(side, records) for side in (OURS, NAIVE, IDEMPOTENT)}
    if not events[OURS] == events[NAIVE] == events[IDEMPOTENT] or len(events[OURS]) != records:
        raise NotTheSame("the publishers send different events")
    with _embedded_aws() as url:
        rows = {side: _rows(side, records, url) for side in (OURS, NAIVE)}
    if rows[OURS] != rows[NAIVE] or not rows[OURS]:
        raise NotTheSame("the consumers leave different rows")


# Private functions


def _published(side: str, records: int) -> set[str]:
    with aws() as stub:
        work(stub, which=PUBLISHER, side=side, records=records, batch_size=records, warm=False)
        return {_event(json.loads(text), attributes) for text, attributes in stub.messages()}


def _event(document: dict[str, Any], attributes: dict[str, str]) -> str:
    """What the event says, whichever optional fields are written out as null."""
    data = {name: value for name, value in document["data"].items() if value is not None}
    event = {name: document[name] for name in _EVENT}
    return json.dumps([event, data, attributes], sort_keys=True)


@contextmanager
def _embedded_aws() -> Iterator[str]:
    """It evaluates conditions and statements, as moto does not."""
    with tempfile.TemporaryDirectory(prefix="fanout-bench-") as path:
        folder = StateFolder(Path(path))
        folder.prepare()
        port = emulator.choose_port(None)
        with emulator.started(folder, port=port, region="eu-west-1", iam=False) as process:
            emulator.await_ready(process, port=port, folder=folder)
            yield f"http://{emulator.HOST}:{port}"


def _rows(side: str, records: int, url: str) -> list[dict[str, Any]]:
    """What a consumer leaves, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.same_outcome", side, str(records)],
        cwd=ROOT,
        env=environment() | {"AWS_ENDPOINT_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"consumer, {side}: {done.stderr[-2000:]}")
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def _consume(side: str, records: int) -> list[dict[str, Any]]:
    """The table after shuffled and doubled messages, in tables that are made for this."""
    import boto3

    client = boto3.client("dynamodb")
    keys = {"payments": "customer_id", "idempotency": "id"}
    for table, key in keys.items():
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
    for table in keys:
        client.delete_table(TableName=table)
    return sorted(map(_row, rows), key=lambda row: str(row["customer_id"]))


def _row(item: dict[str, Any]) -> dict[str, Any]:
    """All columns but when it was written and the trace, which only ours keeps; times alike."""
    left_out = {"applied_at", "traceparent"}
    row: dict[str, Any] = {name: value for name, value in item.items() if name not in left_out}
    for name in ("status_changed_at", "occurred_at"):
        row[name] = datetime.fromisoformat(row[name]["S"]).isoformat()
    return row


if __name__ == "__main__":
    print(json.dumps(_consume(sys.argv[1], int(sys.argv[2]))))
