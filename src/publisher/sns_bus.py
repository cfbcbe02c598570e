"""Publish to an SNS topic, standard or FIFO, with PublishBatch.

An entry counts as published only where `Successful` lists its id: HTTP 200 may hide failed
entries, and an entry that is in neither list is a failed one.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from hashlib import sha256
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)

from customer_events.event import TYPE_PREFIX, CustomerStatusChanged, transition
from publisher.bus_errors import answer_for
from publisher.events import Entry
from publisher.ports import Answer, Deadline, Verdict
from publisher.reasons import EventTooLarge

ENTRIES_PER_CALL_MAX = 10
_STRING = "String"
_CONFIRMED = Answer(verdict=Verdict.CONFIRMED)
_NOT_SENT = Answer(verdict=Verdict.NOT_SENT, code="OutOfTime")
_UNMENTIONED = Answer(verdict=Verdict.TRANSIENT, code="InNeitherList")
_NO_CREDENTIALS = (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError)


class SnsBus:
    """Implements the port `Bus`; safe for threads, as botocore's clients are.

    Args:
        client: a botocore client of `sns`, which does not retry by itself.
        topic_arn: of a standard topic, or a FIFO topic (`.fifo`).
        message_size_max_bytes: the topic's MaximumMessageSize; it also limits a whole call.
        executor: overlaps the calls.
    """

    def __init__(
        self, *, client: Any, topic_arn: str, message_size_max_bytes: int, executor: Executor
    ) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._message_size_max_bytes = message_size_max_bytes
        self._executor = executor
        self._fifo = topic_arn.endswith(".fifo")

    @property
    def ordered(self) -> bool:
        """A FIFO topic keeps the order within a group, and a group is a customer."""
        return self._fifo

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> list[Answer]:
        """Send entries in as few calls as count and size allow; see the port."""
        answers: list[Answer] = [_UNMENTIONED] * len(entries)
        calls: list[_Call] = []
        call = _Call()
        for index, entry in enumerate(entries):
            request = self._request(entry, index)
            size_bytes = _size_bytes(request)
            if size_bytes > self._message_size_max_bytes:
                answers[index] = self._too_large()
                continue
            if not call.has_room_for(size_bytes, self._message_size_max_bytes):
                calls.append(call)
                call = _Call()
            call.add(request, size_bytes)
        if call.requests:
            calls.append(call)
        for found in self._overlap(calls, deadline):
            for request_id, answer in found.items():
                answers[int(request_id)] = answer
        return answers

    # Private functions

    def _request(self, entry: Entry, index: int) -> dict[str, Any]:
        request = {
            "Id": str(index),
            "Message": entry.document,
            "MessageAttributes": _attributes(entry.event),
        }
        if self._fifo:
            request["MessageGroupId"] = sha256(entry.event.customer_id.encode()).hexdigest()
            request["MessageDeduplicationId"] = entry.event_id
        return request

    def _too_large(self) -> Answer:
        limit = f"at most {self._message_size_max_bytes} bytes with its attributes"
        return Answer(verdict=Verdict.REFUSED, code="EventTooLarge", reason=EventTooLarge(limit))

    def _overlap(self, calls: list["_Call"], deadline: Deadline) -> Iterator[dict[str, Answer]]:
        if not calls:
            return
        if len(calls) == 1:
            yield self._publish(calls[0].requests, deadline)
            return

        def publish_in_time(place: int) -> dict[str, Answer]:
            if place and deadline.seconds_left() <= 0:
                return _for_all(calls[place].requests, _NOT_SENT)
            return self._publish(calls[place].requests, deadline)

        yield from self._executor.map(publish_in_time, range(len(calls)))

    def _publish(self, requests: list[dict[str, Any]], deadline: Deadline) -> dict[str, Answer]:
        """One call; where it is refused as a whole, one for each entry, to find the guilty one."""
        try:
            response = self._client.publish_batch(
                TopicArn=self._topic_arn, PublishBatchRequestEntries=requests
            )
            return _answers_in(response, requests)
        except Exception as error:  # noqa: BLE001 - the port promises not to raise
            answer, divisible = _answer_for_call(error)
        if not divisible or len(requests) == 1:
            return _for_all(requests, answer)
        answers = _for_all(requests, _NOT_SENT)
        for request in requests:
            if deadline.seconds_left() > 0:
                answers |= self._publish([request], deadline)
        return answers


class _Call:
    """The entries of one call."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self._size_bytes = 0

    def has_room_for(self, size_bytes: int, size_max_bytes: int) -> bool:
        return (
            len(self.requests) < ENTRIES_PER_CALL_MAX
            and self._size_bytes + size_bytes <= size_max_bytes
        )

    def add(self, request: dict[str, Any], size_bytes: int) -> None:
        self.requests.append(request)
        self._size_bytes += size_bytes


def _attributes(event: CustomerStatusChanged) -> dict[str, dict[str, str]]:
    """What subscriptions filter by; see the contract."""
    return {
        "type": {"DataType": _STRING, "StringValue": f"{TYPE_PREFIX}{event.schema_version}"},
        "schema_version": {"DataType": _STRING, "StringValue": str(event.schema_version)},
        "status": {"DataType": _STRING, "StringValue": event.status.value},
        "transition": {"DataType": _STRING, "StringValue": transition(event)},
    }


def _size_bytes(request: dict[str, Any]) -> int:
    """The body (ASCII) and each attribute's name, type and value count (SNS quotas)."""
    attributes: dict[str, dict[str, str]] = request["MessageAttributes"]
    return len(request["Message"]) + sum(
        len(name) + len(_STRING) + len(value["StringValue"]) for name, value in attributes.items()
    )


def _answers_in(response: dict[str, Any], requests: list[dict[str, Any]]) -> dict[str, Answer]:
    found = _for_all(requests, _UNMENTIONED)
    for failed in response.get("Failed") or ():
        found[failed["Id"]] = answer_for(str(failed.get("Code", "Unnamed")))
    for successful in response.get("Successful") or ():
        found[successful["Id"]] = _CONFIRMED
    return {request["Id"]: found[request["Id"]] for request in requests}


def _answer_for_call(error: Exception) -> tuple[Answer, bool]:
    """What a failed call means for its entries, and whether one of them alone may be guilty."""
    if not isinstance(error, ClientError):
        code = type(error).__name__
        if isinstance(error, _NO_CREDENTIALS):
            return Answer(verdict=Verdict.BUS_FAULT, code=code), False
        return Answer(verdict=Verdict.TRANSIENT, code=code), not isinstance(error, BotoCoreError)
    found = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    answer = answer_for(str(found.get("Code", "Unnamed")), status)
    refused = answer.verdict is Verdict.REFUSED
    if refused and "TopicArn" in str(found.get("Message", "")):
        return Answer(verdict=Verdict.BUS_FAULT, code=answer.code), False
    return answer, refused


def _for_all(requests: list[dict[str, Any]], answer: Answer) -> dict[str, Answer]:
    return {request["Id"]: answer for request in requests}
