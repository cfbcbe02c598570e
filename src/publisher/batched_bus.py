"""Send entries in as few calls as count and size allow, whichever the bus."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

from customer_events.deadline import Deadline
from publisher.bus_errors import UNMENTIONED, answer_for_call, too_large
from publisher.events import Entry
from publisher.ports import Answer, Verdict
from publisher.transports import Order, Transport

_NOT_SENT = Answer(verdict=Verdict.NOT_SENT, code="OutOfTime")


class Calls(Protocol):
    """One bus, as its own module calls it; safe for threads, as botocore's clients are."""

    bus_parameter: str
    """How AWS calls the bus in a message that blames it, such as `TopicArn`."""

    def absence(self, now: float) -> Answer | None:  # noqa: ARG002 - most calls say it themselves
        """Why nothing may be sent at this monotonic second; None where the bus is there."""
        return None

    def publish(self, entries: Sequence[Entry]) -> list[Answer]:
        """One call; an answer for each entry, in their order. It may raise."""


class BatchedBus:
    """Implements the port `Bus`; the executor overlaps its calls.

    Args:
        size_max_bytes: of one event, where that is less than the transport takes.
    """

    def __init__(
        self, *, transport: Transport, calls: Calls, size_max_bytes: int, executor: Executor
    ) -> None:
        self.ordered = transport.order is Order.PER_CUSTOMER
        self.calls = calls
        self._transport = transport
        self._entry_size_max_bytes = min(size_max_bytes, transport.entry_size_max_bytes)
        self._call_size_max_bytes = transport.call_size_max_bytes
        if transport.is_sns:
            self._call_size_max_bytes = min(size_max_bytes, transport.call_size_max_bytes)
        self._executor = executor

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> list[Answer]:
        """See the port. While the bus is not known to be there, every entry gets the reason."""
        absence = self.calls.absence(deadline.clock.monotonic()) if entries else None
        if absence is not None:
            return [absence] * len(entries)
        answers: list[Answer] = [UNMENTIONED] * len(entries)
        chunks: list[_Chunk] = []
        for index, entry in enumerate(entries):
            size_bytes = self._transport.size_bytes(entry)
            if size_bytes > self._entry_size_max_bytes:
                answers[index] = too_large(self._entry_size_max_bytes)
                continue
            if not chunks or not self._has_room(chunks[-1], size_bytes):
                chunks.append(_Chunk())
            chunks[-1].indexes.append(index)
            chunks[-1].entries.append(entry)
            chunks[-1].size_bytes += size_bytes
        for chunk, chunk_answers in zip(chunks, self._overlap(chunks, deadline), strict=True):
            for index, answer in zip(chunk.indexes, chunk_answers, strict=True):
                answers[index] = answer
        return answers

    # Private functions

    def _has_room(self, chunk: "_Chunk", size_bytes: int) -> bool:
        return (
            len(chunk.entries) < self._transport.entries_per_call_max
            and chunk.size_bytes + size_bytes <= self._call_size_max_bytes
        )

    def _overlap(self, chunks: list["_Chunk"], deadline: Deadline) -> Iterator[list[Answer]]:
        def publish_in_time(chunk: "_Chunk") -> list[Answer]:
            if chunk is not chunks[0] and deadline.is_over():
                return [_NOT_SENT] * len(chunk.entries)
            return self._publish(chunk.entries, deadline)

        run = map if len(chunks) == 1 else self._executor.map
        return iter(run(publish_in_time, chunks))

    def _publish(self, entries: Sequence[Entry], deadline: Deadline) -> list[Answer]:
        """One call; where it is refused as a whole, one for each entry, to find the guilty one."""
        try:
            return self.calls.publish(entries)
        except Exception as error:  # noqa: BLE001 - the port promises not to raise
            answer, divisible = answer_for_call(error, self.calls.bus_parameter)
        if not divisible or len(entries) == 1:
            return [answer] * len(entries)
        return [
            _NOT_SENT if deadline.is_over() else self._publish([entry], deadline)[0]
            for entry in entries
        ]


# Private functions


@dataclass(slots=True)
class _Chunk:
    """The entries of one call, and their indexes among all that are sent."""

    indexes: list[int] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    size_bytes: int = 0
