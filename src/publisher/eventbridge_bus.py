"""Publish to an EventBridge bus with PutEvents.

Answers match entries by their place alone, so an answer that doesn't add up confirms nothing. And
PutEvents answers success for a bus that does not exist, so the bus is looked up before anything is
sent, and again from time to time.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from customer_events.deadline import Deadline
from publisher.batched_calls import (
    CONFIRMED,
    UNMENTIONED,
    BatchedCalls,
    Request,
    answer_for_call,
)
from publisher.bus_errors import answer_for
from publisher.events import Entry
from publisher.ports import Answer, Verdict
from publisher.transports import EVENTBRIDGE

LOOK_AGAIN_SECONDS = 60.0
"""How long a bus that was seen counts as there: at most this long events go to one just deleted."""
_TIME_SIZE_BYTES = 14
"""What EventBridge counts for Time (user guide, "Calculating PutEvents event entry size")."""
_NO_SUCH_BUS = Answer(verdict=Verdict.BUS_FAULT, code="EventBusNotFound")


class EventBridgeBus:
    """Implements the port `Bus`; one batch at a time, as Lambda hands them over.

    Args:
        client: a botocore client of `events`, which does not retry by itself.
        bus_arn: of a bus in the publisher's own account.
        event_size_max_bytes: of one event, where that is less than EventBridge takes.
        executor: overlaps the calls.
    """

    ordered = False

    def __init__(
        self, *, client: Any, bus_arn: str, event_size_max_bytes: int, executor: Executor
    ) -> None:
        self._client = client
        self._bus_arn = bus_arn
        self._seen_at: float | None = None
        self._calls = BatchedCalls(
            entries_max=EVENTBRIDGE.entries_per_call_max,
            entry_size_max_bytes=min(event_size_max_bytes, EVENTBRIDGE.entry_size_max_bytes),
            call_size_max_bytes=EVENTBRIDGE.call_size_max_bytes,
            publish=self._publish,
            bus_parameter="EventBusName",
            executor=executor,
        )

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> list[Answer]:
        """Send entries in as few calls as count and size allow; see the port.

        While the bus is not known to be there nothing is sent, and every entry gets the reason.
        """
        if not entries:
            return []
        absence = self._absence(deadline.clock.monotonic())
        if absence is not None:
            return [absence] * len(entries)
        return self._calls.send(
            [(self._request(entry), size_bytes(entry)) for entry in entries], deadline
        )

    # Private functions

    def _absence(self, now: float) -> Answer | None:
        """Why nothing may be sent; None where the bus is there.

        A look that fails for a passing reason proves nothing against a bus that was seen before.
        """
        if self._seen_at is not None and now - self._seen_at < LOOK_AGAIN_SECONDS:
            return None
        found = self._look()
        if found.verdict is Verdict.CONFIRMED or (
            found.verdict is Verdict.TRANSIENT and self._seen_at is not None
        ):
            self._seen_at = now
            return None
        if found.verdict is not Verdict.TRANSIENT:
            self._seen_at = None
        return found

    def _look(self) -> Answer:
        """By name, which stands for a bus of this account; so the answer has to be the same ARN."""
        name = self._bus_arn.partition(":event-bus/")[2]
        try:
            arn = self._client.describe_event_bus(Name=name).get("Arn")
        except Exception as error:  # noqa: BLE001 - the port promises not to raise
            answer, _ = answer_for_call(error, "Name")
        else:
            return CONFIRMED if arn == self._bus_arn else _NO_SUCH_BUS
        if answer.code.startswith("ResourceNotFound"):
            return _NO_SUCH_BUS
        if answer.verdict is Verdict.REFUSED:
            # Whatever is wrong with the question, no entry is to blame.
            return replace(answer, verdict=Verdict.BUS_FAULT, reason=None)
        return answer

    def _request(self, entry: Entry) -> Request:
        return {
            "Time": entry.event.occurred_at,
            "Source": entry.event.source,
            "DetailType": entry.event.name,
            "Detail": entry.document,
            "EventBusName": self._bus_arn,
        }

    def _publish(self, requests: list[Request]) -> list[Answer]:
        response = self._client.put_events(Entries=requests)
        found = [_answer(result) for result in response.get("Entries") or ()]
        failed = sum(answer is not CONFIRMED for answer in found)
        if len(found) != len(requests) or response.get("FailedEntryCount") != failed:
            return [UNMENTIONED] * len(requests)
        return found


def size_bytes(entry: Entry) -> int:
    """What EventBridge counts for an entry; document and source are ASCII."""
    event = entry.event
    return _TIME_SIZE_BYTES + len(event.source) + len(event.name) + len(entry.document)


# Private functions


def _answer(result: dict[str, Any]) -> Answer:
    code = result.get("ErrorCode")
    if code:
        return answer_for(str(code))
    return CONFIRMED if result.get("EventId") else UNMENTIONED
