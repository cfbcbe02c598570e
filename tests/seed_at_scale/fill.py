"""Customers who were there before anyone thought of the new subscriber."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from e2e.traffic import STATUSES, Traffic
from seed_at_scale.bystander import Bystander
from seed_at_scale.watching import looks, poller_report

_ITEMS_MAX = 25
"""Of one BatchWriteItem."""
_FORGET_EVERY = 1_000


def fill(deployment: Any, traffic: Traffic, bystander: Bystander) -> None:
    """Write every customer once, and let the events of that go by."""
    with ThreadPoolExecutor(2) as pool:
        starts = range(0, len(traffic.ids), _ITEMS_MAX)
        list(pool.map(lambda start: _write(deployment, traffic, bystander, start), starts))
    for published in looks(lambda: poller_report(deployment).get("records_succeeded", 0)):
        bystander.forget()
        if published >= len(traffic.ids):
            return


# Private functions


def _write(deployment: Any, traffic: Traffic, bystander: Bystander, start: int) -> None:
    ids = traffic.ids[start : start + _ITEMS_MAX]
    puts = [_put(one, STATUSES[number % len(STATUSES)]) for number, one in enumerate(ids, start)]
    left: Any = {deployment.accounts_table: puts}
    while left:
        answer = deployment.client("dynamodb").batch_write_item(RequestItems=left)
        left = answer["UnprocessedItems"]
    if start % _FORGET_EVERY == 0:
        bystander.forget()


def _put(customer_id: str, status: str) -> dict[str, Any]:
    item = {"customer_id": {"S": customer_id}, "status": {"S": status}}
    return {"PutRequest": {"Item": item}}
