"""Each rule about failures: the system passes its trial, and fails it without the rule."""

from dataclasses import dataclass, replace
from functools import partial

import pytest

from customer_events.deadline import UNLIMITED, Deadline
from customer_events.errors import KeepsFailing
from event_consumer import sqs_handler
from event_consumer.outcomes import Cause, parked
from event_consumer.park_by_customer import ParkByCustomer
from event_consumer.ports import Note
from publisher.evidence import BadDeploymentDetector
from simulation import trials
from simulation.checkers import (
    BOUNDED,
    FIFO_ORDER,
    ISOLATED,
    ONLY_POISON_IS_PARKED,
    GuaranteeBroken,
)
from simulation.system import Change, System

SEEDS = 4


class Notes:
    """`ParkedGroups` in memory, which outlives every process."""

    def __init__(self):
        self._notes = {}

    def first(self, group):
        notes = self._notes.get(group, {})
        first = min(notes, key=notes.__getitem__, default=None)
        return Note(message_id=first, place=notes[first]) if first else None

    def holds(self, group, message_id):
        return message_id in self._notes.get(group, {})

    def add(self, group, message_id, *, sequence_number):
        self._notes.setdefault(group, {}).setdefault(message_id, sequence_number.zfill(40))

    def remove(self, group, note):
        self._notes[group].pop(note.message_id, None)


class RealSystem(System):
    """The real system; on FIFO it parks by customer."""

    def __init__(self, setting, **options):
        super().__init__(setting, **options)
        self.notes = Notes()

    def batch_consumer(self, clients):
        consumer = super().batch_consumer(clients)
        if not self.setting.fifo:
            return consumer
        return ParkByCustomer(consumer=consumer, groups=self.notes)


# The rules that are left out


def judging(after, tracker, _):
    """A failure tracker that judges how a batch ended in another way."""
    tracker.after = partial(after, tracker, tracker.after)
    return tracker


def faults_as_bugs(_, real_after, messages, ends):
    bugs = [
        replace(one, cause=Cause.UNEXPECTED) if one.cause is Cause.DEPENDENCY_FAULT else one
        for one in ends
    ]
    return real_after(messages, bugs)


def without_evidence(_, __, messages, ends):
    return [
        parked(KeepsFailing("no bug"))
        if end.cause is Cause.UNEXPECTED and one.receive_count >= 5
        else end
        for one, end in zip(messages, ends, strict=True)
    ]


def on_any_success(tracker, real_after, messages, ends):
    real_after(messages, ends)
    well = any(went_well for _, went_well in tracker._went_well.values())
    return without_evidence(tracker, real_after, messages, ends) if well else list(ends)


class StoppedClock:
    def monotonic(self):
        return 0.0


def remembering(tracker, _):
    tracker._clock = StoppedClock()
    return tracker


def trying_the_last_receive(tracker, _):
    tracker.before = lambda message: None
    return tracker


def replacing(name, stand_in, handler, _):
    """A handler for which a function of its module does something else."""

    def handle(event, context):
        real = getattr(sqs_handler, name)
        setattr(sqs_handler, name, stand_in)
        try:
            return handler(event, context)
        finally:
            setattr(sqs_handler, name, real)

    return handle


ALL_IN_ONE_TURN = partial(replacing, "in_turns", lambda batch, _: [list(range(len(batch)))])


def acknowledging_late(redelivery, _):
    redelivery.acknowledge = lambda *_: None
    return redelivery


def late(deadline, handler, _):
    """A consumer that continues beyond its deadline for work."""
    return replace(handler, consumer=LateConsumer(handler.consumer, deadline))


class LateConsumer:
    def __init__(self, inner, deadline):
        self._inner = inner
        self._deadline = deadline

    def consume(self, messages, deadlines, now):
        return self._inner.consume(
            messages, replace(deadlines, work=self._deadline(deadlines.work)), now
        )


def of_29_seconds(until):
    return Deadline(ends_at=until.ends_at + 17, clock=until.clock)


@dataclass(frozen=True, slots=True)
class Variant:
    """A system without one rule, the trial that it fails, and the guarantee that it breaks."""

    trial: trials.Trial
    breaks: str
    part: str = ""
    change: Change | None = None
    receives_max: int = 0

    def system(self, setting):
        setting = replace(setting, receives_max=self.receives_max or setting.receives_max)
        return RealSystem(setting, changes={self.part: self.change} if self.part else {})


_UNENDING = BadDeploymentDetector(records_in_a_row=float("inf"))
VARIANTS = {
    "parks every record of a bad deployment": Variant(
        trials.bad_publisher,
        ONLY_POISON_IS_PARKED,
        "batch_publisher",
        lambda publisher, _: replace(publisher, deployment=_UNENDING),
    ),
    "takes ten receives for enough": Variant(trials.outage, ONLY_POISON_IS_PARKED, receives_max=10),
    "holds a dependency's fault against the message": Variant(
        trials.one_ledger_down, ONLY_POISON_IS_PARKED, "tracker", partial(judging, faults_as_bugs)
    ),
    "lets a message with a bug of its own come back until its last receive": Variant(
        trials.own_bug, BOUNDED, "tracker", partial(judging, lambda *all_: list(all_[-1]))
    ),
    "parks whatever failed five times": Variant(
        trials.bad_deployment, ONLY_POISON_IS_PARKED, "tracker", partial(judging, without_evidence)
    ),
    "parks as soon as any other message went well": Variant(
        trials.sudden_bug, ONLY_POISON_IS_PARKED, "tracker", partial(judging, on_any_success)
    ),
    "takes for evidence what went well hours ago": Variant(
        trials.bug_after_quiet, ONLY_POISON_IS_PARKED, "tracker", remembering
    ),
    "handles all messages of a batch at once, however often they came": Variant(
        trials.deadly_message, ISOLATED, "consumer", ALL_IN_ONE_TURN
    ),
    "handles one on its last receive at once with the others": Variant(
        trials.deadly_beside_its_last_receive, ISOLATED, "consumer", ALL_IN_ONE_TURN
    ),
    "acknowledges nothing before a message that may kill the process": Variant(
        trials.deadly_message, ISOLATED, "redelivery", acknowledging_late
    ),
    "tries a message on its last receive, as on any": Variant(
        trials.deadly_for_its_customer, FIFO_ORDER, "tracker", trying_the_last_receive
    ),
    "handles the next message of a group whose last one could not be parked": Variant(
        trials.last_receive_unnoted,
        FIFO_ORDER,
        "consumer",
        partial(replacing, "_hold_back", lambda deliveries, _: list(deliveries)),
    ),
    "gives each wave of a group, and each suspect, the whole time": Variant(
        trials.crawling_writes, ISOLATED, "consumer", partial(late, lambda _: UNLIMITED)
    ),
    "has a budget of 29 of 30 seconds": Variant(
        trials.crawling_writes, ISOLATED, "consumer", partial(late, of_29_seconds)
    ),
}
TRIALS = sorted({one.trial for one in VARIANTS.values()}, key=lambda one: one.__name__)


@pytest.mark.slow
@pytest.mark.parametrize("trial", TRIALS, ids=lambda one: one.__name__)
def test_the_system_passes_each_trial(trial):
    for seed in range(SEEDS):
        trial(RealSystem, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_system_without_one_rule_is_caught(name):
    variant = VARIANTS[name]

    def all_seeds():
        for seed in range(SEEDS):
            variant.trial(variant.system, seed)

    with pytest.raises(GuaranteeBroken) as broken:
        all_seeds()
    assert broken.value.guarantee == variant.breaks, broken.value
