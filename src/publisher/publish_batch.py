"""The use case: one stream batch in, and every record of it published, ignored, parked or failed.

Nothing is ever dropped on the way: a record that is none of the first three is failed, and a failed
record is reported, so that it is delivered again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from customer_events.deadline import Deadlines
from customer_events.event import Status
from customer_events.tracebacks import where_raised
from publisher.batch_result import BatchResult
from publisher.clock import Clock
from publisher.dispatch import Dispatch, PendingEntry
from publisher.events import Entry, Producer, to_entries
from publisher.evidence import BadDeploymentDetector, FailureTracker
from publisher.ports import Bus, FailureStore
from publisher.reasons import BadRecord, UnexpectedError
from publisher.stream_records import StreamRecord
from publisher.transitions import NoTransition, TableRules, detect

EntriesOf = Callable[[StreamRecord, TableRules, Producer], Sequence[Entry]]
"""The entries that a record gives, lowest version first; raises `BadRecord`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPublisher:
    """Publishes stream batches; made once, and used for every batch of a warm environment.

    Args:
        jitter: a fraction from 0 up to 1, anew at each call; spreads retries.
        other_events: what makes entries of other events from the same records.
    """

    rules: TableRules
    producer: Producer
    failure_store: FailureStore
    clock: Clock
    tracker: FailureTracker
    deployment: BadDeploymentDetector
    jitter: Callable[[], float]
    other_events: Sequence[EntriesOf] = ()

    def publish(
        self, records: Sequence[StreamRecord], bus: Bus, deadlines: Deadlines
    ) -> BatchResult:
        """Publish what changed, park what can never be published, and say what failed."""
        result = BatchResult(records=records)
        pending, bad = self._read(result)
        suspected = self.deployment.suspected(
            [(records[index].record_id, reason.code) for index, reason in bad.items()],
            read_well=bool(result.eventful - bad.keys()),
            status_read=result.status_read,
        )
        if suspected is not None:
            result.held = len(records)
            result.failed = dict.fromkeys(range(len(records)), f"BadDeployment:{suspected}")
            return result
        dispatch = Dispatch(
            bus=bus,
            failure_store=self.failure_store,
            tracker=self.tracker,
            clock=self.clock,
            jitter=self.jitter,
            deadlines=deadlines,
            result=result,
        )
        dispatch.run(pending, bad)
        return result

    # Private functions

    def _read(self, result: BatchResult) -> tuple[list[PendingEntry], dict[int, BadRecord]]:
        """The entries of all records, and by its index each record that one event can't read."""
        pending: list[PendingEntry] = []
        bad: dict[int, BadRecord] = {}
        for index, record in enumerate(result.records):
            for entries_of in (None, *self.other_events):
                try:
                    entries = (
                        self._status_entries(record, result)
                        if entries_of is None
                        else entries_of(record, self.rules, self.producer)
                    )
                except BadRecord as reason:
                    bad.setdefault(index, reason)
                except Exception as error:  # noqa: BLE001 - one record's surprise is its own
                    where = result.unexpected.setdefault(index, where_raised(error))
                    bad.setdefault(index, UnexpectedError(f"no exception; there was a {where}"))
                else:
                    pending += [PendingEntry(record_index=index, entry=entry) for entry in entries]
                    if entries:
                        result.eventful.add(index)
        return pending, bad

    def _status_entries(self, record: StreamRecord, result: BatchResult) -> Sequence[Entry]:
        transition = detect(record, self.rules)
        if isinstance(transition, NoTransition):
            result.without_transition += 1
            result.outside_entity_filter += transition is NoTransition.NO_CUSTOMER
            result.status_read |= transition is NoTransition.STATUS_STAYS
            return ()
        entries = to_entries(transition, self.producer)
        result.transitions += 1
        removed = transition.status is Status.REMOVED
        result.status_read |= not removed or transition.previous_status is not None
        result.reasons_left_out += transition.reason_left_out
        if transition.traceparent is not None:
            result.traces.append(transition.traceparent)
        return entries
