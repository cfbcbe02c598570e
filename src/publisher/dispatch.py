"""Bring one batch's entries onto the bus: in rounds, with retries, in order where that matters.

Entries stand in lanes. On a bus without order each entry has a lane of its own, so one round sends
everything. On an ordered bus a lane is a customer: a round sends each customer's next change, and
the one after it waits for the confirmation.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from customer_events.deadline import Deadlines
from publisher.batch_result import BatchResult
from publisher.clock import Clock
from publisher.events import Entry
from publisher.evidence import GIVE_UP_AFTER_SECONDS, FailureTracker
from publisher.ports import Answer, Bus, FailureStore, ParkedRecord, Verdict
from publisher.reasons import BadRecord, BusKeepsFailing, UnexpectedError

RETRY_DELAY_BASE_SECONDS = 0.1
RETRY_DELAY_MAX_SECONDS = 3.0
PARKING_FAILED = "ParkingFailed"
OUT_OF_TIME = "OutOfTime"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEntry:
    """An entry, and the index in the batch of the record that it comes from."""

    record_index: int
    entry: Entry


Lane = deque[PendingEntry]


@dataclass(slots=True, kw_only=True)
class Dispatch:
    """One batch on its way; what becomes of it is written into `result`.

    Args:
        jitter: a fraction from 0 up to 1, anew at each call.
    """

    bus: Bus
    failure_store: FailureStore
    tracker: FailureTracker
    clock: Clock
    jitter: Callable[[], float]
    deadlines: Deadlines
    result: BatchResult
    _codes: dict[str, str] = field(default_factory=dict)

    def run(self, pending: Iterable[PendingEntry], bad: Mapping[int, BadRecord]) -> None:
        """Send every entry until it is settled or the deadline is near; then park what is bad."""
        lanes = self._lanes(pending)
        attempt = 0
        while lanes:
            lanes, retrying = self._round(lanes)
            if not lanes:
                break
            attempt = attempt + 1 if retrying else 0
            delay = self._delay_seconds(attempt)
            if self.deadlines.work.seconds_left() <= delay:
                self._fail(lanes, OUT_OF_TIME)
                break
            if retrying:
                self.result.retried += retrying
                self.clock.sleep(delay)
        self._park(list(bad.items()))

    # Private functions

    def _lanes(self, pending: Iterable[PendingEntry]) -> list[Lane]:
        if not self.bus.ordered:
            return [deque((entry,)) for entry in pending]
        by_customer: dict[str, Lane] = {}
        for entry in pending:
            by_customer.setdefault(entry.entry.event.customer_id, deque()).append(entry)
        return list(by_customer.values())

    def _round(self, lanes: list[Lane]) -> tuple[list[Lane], int]:
        """Send the head of each lane; the lanes that go on, and how many of them try again."""
        answers = self.bus.send([lane[0].entry for lane in lanes], self.deadlines.work)
        now = self.clock.monotonic()
        confirmed: list[Lane] = []
        unconfirmed: list[tuple[Lane, Answer]] = []
        for lane, answer in zip(lanes, answers, strict=True):
            if answer.verdict is not Verdict.CONFIRMED:
                unconfirmed.append((lane, answer))
                continue
            self.result.published += 1
            self.tracker.confirmed(lane.popleft().entry.event_id, now)
            if lane:
                confirmed.append(lane)
        retrying: list[Lane] = []
        refused: list[tuple[Lane, BadRecord]] = []
        for lane, answer in unconfirmed:
            reason = self._reason_to_park(lane[0].entry, answer, now)
            if reason is not None:
                refused.append((lane, reason))
                continue
            self._codes[lane[0].entry.event_id] = answer.code
            if answer.verdict is Verdict.TRANSIENT:
                retrying.append(lane)
            else:
                self.result.bus_faults += answer.verdict is Verdict.BUS_FAULT
                self._fail([lane], answer.code)
        return confirmed + retrying + self._park_heads(refused), len(retrying)

    def _reason_to_park(self, entry: Entry, answer: Answer, now: float) -> BadRecord | None:
        if answer.verdict is Verdict.REFUSED:
            return answer.reason or UnexpectedError("a reason")
        if answer.verdict is Verdict.TRANSIENT and self.tracker.keeps_failing(entry.event_id, now):
            minutes = int(GIVE_UP_AFTER_SECONDS // 60)
            return BusKeepsFailing(
                f"a bus that takes it within {minutes} minutes; it answered {answer.code}"
            )
        return None

    def _park_heads(self, refused: list[tuple[Lane, BadRecord]]) -> list[Lane]:
        """Park what the bus refuses; a customer whose change could not be parked waits."""
        unparked = self._park([(lane[0].record_index, reason) for lane, reason in refused])
        going_on: list[Lane] = []
        for lane, _ in refused:
            if lane[0].record_index in unparked:
                self._fail([lane], PARKING_FAILED)
                continue
            lane.popleft()
            if lane:
                going_on.append(lane)
        return going_on

    def _park(self, bad: Sequence[tuple[int, BadRecord]]) -> set[int]:
        """Park records by their index; returns the indexes of those that could not be parked."""
        if not bad:
            return set()
        parked_at = self.clock.now()
        parked = [
            ParkedRecord(record=self.result.records[index], reason=reason, parked_at=parked_at)
            for index, reason in bad
        ]
        errors = self.failure_store.park(parked, self.deadlines.parking)
        unparked: set[int] = set()
        for (index, reason), error in zip(bad, errors, strict=True):
            if error is None:
                self.result.parked[index] = reason
            else:
                unparked.add(index)
                # It says more than that the record failed, so it replaces an earlier code.
                self.result.failed[index] = f"{PARKING_FAILED}:{error}"
        return unparked

    def _fail(self, lanes: Iterable[Lane], code: str) -> None:
        """Fail all that stands in the lanes; an entry's own error says more than `code`."""
        for lane in lanes:
            for pending in lane:
                own = self._codes.get(pending.entry.event_id, code)
                self.result.failed.setdefault(pending.record_index, own)

    def _delay_seconds(self, attempt: int) -> float:
        """Full jitter: AWS Architecture Blog, "Exponential Backoff And Jitter"."""
        if attempt == 0:
            return 0.0
        ceiling = min(RETRY_DELAY_MAX_SECONDS, RETRY_DELAY_BASE_SECONDS * 2.0 ** min(attempt, 16))
        return self.jitter() * ceiling
