"""Why a change did not arrive: what the failure store and the DLQ hold explains a difference."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from customer_events.instants import to_wire
from fanout.dlq.diagnosis import diagnose
from fanout.failures.records import Kind, customer_of
from fanout.failures.store import ObjectStore
from fanout.runs.pace import Stopping
from fanout.sqs.queue import SqsQueue
from fanout.sqs.scan import Sweep
from publisher.stream_records import StreamRecord
from sentinel.compare import Drift
from sentinel.drift import DifferenceStore

MESSAGES_MAX = 100_000
OBJECTS_MAX = 10_000  # how many objects of each kind are read at most, the earliest keys first
_BY = {Kind.PARKED: "parked by the publisher", Kind.BATCH: "given up by the stream mapping"}
_NOT_THE_BUS = frozenset({Drift.CHANGED_BY_HAND, Drift.AHEAD})
"""Kinds that no undelivered event explains."""


class Failure(NamedTuple):
    """A change of a customer that did not arrive, and why; `since`: when it occurred."""

    customer_id: str
    cause: str
    since: str | None


def explain(differences: DifferenceStore, failures: Iterable[Failure]) -> None:
    """Note the cause of each difference that a failure explains; the newest failure counts."""
    for failure in failures:
        known = differences.get(failure.customer_id)
        if known is None or known.drift in _NOT_THE_BUS:
            continue
        if not (known.cause and known.since and failure.since and failure.since < known.since):
            since = known.since or failure.since
            differences.put(replace(known, cause=failure.cause, since=since))


def stored_failures(s3: Any, bucket: str, id_attribute: str) -> Iterator[Failure]:
    """Every change in the publisher's failure store."""
    for failure in ObjectStore(s3, bucket).failures(most=OBJECTS_MAX):
        cause = f"{_BY[failure.kind]}: {failure.reason}"
        for record in failure.records or ():
            customer_id = customer_of(record, id_attribute)
            if customer_id is not None:
                at = StreamRecord(record).created_at
                yield Failure(customer_id, cause, to_wire(at) if at else None)


def dead_letters(queue: SqsQueue, stopping: Stopping) -> Iterator[Failure]:
    """Every message in the DLQ. They are hidden from others for some seconds, and kept."""
    with Sweep(queue, stop=stopping.asked) as sweep:
        for message in islice(sweep.messages(), MESSAGES_MAX):
            seen = diagnose(message)
            if seen.customer_id is not None:
                cause = f"in the DLQ: {seen.cause.code} ({seen.cause.origin})"
                since = to_wire(seen.event.occurred_at) if seen.event else None
                yield Failure(seen.customer_id, cause, since)
