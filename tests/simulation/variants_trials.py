"""Consumers that lack one rule about failures, and the trial that shows it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from customer_events.deadline import UNLIMITED, Deadline, Deadlines
from customer_events.errors import KeepsFailing
from event_consumer import sqs_handler
from event_consumer.failures import FailureTracker
from event_consumer.messages import Message
from event_consumer.outcomes import Cause, Delivery, Handled, parked
from event_consumer.park_by_customer import ParkByCustomer
from event_consumer.ports import Note
from simulation import consumer_trials as trials
from simulation.checkers import BOUNDED, FIFO_ORDER, ISOLATED, ONLY_POISON_IS_PARKED
from simulation.faults import Setting
from simulation.system import Clients, Handler, System


class Notes:
    """`ParkedGroups` in memory, which outlives every process."""

    def __init__(self) -> None:
        self._notes: dict[str, dict[str, str]] = {}

    def first(self, group: str) -> Note | None:
        notes = self._notes.get(group, {})
        first = min(notes, key=notes.__getitem__, default=None)
        return Note(message_id=first, place=notes[first]) if first else None

    def holds(self, group: str, message_id: str) -> bool:
        return message_id in self._notes.get(group, {})

    def add(self, group: str, message_id: str, *, sequence_number: str) -> None:
        self._notes.setdefault(group, {}).setdefault(message_id, sequence_number.zfill(40))

    def remove(self, group: str, note: Note) -> None:
        self._notes[group].pop(note.message_id, None)


class RealSystem(System):
    """The real system; on FIFO it parks by customer."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.notes = Notes()

    def batch_consumer(self, clients: Clients) -> Any:
        consumer = super().batch_consumer(clients)
        if not self.setting.fifo:
            return consumer
        return ParkByCustomer(consumer=consumer, groups=self.notes)


class Tracking(RealSystem):
    """Has another tracker."""

    made: type[FailureTracker] = FailureTracker

    def tracker(self, clients: Clients) -> FailureTracker:
        return self.made(receives_max=self.setting.receives_max, clock=clients.clock)


class DiesAfterTenReceives(RealSystem):
    """Takes ten receives for enough."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(replace(setting, receives_max=10))


class TakesFaultsForBugs(Tracking):
    """Holds a dependency's fault against the message."""

    class made(FailureTracker):  # noqa: N801
        def after(self, messages: Sequence[Message], ends: Sequence[Handled]) -> list[Handled]:
            bugs = [
                replace(one, cause=Cause.UNEXPECTED) if one.cause is Cause.DEPENDENCY_FAULT else one
                for one in ends
            ]
            return super().after(messages, bugs)


class NeverParksBugs(Tracking):
    """Lets a message with a bug of its own come back until its last receive."""

    class made(FailureTracker):  # noqa: N801
        def after(self, messages: Sequence[Message], ends: Sequence[Handled]) -> list[Handled]:
            del messages
            return list(ends)


class ParksWithoutEvidence(Tracking):
    """Parks whatever failed five times."""

    class made(FailureTracker):  # noqa: N801
        def after(self, messages: Sequence[Message], ends: Sequence[Handled]) -> list[Handled]:
            return [
                parked(KeepsFailing("no bug"))
                if end.cause is Cause.UNEXPECTED and one.receive_count >= 5
                else end
                for one, end in zip(messages, ends, strict=True)
            ]


class IgnoresHowManyFail(Tracking):
    """Parks as soon as any other message went well."""

    class made(FailureTracker):  # noqa: N801
        def after(self, messages: Sequence[Message], ends: Sequence[Handled]) -> list[Handled]:
            super().after(messages, ends)
            well = any(went_well for _, went_well in self._went_well.values())
            return [
                parked(KeepsFailing("no bug"))
                if well and end.cause is Cause.UNEXPECTED and one.receive_count >= 5
                else end
                for one, end in zip(messages, ends, strict=True)
            ]


class RemembersForever(Tracking):
    """Takes for evidence what went well hours ago."""

    class made(FailureTracker):  # noqa: N801
        def __init__(self, **parts: Any) -> None:
            super().__init__(**parts)
            self._clock = _Stopped()


class HandlesSuspectsWithTheOthers(RealSystem):
    """Handles all messages of a batch at once, however often they came."""

    def consumer(self, clients: Clients) -> Handler:
        handler = super().consumer(clients)

        def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
            whole = sqs_handler.in_turns
            sqs_handler.in_turns = lambda batch, _: [list(range(len(batch)))]
            try:
                return handler(event, context)
            finally:
                sqs_handler.in_turns = whole

        return handle


class AcknowledgesWithItsAnswerOnly(RealSystem):
    """Acknowledges nothing before a message that may kill the process."""

    def redelivery(self, clients: Clients) -> Any:
        redelivery = super().redelivery(clients)
        redelivery.acknowledge = lambda *_: None
        return redelivery


class TriesOnTheLastReceive(Tracking):
    """Tries a message on its last receive, as on any."""

    class made(FailureTracker):  # noqa: N801
        def before(self, message: Message) -> Handled | None:
            del message


class GoesOnBehindAFailure(RealSystem):
    """Handles the next message of a group whose last one could not be parked."""

    def consumer(self, clients: Clients) -> Handler:
        handler = super().consumer(clients)

        def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
            whole = sqs_handler._hold_back
            sqs_handler._hold_back = lambda deliveries, _: list(deliveries)
            try:
                return handler(event, context)
            finally:
                sqs_handler._hold_back = whole

        return handle


class StartsTheClockAnew(RealSystem):
    """Gives each wave of a group, and each suspect, the whole time."""

    def batch_consumer(self, clients: Clients) -> Any:
        return _Late(super().batch_consumer(clients), lambda _: UNLIMITED)


class IgnoresItsDeadline(RealSystem):
    """Has a budget of 29 of 30 seconds."""

    def batch_consumer(self, clients: Clients) -> Any:
        return _Late(
            super().batch_consumer(clients),
            lambda until: Deadline(ends_at=until.ends_at + 17, clock=until.clock),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A broken consumer, the trial that it does not stand, and the guarantee that it breaks."""

    system: type[System]
    trial: trials.Trial
    breaks: str


VARIANTS = (
    Variant(system=DiesAfterTenReceives, trial=trials.outage, breaks=ONLY_POISON_IS_PARKED),
    Variant(system=TakesFaultsForBugs, trial=trials.one_ledger_down, breaks=ONLY_POISON_IS_PARKED),
    Variant(system=NeverParksBugs, trial=trials.own_bug, breaks=BOUNDED),
    Variant(system=ParksWithoutEvidence, trial=trials.bad_deployment, breaks=ONLY_POISON_IS_PARKED),
    Variant(system=IgnoresHowManyFail, trial=trials.sudden_bug, breaks=ONLY_POISON_IS_PARKED),
    Variant(system=RemembersForever, trial=trials.bug_after_quiet, breaks=ONLY_POISON_IS_PARKED),
    Variant(system=HandlesSuspectsWithTheOthers, trial=trials.deadly_message, breaks=ISOLATED),
    Variant(
        system=HandlesSuspectsWithTheOthers,
        trial=trials.deadly_beside_its_last_receive,
        breaks=ISOLATED,
    ),
    Variant(system=AcknowledgesWithItsAnswerOnly, trial=trials.deadly_message, breaks=ISOLATED),
    Variant(system=TriesOnTheLastReceive, trial=trials.deadly_for_its_customer, breaks=FIFO_ORDER),
    Variant(system=GoesOnBehindAFailure, trial=trials.last_receive_unnoted, breaks=FIFO_ORDER),
    Variant(system=StartsTheClockAnew, trial=trials.crawling_writes, breaks=ISOLATED),
    Variant(system=IgnoresItsDeadline, trial=trials.crawling_writes, breaks=ISOLATED),
)


# Private functions


class _Stopped:
    def monotonic(self) -> float:
        return 0.0


class _Late:
    """A batch consumer that goes on beyond its deadline for work."""

    def __init__(self, inner: Any, later: Callable[[Deadline], Deadline]) -> None:
        self._inner = inner
        self._later = later

    def consume(self, messages: Any, deadlines: Deadlines, now: Any) -> list[Delivery]:
        late = replace(deadlines, work=self._later(deadlines.work))
        return self._inner.consume(messages, late, now)
