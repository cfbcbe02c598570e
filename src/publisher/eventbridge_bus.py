"""Publish to an EventBridge bus with PutEvents.

Answers match entries by their index alone, so an answer that doesn't add up confirms nothing. And
PutEvents answers success for a bus that does not exist, so the bus is looked up before anything is
sent, and again from time to time.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from publisher.batched_bus import Calls
from publisher.bus_errors import CONFIRMED, UNMENTIONED, answer_for, answer_for_call
from publisher.events import Entry
from publisher.ports import Answer, Verdict

LOOK_AGAIN_SECONDS = 60.0
"""How long a bus that was seen counts as there: at most this long events go to one just deleted."""
_NO_SUCH_BUS = Answer(verdict=Verdict.BUS_FAULT, code="EventBusNotFound")


class EventBridgeBus(Calls):
    """The `Calls` of a bus; one batch at a time, as Lambda hands them over.

    Args:
        client: a botocore client of `events`, which does not retry by itself.
        bus_arn: of a bus in the publisher's own account.
    """

    bus_parameter = "EventBusName"

    def __init__(self, *, client: Any, bus_arn: str) -> None:
        self.client = client
        self._bus_arn = bus_arn
        self._seen_at: float | None = None

    def absence(self, now: float) -> Answer | None:
        """See `Calls`.

        A look that fails for a passing reason proves nothing against a bus that was seen before.
        """
        if self._seen_at is not None and now - self._seen_at < LOOK_AGAIN_SECONDS:
            return None
        answer = self._look()
        if answer.verdict is Verdict.CONFIRMED or (
            answer.verdict is Verdict.TRANSIENT and self._seen_at is not None
        ):
            self._seen_at = now
            return None
        if answer.verdict is not Verdict.TRANSIENT:
            self._seen_at = None
        return answer

    def publish(self, entries: Sequence[Entry]) -> list[Answer]:
        """See `Calls`."""
        response = self.client.put_events(Entries=[self._request(entry) for entry in entries])
        answers = [_answer(result) for result in response.get("Entries") or ()]
        failed = sum(answer is not CONFIRMED for answer in answers)
        if len(answers) != len(entries) or response.get("FailedEntryCount") != failed:
            return [UNMENTIONED] * len(entries)
        return answers

    # Private functions

    def _look(self) -> Answer:
        """By name, which stands for a bus of this account; so the answer has to be the same ARN."""
        name = self._bus_arn.partition(":event-bus/")[2]
        try:
            arn = self.client.describe_event_bus(Name=name).get("Arn")
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

    def _request(self, entry: Entry) -> dict[str, Any]:
        return {
            "Time": entry.event.occurred_at,
            "Source": entry.event.source,
            "DetailType": entry.event.name,
            "Detail": entry.document,
            "EventBusName": self._bus_arn,
        }


# Private functions


def _answer(result: dict[str, Any]) -> Answer:
    code = result.get("ErrorCode")
    if code:
        return answer_for(str(code))
    return CONFIRMED if result.get("EventId") else UNMENTIONED
