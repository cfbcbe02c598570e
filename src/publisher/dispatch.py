"""Bring one batch's entries onto the bus: in rounds, with retries, in order where that matters.

Entries stand in lanes. On a bus without order each entry has a lane of its own, so one round sends
everything. On an ordered bus a lane is a customer: a round sends each customer's next change, and
the one after it waits for the confirmation.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from customer_events.deadline import Deadline
from publisher.events import Entry
from publisher.patience import GIVE_UP_AFTER_SECONDS, Patience
from publisher.ports import Answer, Bus, Clock, Verdict
from publisher.reasons import BadRecord, BusKeepsFailing, UnexpectedError

RETRY_DELAY_BASE_SECONDS = 0.1
RETRY_DELAY_MAX_SECONDS = 3.0
PARKING_FAILED = "ParkingFailed"
OUT_OF_TIME = "OutOfTime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """An entry and the place in the batch of the record that it comes from."""

    record_index: int
    entry: Entry


Lane = deque[Parcel]
Park = Callable[[Sequence[tuple[int, BadRecord]]], set[int]]
"""Parks records, by their place in the batch; returns the places of those that it could not."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of the entries. `failed` holds an error code per record, by place."""

    published: int = 0
    bus_faults: int = 0
    retried: int = 0
    failed: dict[int, str] = field(default_factory=dict)


class Dispatch:
    """One batch on its way.

    Args:
        jitter: a fraction from 0 up to 1, anew at each call.
        park: for entries that the bus refuses, before their customer's next change is sent.
    """

    def __init__(
        self, *, bus: Bus, patience: Patience, clock: Clock, jitter: Callable[[], float], park: Park
    ) -> None:
        self._bus = bus
        self._patience = patience
        self._clock = clock
        self._jitter = jitter
        self._park = park
        self._outcome = Outcome()
        self._codes: dict[str, str] = {}

    def run(self, parcels: Iterable[Parcel], deadline: Deadline) -> Outcome:
        """Send every entry until it is settled or the deadline is near."""
        lanes = self._lanes(parcels)
        attempt = 0
        while lanes:
            sent = lanes
            lanes, retrying = self._round(sent, deadline)
            if not lanes:
                break
            attempt = attempt + 1 if retrying else 0
            delay = self._delay_seconds(attempt)
            if deadline.seconds_left() <= delay:
                self._fail(lanes, OUT_OF_TIME)
                break
            if retrying:
                self._outcome.retried += retrying
                self._clock.sleep(delay)
        return self._outcome

    # Private functions

    def _lanes(self, parcels: Iterable[Parcel]) -> list[Lane]:
        if not self._bus.ordered:
            return [deque((parcel,)) for parcel in parcels]
        by_customer: dict[str, Lane] = {}
        for parcel in parcels:
            by_customer.setdefault(parcel.entry.event.customer_id, deque()).append(parcel)
        return list(by_customer.values())

    def _round(self, lanes: list[Lane], deadline: Deadline) -> tuple[list[Lane], int]:
        """Send the head of each lane; the lanes that go on, and how many of them try again."""
        answers = self._bus.send([lane[0].entry for lane in lanes], deadline)
        now = self._clock.monotonic()
        going_on: list[Lane] = []
        unsettled: list[tuple[Lane, Answer]] = []
        for lane, answer in zip(lanes, answers, strict=True):
            if answer.verdict is not Verdict.CONFIRMED:
                unsettled.append((lane, answer))
                continue
            self._outcome.published += 1
            self._patience.confirmed(lane.popleft().entry.event_id, now)
            if lane:
                going_on.append(lane)
        retrying, refused = self._settle(unsettled, now)
        going_on += retrying
        going_on += self._park_heads(refused)
        return going_on, len(retrying)

    def _settle(
        self, unsettled: list[tuple[Lane, Answer]], now: float
    ) -> tuple[list[Lane], list[tuple[Lane, BadRecord]]]:
        """Which lanes try their head again, and which heads are to be parked."""
        retrying: list[Lane] = []
        refused: list[tuple[Lane, BadRecord]] = []
        for lane, answer in unsettled:
            if answer.verdict is Verdict.REFUSED:
                refused.append((lane, answer.reason or UnexpectedError("a reason")))
            elif answer.verdict is Verdict.TRANSIENT:
                if self._patience.is_over(lane[0].entry.event_id, now):
                    refused.append((lane, _kept_failing(answer.code)))
                else:
                    self._codes[lane[0].entry.event_id] = answer.code
                    retrying.append(lane)
            else:
                self._outcome.bus_faults += answer.verdict is Verdict.BUS_FAULT
                self._codes[lane[0].entry.event_id] = answer.code
                self._fail([lane], answer.code)
        return retrying, refused

    def _park_heads(self, refused: list[tuple[Lane, BadRecord]]) -> list[Lane]:
        """Park what the bus refuses; a customer whose change could not be parked waits."""
        if not refused:
            return []
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

    def _fail(self, lanes: Iterable[Lane], code: str) -> None:
        """Fail all that stands in the lanes; an entry's own error says more than `code`."""
        for lane in lanes:
            for parcel in lane:
                own = self._codes.get(parcel.entry.event_id, code)
                self._outcome.failed.setdefault(parcel.record_index, own)

    def _delay_seconds(self, attempt: int) -> float:
        """Full jitter: AWS Architecture Blog, "Exponential Backoff And Jitter"."""
        if attempt == 0:
            return 0.0
        ceiling = min(RETRY_DELAY_MAX_SECONDS, RETRY_DELAY_BASE_SECONDS * 2.0 ** min(attempt, 16))
        return self._jitter() * ceiling


def _kept_failing(code: str) -> BusKeepsFailing:
    minutes = int(GIVE_UP_AFTER_SECONDS // 60)
    return BusKeepsFailing(f"a bus that takes it within {minutes} minutes; it answered {code}")
