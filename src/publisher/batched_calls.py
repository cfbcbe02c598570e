"""Send entries in as few calls as count and size allow: what the adapters of the buses share."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)

from customer_events.deadline import Deadline
from customer_events.tracebacks import where_raised
from publisher.bus_errors import answer_for
from publisher.ports import Answer, Verdict
from publisher.reasons import EventTooLarge

Request = dict[str, Any]

CONFIRMED = Answer(verdict=Verdict.CONFIRMED)
UNMENTIONED = Answer(verdict=Verdict.TRANSIENT, code="Unmentioned")
"""The bus's answer says nothing of the entry: it may or may not have it."""
_NOT_SENT = Answer(verdict=Verdict.NOT_SENT, code="OutOfTime")
_NO_CREDENTIALS = (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedCalls:
    """Makes the calls of one bus; safe for threads, as botocore's clients are.

    Args:
        entries_max: in one call.
        entry_size_max_bytes: of one entry; a larger one is refused without a call.
        call_size_max_bytes: of all entries of one call.
        publish: one call; an answer for each request, in their order. It may raise.
        bus_parameter: how AWS calls the bus in a message that blames it, such as `TopicArn`.
        executor: overlaps the calls.
    """

    entries_max: int
    entry_size_max_bytes: int
    call_size_max_bytes: int
    publish: Callable[[list[Request]], list[Answer]]
    bus_parameter: str
    executor: Executor

    def send(self, requests: Iterable[tuple[Request, int]], deadline: Deadline) -> list[Answer]:
        """Send requests, each with its size in bytes; see `send` of the port `Bus`."""
        answers: list[Answer] = []
        calls: list[_Call] = []
        for place, (request, size_bytes) in enumerate(requests):
            if size_bytes > self.entry_size_max_bytes:
                answers.append(too_large(self.entry_size_max_bytes))
                continue
            answers.append(UNMENTIONED)
            if not calls or not self._has_room(calls[-1], size_bytes):
                calls.append(_Call())
            calls[-1].add(place, request, size_bytes)
        for call, found in zip(calls, self._overlap(calls, deadline), strict=True):
            for place, answer in zip(call.places, found, strict=True):
                answers[place] = answer
        return answers

    # Private functions

    def _has_room(self, call: "_Call", size_bytes: int) -> bool:
        return (
            len(call.requests) < self.entries_max
            and call.size_bytes + size_bytes <= self.call_size_max_bytes
        )

    def _overlap(self, calls: list["_Call"], deadline: Deadline) -> Iterator[list[Answer]]:
        def publish_in_time(place: int) -> list[Answer]:
            if place and deadline.seconds_left() <= 0:
                return [_NOT_SENT] * len(calls[place].requests)
            return self._publish(calls[place].requests, deadline)

        if len(calls) == 1:
            return iter([publish_in_time(0)])
        return self.executor.map(publish_in_time, range(len(calls)))

    def _publish(self, requests: list[Request], deadline: Deadline) -> list[Answer]:
        """One call; where it is refused as a whole, one for each entry, to find the guilty one."""
        try:
            return self.publish(requests)
        except Exception as error:  # noqa: BLE001 - the port promises not to raise
            answer, divisible = answer_for_call(error, self.bus_parameter)
        if not divisible or len(requests) == 1:
            return [answer] * len(requests)
        return [
            self._publish([request], deadline)[0] if deadline.seconds_left() > 0 else _NOT_SENT
            for request in requests
        ]


def answer_for_call(error: Exception, bus_parameter: str) -> tuple[Answer, bool]:
    """What a failed call means for its entries, and whether one of them alone may be guilty.

    Args:
        error: what the call raised.
        bus_parameter: see `BatchedCalls`.
    """
    code = code_of(error)
    if not isinstance(error, ClientError):
        if isinstance(error, _NO_CREDENTIALS):
            return Answer(verdict=Verdict.BUS_FAULT, code=code), False
        return Answer(verdict=Verdict.TRANSIENT, code=code), not isinstance(error, BotoCoreError)
    found = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    answer = answer_for(code, status)
    refused = answer.verdict is Verdict.REFUSED
    if refused and bus_parameter in str(found.get("Message", "")):
        return Answer(verdict=Verdict.BUS_FAULT, code=answer.code), False
    return answer, refused


def code_of(error: Exception) -> str:
    """AWS's error code, or botocore's name for it; of any other exception, where it was raised."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unnamed"))
    return type(error).__name__ if isinstance(error, BotoCoreError) else where_raised(error)


def too_large(size_max_bytes: int) -> Answer:
    """The answer for an entry that is not even sent."""
    limit = f"at most {size_max_bytes} bytes with what the transport counts along"
    return Answer(verdict=Verdict.REFUSED, code="EventTooLarge", reason=EventTooLarge(limit))


# Private functions


@dataclass(slots=True)
class _Call:
    """The entries of one call, and their places among all that are sent."""

    places: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, place: int, request: Request, size_bytes: int) -> None:
        self.places.append(place)
        self.requests.append(request)
        self.size_bytes += size_bytes
