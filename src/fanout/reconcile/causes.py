"""Why rows differ, where the failure store or the subscriber's DLQ tells.

The newest change that is known to have failed explains a customer, since it is the one that the
row lacks.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from fanout.dlq.diagnosis import diagnose
from fanout.dlq.ports import DeadLetters
from fanout.dlq.stopping import Stopping
from fanout.dlq.sweep import Sweep
from fanout.reconcile.comparison import Drift
from fanout.reconcile.difference_store import DifferenceStore
from fanout.reconcile.failure_objects import Failure

MESSAGES_MAX = 100_000
_NOT_THE_BUS = frozenset({Drift.CHANGED_BY_HAND, Drift.AHEAD})
"""Kinds that no undelivered event explains."""


def explain(differences: DifferenceStore, found: Iterable[Failure]) -> None:
    """Put the cause to each difference that a failure explains."""
    for failure in found:
        known = differences.get(failure.customer_id)
        if known is None or known.drift in _NOT_THE_BUS:
            continue
        older = known.cause and known.since and failure.since and failure.since < known.since
        if not older:
            differences.put(known.explained(failure.cause, failure.since))


def dead_letters(queue: DeadLetters, stopping: Stopping) -> Iterator[Failure]:
    """What the DLQ tells. Its messages are hidden from others for some seconds, and kept."""
    with Sweep(queue, stop=stopping.asked) as sweep:
        messages = (one for page in sweep.pages() for one in page)
        for message in islice(messages, MESSAGES_MAX):
            diagnosis = diagnose(message)
            if diagnosis.customer_id is None:
                continue
            cause = diagnosis.cause
            yield Failure(
                customer_id=diagnosis.customer_id,
                cause=f"in the DLQ: {cause.code} ({cause.origin})",
                since=diagnosis.event.occurred_at if diagnosis.event else None,
            )
