"""What publisher and consumer must survive: outages, bugs, deadly messages, and slow writes.

Each trial drives the real world for as long as it takes, and judges what is left.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

from customer_events.event import CustomerStatusChanged
from event_consumer import DependencyFault
from payments_consumer.standing import attributes
from simulation.calls import Calls
from simulation.checkers import (
    BOUNDED,
    FIFO_ORDER,
    ISOLATED,
    NOTHING_LOST,
    ONLY_POISON_IS_PARKED,
    GuaranteeBroken,
)
from simulation.faults import Setting
from simulation.play import SystemMaker
from simulation.queues import VISIBILITY_SECONDS
from simulation.schedule import Step
from simulation.world import World

HOUR_SECONDS = 3600.0
SLOW_WRITE_SECONDS = 4.5
CUSTOMERS = 8
SETTING = Setting(customers=CUSTOMERS, receives_max=240)
FIFO = replace(SETTING, fifo=True, customers=2)
Trial = Callable[[SystemMaker, int], None]
"""Raises `GuaranteeBroken`; takes the system and a seed."""


class Stage:
    """A world and what its consumer's rule meets."""

    def __init__(self, system: SystemMaker, setting: Setting, seed: int) -> None:
        self.dice = Random(seed)
        self.system = system(setting)
        self.world = World(setting, self.system, with_log=True)
        self.payments = self.world.subscribers[0]
        self.world.checkers.refusals_expected = True  # a trial judges by itself what is parked
        self.world.checkers.parks_by_customer = setting.fifo
        self.meets: Callable[[CustomerStatusChanged], None] = lambda _: None
        self.system.rule = self._rule
        self._changes = self.system.changes

    def write(self, customers: int, first: int = 1) -> None:
        for number in range(first, first + customers):
            self.world.writers.write(f"c-{number}", "status", self.dice)

    def change(self, customers: int, first: int = 1) -> None:
        """The next change of each of these customers reaches the queue."""
        self.write(customers, first)
        step = Step(do="publish")
        while self.world.workers.publish(replace(step, dice=self.dice.getrandbits(30))):
            pass
        while self.world.topic.deliver(self.dice, 50, in_order=True):
            pass

    def work_for(self, seconds: float) -> None:
        """Publisher and consumer work for a while; time passes between their batches."""
        world, clock = self.world, self.world.clock
        until = clock.seconds + seconds
        while True:
            if world.mapping.due_at(clock.seconds) == clock.seconds:
                world.workers.publish(Step(do="publish", dice=self.dice.getrandbits(30)))
            world.topic.deliver(self.dice, 50, in_order=True)
            step = Step(do="consume", dice=self._full_batch(), what="in order")
            if world.workers.consume(step, self.payments):
                continue
            times = world.mapping.due_at(clock.seconds), self.payments.queue.next_visible_at()
            due_at = min((at for at in times if at is not None), default=until + 1)
            if due_at > until:
                break
            clock.seconds = max(clock.seconds, due_at)
        clock.seconds = max(clock.seconds, until)

    def deploy(self, **changes: Any) -> None:
        """Every environment starts anew, with these parts changed."""
        self.system.changes = {**self._changes, **changes}
        self.world.workers.start_anew()

    @property
    def stored(self) -> set[str]:
        return set(self.payments.rows)

    @property
    def dead(self) -> list[tuple[str, str]]:
        """Customer and reason of what is in the DLQ, in order."""
        facts = [
            (self.world.truth.fact_of(one.body), one.attributes.get("parked_reason", {}))
            for one in self.payments.dlq.messages.values()
        ]
        return [
            (one.customer, reason.get("StringValue", "moved by SQS"))
            for one, reason in facts
            if one
        ]

    def expect(self, holds: object, guarantee: str, sentence: str) -> None:
        if not holds:
            raise GuaranteeBroken(guarantee, f"{sentence}; dead: {self.dead}")

    def _full_batch(self) -> int:
        """Dice by which all that waits comes together: the worst for those beside a killer."""
        while (
            Random(found := self.dice.getrandbits(30)).randint(1, SETTING.queue_batch) < CUSTOMERS
        ):
            pass
        return found

    def _rule(self, event: CustomerStatusChanged) -> Mapping[str, str]:
        self.meets(event)
        return attributes(event)

    def note(self, fault: str) -> None:
        self.world.calls.current.met.append(fault)


@contextmanager
def stage(system: SystemMaker, setting: Setting, seed: int) -> Iterator[Stage]:
    made = Stage(system, setting, seed)
    try:
        yield made
    finally:
        made.world.close()


def raises(at: Stage, error: Exception, *customers: str) -> Callable[[CustomerStatusChanged], None]:
    """The rule raises for these customers; for all where none is named."""

    def meet(event: CustomerStatusChanged) -> None:
        if not customers or event.customer_id in customers:
            at.note("the rule raises")
            raise error

    return meet


def dies(at: Stage, customer: str) -> Callable[[CustomerStatusChanged], None]:
    def meet(event: CustomerStatusChanged) -> None:
        if event.customer_id == customer:
            at.note("the process dies")
            Calls._die(at.world.calls.current)

    return meet


class FailingProducer:
    """A publisher's settings whose use is a bug."""

    def __init__(self, at: Stage) -> None:
        self._at = at

    def __getattr__(self, name: str) -> Any:
        self._at.note("the publisher raises")
        raise KeyError(name)


# The trials


def bad_publisher(system: SystemMaker, seed: int) -> None:
    """A new publisher fails on every record from its start, until the next deployment."""
    with stage(system, SETTING, seed) as at:
        at.deploy(producer=lambda *_: FailingProducer(at))
        at.write(CUSTOMERS)
        at.work_for(HOUR_SECONDS)
        at.expect(not at.world.bucket.held, ONLY_POISON_IS_PARKED, "good records were parked")
        at.deploy()
        at.work_for(HOUR_SECONDS)
        at.expect(len(at.stored) == CUSTOMERS, NOTHING_LOST, "it did not heal by itself")


def outage(system: SystemMaker, seed: int) -> None:
    """The table is down for 12 hours; or nothing can delay a message either, for two minutes less.

    In that case a message comes at each visibility timeout, and the 240th receive is its last.
    """
    for seconds, down in (
        (12 * HOUR_SECONDS, ["table payments"]),
        (238 * VISIBILITY_SECONDS, ["table payments", "queue payments"]),
    ):
        _outage(system, seed, seconds, down)


def _outage(system: SystemMaker, seed: int, seconds: float, down: list[str]) -> None:
    with stage(system, SETTING, seed) as at:
        at.change(CUSTOMERS)
        at.world.calls.outages |= dict.fromkeys(down, at.world.clock.seconds + seconds)
        at.work_for(seconds)
        at.expect(not at.dead, ONLY_POISON_IS_PARKED, "an outage of 12 hours killed messages")
        at.work_for(HOUR_SECONDS)
        at.expect(len(at.stored) == CUSTOMERS, NOTHING_LOST, "it did not heal by itself")


def one_ledger_down(system: SystemMaker, seed: int) -> None:
    """What the rule needs for one customer is down for hours, while the others' events flow."""
    with stage(system, SETTING, seed) as at:
        at.meets = raises(at, DependencyFault("LedgerDown"), "c-1")
        for _ in range(8):
            at.change(CUSTOMERS)
            at.work_for(HOUR_SECONDS / 10)
        at.expect(not at.dead, ONLY_POISON_IS_PARKED, "a dependency's fault was held against it")
        at.meets = lambda _: None
        at.work_for(HOUR_SECONDS)
        at.expect("c-1" in at.stored, NOTHING_LOST, "it did not heal by itself")


def own_bug(system: SystemMaker, seed: int) -> None:
    """The rule fails on one customer's events, while the others' flow."""
    with stage(system, SETTING, seed) as at:
        at.meets = raises(at, KeyError("canary"), "c-1")
        at.change(1)
        for _ in range(20):
            at.change(CUSTOMERS - 1, first=2)
            at.work_for(60)
        at.expect(("c-1", "KeepsFailing") in at.dead, BOUNDED, "it kept failing for 20 minutes")
        at.expect({one for one, _ in at.dead} == {"c-1"}, ISOLATED, "others are dead too")
        at.expect(len(at.stored) == CUSTOMERS - 1, ISOLATED, "others were not stored")


def bug_for_all(system: SystemMaker, seed: int, *, before: int, quiet: float, after: int) -> None:
    """The rule begins to fail on everything, in a process that handled others well before."""
    with stage(system, SETTING, seed) as at:
        at.change(before)
        at.work_for(quiet)
        at.meets = raises(at, KeyError("canary"))
        at.change(after)
        at.work_for(HOUR_SECONDS)
        at.expect(not at.dead, ONLY_POISON_IS_PARKED, "a bad deployment killed messages")


def bad_deployment(system: SystemMaker, seed: int) -> None:
    """A new process fails on everything from its start."""
    with stage(system, SETTING, seed) as at:
        at.change(CUSTOMERS)
        at.work_for(60)
        at.deploy()
        at.meets = raises(at, KeyError("canary"))
        at.change(CUSTOMERS)
        at.work_for(HOUR_SECONDS)
        at.expect(not at.dead, ONLY_POISON_IS_PARKED, "a bad deployment killed messages")


def sudden_bug(system: SystemMaker, seed: int) -> None:
    """As many messages fail as went well a moment ago."""
    bug_for_all(system, seed, before=CUSTOMERS, quiet=10, after=CUSTOMERS)


def bug_after_quiet(system: SystemMaker, seed: int) -> None:
    """Two messages fail; many went well, an hour ago."""
    bug_for_all(system, seed, before=CUSTOMERS, quiet=HOUR_SECONDS, after=2)


def deadly_message(system: SystemMaker, seed: int) -> None:
    """One message of a batch kills the process each time; the others came with it."""
    with stage(system, SETTING, seed) as at:
        at.meets = dies(at, f"c-{at.dice.randint(1, CUSTOMERS)}")
        at.change(CUSTOMERS)
        at.work_for(24 * HOUR_SECONDS)
        at.expect(len(at.stored) == CUSTOMERS - 1, ISOLATED, "others were not stored")
        at.expect(len(at.dead) == 1, ISOLATED, "others are dead too, or it lives for ever")


def deadly_beside_its_last_receive(system: SystemMaker, seed: int) -> None:
    """A message on its last receive comes with one that kills the process."""
    with stage(system, SETTING, seed) as at:
        at.meets = raises(at, KeyError("canary"), "c-1")
        at.change(1)
        [message] = at.payments.queue.messages.values()
        message.receives = 239
        at.meets = dies(at, "c-2")
        at.change(1, first=2)
        at.work_for(10)
        at.expect(at.dead == [("c-1", "KeepsFailing")], ISOLATED, "it left no note of its own")


def deadly_for_its_customer(system: SystemMaker, seed: int) -> None:
    """With parking by customer the later events of the one that kills the process must wait."""
    with stage(system, FIFO, seed) as at:
        killer = [True]
        die = dies(at, "c-1")
        at.meets = lambda event: die(event) if killer else None
        at.change(2)
        at.work_for(13 * HOUR_SECONDS)
        killer.clear()  # only the first one was deadly
        at.change(2)
        at.work_for(HOUR_SECONDS)
        at.expect("c-1" not in at.stored, FIFO_ORDER, "a later event passed the dead one")
        at.expect("c-2" in at.stored, ISOLATED, "another customer waits as well")


def last_receive_unnoted(system: SystemMaker, seed: int) -> None:
    """A message on its last receive can't be noted; the next of its customer came with it."""
    with stage(system, FIFO, seed) as at:
        at.change(1)
        [message] = at.payments.queue.messages.values()
        message.receives = 239
        at.change(2)

        def down(*_: Any, **__: Any) -> None:
            at.note("the notes are down")
            raise TimeoutError

        at.system.notes.add = down
        at.work_for(1)
        at.expect("c-1" not in at.stored, FIFO_ORDER, "a later event passed the unparked one")
        at.expect("c-2" in at.stored, ISOLATED, "another customer waits as well")


def crawling_writes(system: SystemMaker, seed: int) -> None:
    """Each write takes 4.5 seconds; ten messages of one customer come at once."""
    for setting in (SETTING, FIFO):
        with stage(system, setting, seed) as at:

            def crawl(_: Any, at: Stage = at) -> None:
                at.note("slow")
                at.world.clock.seconds += SLOW_WRITE_SECONDS

            at.meets = crawl
            for _ in range(10):
                at.change(1 if setting.fifo else CUSTOMERS)
            at.work_for(HOUR_SECONDS)
            died = [line for line in at.world.lines if "it died" in line]
            at.expect(not died, ISOLATED, "Lambda ended an invocation")
            at.expect("c-1" in at.stored, NOTHING_LOST, "nothing was stored")
