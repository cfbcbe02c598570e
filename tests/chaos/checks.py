"""Whether the guarantees held: read from the real tables and queues, with nothing of the publisher.

The ledger of `fanout.demo` follows each write to its end, `compare` compares the tables key
by key, and here every version that a Payments row ever had is looked at for a step backwards.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from customer_events.sequence import Sequence
from fanout.demo.audit import Account, Fate, Stored
from fanout.demo.run import compare
from fanout.demo.witnesses import StreamTap, Watch, stored
from fanout.local.deployment import LocalDeployment

_SHOWN_MAX = 20


def judge(
    deployment: LocalDeployment, watch: Watch, account: Account, left: Iterable[str]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """How the changes ended, and a sentence for each broken guarantee.

    `left`: what waits or is dead although everything has been restored.
    """
    customers, differing = compare(deployment, watch.ledger.customers)
    broken = [f"lost: {entry}" for entry in account.lost[:_SHOWN_MAX]]
    broken += [f"contradiction: {one}" for one in account.contradictions[:_SHOWN_MAX]]
    broken += [f"row: {one}" for one in differing[:_SHOWN_MAX]]
    broken += list(steps_back(versions(deployment)))[:_SHOWN_MAX]
    broken += [f"left over: {one}" for one in left]
    ends = {
        "writes": watch.ledger.writes,
        "changes of status": len(account.entries),
        "  applied": account.count(Fate.APPLIED),
        "  superseded": account.count(Fate.SUPERSEDED),
        "  lost": len(account.lost),
        "events, distinct": account.events,
        "  delivered": account.deliveries,
        "rows compared": customers,
        "  that differ": len(differing),
    }
    return ends, tuple(broken)


def versions(deployment: LocalDeployment) -> Iterator[Stored]:
    """Every version of every Payments row, in the order in which the table took them."""
    table: dict[str, Any] = deployment.client("dynamodb").describe_table(
        TableName=deployment.payments_table
    )["Table"]
    tap = StreamTap(deployment.client("dynamodbstreams"), table["LatestStreamArn"])
    for record in tap.read():
        row = stored(record)
        if row is None:
            raise AssertionError("a Payments row was deleted, and a removal has to stay as a row")
        yield row


def steps_back(rows: Iterator[Stored]) -> Iterator[str]:
    """A sentence for each version of a row that is older than the one before."""
    newest: dict[str, Sequence] = {}
    for row in rows:
        before = newest.get(row.customer_id)
        if before is not None and row.sequence < before:
            yield f"backwards: {row.customer_id} went from {before} to {row.sequence}"
        newest[row.customer_id] = max(row.sequence, before or row.sequence)
