"""The use case: one stream batch in, and every record of it published, ignored, parked or failed.

Nothing is ever dropped on the way: a record that is none of the first three is failed, and a failed
record is reported, so that it is delivered again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from customer_events.deadline import Deadline
from customer_events.tracebacks import where_raised
from publisher import stream_records
from publisher.bad_deployment import BadDeploymentDetector
from publisher.dispatch import PARKING_FAILED, Dispatch, Parcel
from publisher.events import Entry, Producer, to_entries
from publisher.patience import Patience
from publisher.ports import Bus, Clock, FailureStore, ParkedRecord
from publisher.reasons import BadRecord, UnexpectedError
from publisher.transitions import Record, TableRules, detect, matches_entity_filter

EntriesOf = Callable[[Record, TableRules, Producer], Sequence[Entry]]
"""The entries that a record gives, lowest version first; raises `BadRecord`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Until when publishing, and then parking, may start calls."""

    publishing: Deadline
    parking: Deadline


@dataclass(slots=True, kw_only=True)
class BatchResult:
    """What became of a batch; `parked` and `failed` hold codes by the record's place in it.

    `eventful` holds the places of the records that gave events; a record that is in none of the
    three was ignored. `held`: how many failed since the deployment is suspected, not the records.
    `unexpected` says where an exception that nobody foresaw was raised.
    """

    records: int = 0
    transitions: int = 0
    without_transition: int = 0
    outside_entity_filter: int = 0
    reasons_left_out: int = 0
    published: int = 0
    retried: int = 0
    bus_faults: int = 0
    held: int = 0
    unexpected: dict[int, str] = field(default_factory=dict)
    eventful: frozenset[int] = frozenset()
    parked: dict[int, str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)

    def parked_by_reason(self) -> dict[str, int]:
        """How many records were parked for each reason code."""
        return dict(Counter(self.parked.values()))

    def failed_by_code(self) -> dict[str, int]:
        """How many records failed with each error code."""
        return dict(Counter(self.failed.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPublisher:
    """Publishes stream batches; made once, and used for every batch of a warm environment.

    Args:
        jitter: a fraction from 0 up to 1, anew at each call; spreads retries.
        other_events: what makes entries of other events from the same records.
    """

    rules: TableRules
    producer: Producer
    bus: Bus
    failure_store: FailureStore
    clock: Clock
    patience: Patience
    deployment: BadDeploymentDetector
    jitter: Callable[[], float]
    other_events: Sequence[EntriesOf] = ()

    def publish(self, records: Sequence[Record], deadlines: Deadlines) -> BatchResult:
        """Publish what changed, park what can never be published, and say what failed."""
        result = BatchResult(records=len(records))
        parking = _Parking(self.failure_store, self.clock, records, deadlines.parking, result)
        parcels, bad = self._read(records, result)
        result.eventful = frozenset(parcel.record_index for parcel in parcels)
        suspected = self.deployment.suspected(
            [(stream_records.record_id(records[index]), reason.code) for index, reason in bad],
            read_well=bool(result.eventful - dict(bad).keys()),
            status_read=result.without_transition > result.outside_entity_filter,
        )
        if suspected is not None:
            result.held = len(records)
            result.failed = dict.fromkeys(range(len(records)), f"BadDeployment:{suspected}")
            return result
        dispatch = Dispatch(
            bus=self.bus,
            patience=self.patience,
            clock=self.clock,
            jitter=self.jitter,
            park=parking.park,
        )
        outcome = dispatch.run(parcels, deadlines.publishing)
        parking.park(bad)
        result.published = outcome.published
        result.retried = outcome.retried
        result.bus_faults = outcome.bus_faults
        # What parking said of a record tells more than that it failed.
        result.failed = outcome.failed | result.failed
        return result

    # Private functions

    def _read(
        self, records: Sequence[Record], result: BatchResult
    ) -> tuple[list[Parcel], list[tuple[int, BadRecord]]]:
        every: list[EntriesOf] = [partial(self._status_entries, result), *self.other_events]
        parcels: list[Parcel] = []
        bad: dict[int, BadRecord] = {}
        for index, record in enumerate(records):
            for entries_of in every:
                try:
                    entries = entries_of(record, self.rules, self.producer)
                except BadRecord as reason:
                    bad.setdefault(index, reason)
                except Exception as error:  # noqa: BLE001 - one record's surprise is its own
                    where = result.unexpected.setdefault(index, where_raised(error))
                    bad.setdefault(index, UnexpectedError(f"no exception; there was a {where}"))
                else:
                    parcels += [Parcel(record_index=index, entry=entry) for entry in entries]
        return parcels, list(bad.items())

    @staticmethod
    def _status_entries(
        result: BatchResult, record: Record, rules: TableRules, producer: Producer
    ) -> Sequence[Entry]:
        transition = detect(record, rules)
        if transition is None:
            result.without_transition += 1
            result.outside_entity_filter += not matches_entity_filter(record, rules)
            return ()
        entries = to_entries(transition, producer)
        result.transitions += 1
        result.reasons_left_out += transition.reason_left_out
        return entries


# Private functions


class _Parking:
    """Parks records of one batch and notes in its result what came of it."""

    def __init__(
        self,
        store: FailureStore,
        clock: Clock,
        records: Sequence[Record],
        deadline: Deadline,
        result: BatchResult,
    ) -> None:
        self._store = store
        self._clock = clock
        self._records = records
        self._deadline = deadline
        self._result = result

    def park(self, bad: Sequence[tuple[int, BadRecord]]) -> set[int]:
        if not bad:
            return set()
        parked_at = self._clock.now()
        errors = self._store.park(
            [
                ParkedRecord(record=self._records[index], reason=reason, parked_at=parked_at)
                for index, reason in bad
            ],
            self._deadline,
        )
        unparked: set[int] = set()
        for (index, reason), error in zip(bad, errors, strict=True):
            if error is None:
                self._result.parked[index] = reason.code
            else:
                unparked.add(index)
                self._result.failed[index] = f"{PARKING_FAILED}:{error}"
        return unparked
