"""From a write of Accounts to the row of Payments, on the embedded AWS.

The template is deployed once. Each side is then put into its two functions in turn: ours, the
naive pair, and handlers that only move the change on. So queue, stream and pollers are the same.
"""

import io
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench import packages
from bench.figures import Figure, Show, Sizes
from bench.running import ROOT
from bench.sides import BARE, CONSUMER, ENVIRONMENT, NAIVE, OURS, PUBLISHER

from fanout.local import runtime
from fanout.local.deployment import LocalDeployment

_HANDLERS = {
    (OURS, PUBLISHER): "publisher.lambda_entry.lambda_handler",
    (OURS, CONSUMER): "payments_consumer.lambda_entry.lambda_handler",
    (NAIVE, PUBLISHER): "naive_publisher.lambda_handler",
    (NAIVE, CONSUMER): "naive_consumer.lambda_handler",
    (BARE, PUBLISHER): "bare.publish",
    (BARE, CONSUMER): "bare.consume",
}
_POLL_SECONDS, _POLL_SHARE = 0.002, 0.02
"""Looking for rows takes the embedded AWS's time too: the longer it lasts, the less often."""
_PATIENCE_SECONDS = 300


def end_to_end_figures(sizes: Sizes, show: Show) -> Iterator[Figure]:
    """The time of one change, and that of many at once."""
    latencies: dict[str, list[float]] = {OURS: [], BARE: []}
    many: dict[str, list[float]] = {OURS: [], NAIVE: []}
    with (
        tempfile.TemporaryDirectory(prefix="fanout-bench-") as folder,
        runtime.running(Path(folder) / "aws", progress=show) as deployment,
    ):
        path = _Path(deployment, Path(folder))
        for number in range(sizes.rounds):
            for side in (OURS, BARE, NAIVE):
                show(f"end to end, {side} ({number + 1} of {sizes.rounds})")
                path.put_in(side)
                path.seconds_for(2)  # the functions start
                if side in latencies:
                    found = [path.seconds_for(1) for _ in range(sizes.changes_alone)]
                    latencies[side].append(median(found) * 1e3)
                if side in many:
                    many[side].append(path.seconds_for(sizes.changes_at_once))
    yield Figure.of_rounds(
        "end to end, a change alone, p50, beside bare handlers", "ms", latencies.values(), 1.05
    )
    name = f"end to end, {sizes.changes_at_once:,} changes at once, beside the naive pair"
    yield Figure.of_rounds(name, "s", many.values(), 0.167)


# Private functions


class _Path:
    """The deployment, with a side in its functions."""

    def __init__(self, deployment: LocalDeployment, folder: Path) -> None:
        self._deployment = deployment
        self._dynamodb = deployment.client("dynamodb")
        self._functions = {
            PUBLISHER: deployment.publisher_function,
            CONSUMER: deployment.payments_function,
        }
        self._ours = {
            which: packages.build(which, folder).read_bytes() for which in self._functions
        }
        self._batches = 0
        self._dynamodb.create_table(
            TableName=ENVIRONMENT["IDEMPOTENCY_TABLE"],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def put_in(self, side: str) -> None:
        """What the baselines import comes from this environment."""
        functions = self._deployment.client("lambda")
        for which, name in self._functions.items():
            handler = _HANDLERS[side, which]
            settings = functions.get_function_configuration(FunctionName=name)["Environment"]
            table = {"IDEMPOTENCY_TABLE": ENVIRONMENT["IDEMPOTENCY_TABLE"]}
            functions.update_function_configuration(
                FunctionName=name,
                Handler=handler,
                Environment={"Variables": settings["Variables"] | table},
            )
            code = self._ours[which] if side == OURS else _zipped(handler.partition(".")[0])
            functions.update_function_code(FunctionName=name, ZipFile=code)

    def seconds_for(self, count: int) -> float:
        """Until the rows of so many new customers are there."""
        self._batches += 1
        start = f"{self._batches}-"
        items = [
            {"customer_id": {"S": f"{start}{number}"}, "status": {"S": "ACTIVE"}}
            for number in range(count)
        ]
        began = time.perf_counter()
        for index in range(0, count, 25):
            puts = [{"PutRequest": {"Item": item}} for item in items[index : index + 25]]
            self._dynamodb.batch_write_item(RequestItems={self._deployment.accounts_table: puts})
        missing = [item["customer_id"] for item in items]
        while missing:
            elapsed = time.perf_counter() - began
            if elapsed > _PATIENCE_SECONDS:
                raise RuntimeError(f"expected {count} rows; {len(missing)} did not come")
            there = self._there(missing[-25:])
            missing = [customer_id for customer_id in missing if customer_id not in there]
            if not there:
                time.sleep(_POLL_SECONDS + elapsed * _POLL_SHARE)
        return time.perf_counter() - began

    def _there(self, customer_ids: list[dict[str, str]]) -> list[dict[str, str]]:
        table = self._deployment.payments_table
        keys = [{"customer_id": customer_id} for customer_id in customer_ids]
        answer = self._dynamodb.batch_get_item(RequestItems={table: {"Keys": keys}})
        return [item["customer_id"] for item in answer["Responses"][table]]


def _zipped(module: str) -> bytes:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(ROOT / "bench" / "baseline" / f"{module}.py", f"{module}.py")
    return zipped.getvalue()
