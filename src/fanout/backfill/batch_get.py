"""Read items by their keys, strongly consistent, and every one of them.

BatchGetItem takes 100 keys, and may leave some unprocessed when it is throttled or its answer grows
beyond 16 MB (BatchGetItem, DynamoDB API reference).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fanout.errors import Refused

KEYS_MAX = 100
_ROUNDS_MAX = 12
_PAUSE_MAX_SECONDS = 5.0

Sleep = Callable[[float], object]


def batch_get(
    client: Any,
    table: str,
    keys: Sequence[Mapping[str, Any]],
    projection: Mapping[str, Any],
    *,
    sleep: Sleep = time.sleep,
) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    """Read 1 to 100 distinct keys.

    Returns:
        The items that there are, and the last answer.

    Raises:
        Refused: DynamoDB keeps leaving some unprocessed.
    """
    items: list[Mapping[str, Any]] = []
    wanted = {table: {"Keys": list(keys), "ConsistentRead": True, **projection}}
    for attempt in range(_ROUNDS_MAX):
        answer = client.batch_get_item(RequestItems=wanted)
        items += answer["Responses"].get(table, [])
        wanted = answer.get("UnprocessedKeys") or {}
        if not wanted:
            return items, answer
        sleep(min(_PAUSE_MAX_SECONDS, 0.05 * 2**attempt))
    raise Refused(
        f"DynamoDB left reads of {table} unprocessed {_ROUNDS_MAX} times: it is throttled. Raise "
        "its capacity, or try again with a lower --rate."
    )
