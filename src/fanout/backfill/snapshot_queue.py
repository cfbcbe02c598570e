"""Send snapshots to one subscriber's queue, as the bus would deliver them; each is confirmed."""

import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from customer_events.encoder import encode
from customer_events.event import TYPE_PREFIX, CustomerStatusChanged, transition
from fanout.dlq.ports import BATCH_MAX, Destination, Sending
from fanout.errors import Refused

_ATTEMPTS_MAX = 6
_PAUSE_MAX_SECONDS = 5.0


class SnapshotQueue:
    """Sends events in the fewest calls, and again what was not confirmed.

    Args:
        queue: the subscriber's.
        fifo: whether it is a FIFO queue.
        sleep: waits that many seconds before another attempt.
    """

    def __init__(
        self,
        queue: Destination,
        *,
        fifo: bool,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._queue = queue
        self._fifo = fifo
        self._sleep = sleep

    def send(self, events: Sequence[CustomerStatusChanged]) -> None:
        """Send them all; when this returns, SQS has confirmed each by its id.

        Raises:
            Refused: some are not confirmed after several attempts; the sentence says why.
        """
        for batch in _in_batches([_sending(one, fifo=self._fifo) for one in events]):
            self._send(batch)

    # Private functions

    def _send(self, batch: list[Sending]) -> None:
        left = batch
        why = ""
        for attempt in range(_ATTEMPTS_MAX):
            if attempt:
                self._sleep(min(_PAUSE_MAX_SECONDS, 0.1 * 2**attempt))
            failed = {one.message_id: one.why for one in self._queue.send(left) if not one.ok}
            if not failed:
                return
            left = [one for one in left if one.message_id in failed]
            why = failed[left[0].message_id]
        raise Refused(
            f"The queue did not take {len(left)} of {len(batch)} snapshots after {_ATTEMPTS_MAX} "
            f"attempts ({why})."
        )


def message_attributes(event: CustomerStatusChanged) -> dict[str, dict[str, str]]:
    """What the bus sets for filters; a consumer sees the same on a snapshot as on any event."""
    values = {
        "type": f"{TYPE_PREFIX}{event.schema_version}",
        "schema_version": str(event.schema_version),
        "status": event.status.value,
        "transition": transition(event),
    }
    return {name: {"DataType": "String", "StringValue": one} for name, one in values.items()}


# Private functions


def _sending(event: CustomerStatusChanged, *, fifo: bool) -> Sending:
    body = encode(event)
    attributes = message_attributes(event)
    entry: dict[str, Any] = {"MessageBody": body, "MessageAttributes": attributes}
    if fifo:  # the group that the publisher gives the customer's live events
        entry["MessageGroupId"] = sha256(event.customer_id.encode()).hexdigest()
        entry["MessageDeduplicationId"] = str(event.event_id)
    size_bytes = len(body) + sum(
        len(name) + len(one["DataType"]) + len(one["StringValue"])
        for name, one in attributes.items()
    )
    return Sending(message_id=str(event.event_id), entry=entry, size_bytes=size_bytes)


def _in_batches(sendings: Sequence[Sending]) -> Iterator[list[Sending]]:
    """Ten a call: at most some 40 kB each (an id of 2,048 escaped characters), far below 1 MiB."""
    for start in range(0, len(sendings), BATCH_MAX):
        yield list(sendings[start : start + BATCH_MAX])
