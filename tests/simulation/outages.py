"""Histories of hours: calm, and then one outage. Minute by minute every alarm is looked at.

Two checkers judge them. *No false alarm*: while nothing is wrong, no alarm is on. *No silent
failure*: whatever has gone wrong, some alarm that reaches somebody is on in time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from customer_events.event import CustomerStatusChanged
from customer_events.metrics import DRIFTED_ROWS, NAMESPACE
from payments_consumer.standing import attributes
from publisher.transitions import TableRules
from simulation import alarm_set
from simulation.calls import Calls
from simulation.checkers import GuaranteeBroken
from simulation.clock import START_SECONDS
from simulation.cloudwatch import Alarm, Alarms, Composite
from simulation.faults import Setting
from simulation.monitored import (
    COMPARE_MINUTES,
    PREFIX,
    SENTINEL_MINUTES,
    Monitored,
    PipedSystem,
    ReportingSystem,
)
from simulation.truth import Change
from simulation.world import POISON

NO_SILENT_FAILURE = "no silent failure"
NO_FALSE_ALARM = "no false alarm"

WAITS_MINUTES_MAX = 15
"""A change that has not reached its row for so long needs an alarm that is on."""
PARKED_MINUTES_MAX = 15
"""So soon after something was parked an alarm has to go on that was not on before."""
SILENT_MINUTES_MAX = 15
"""While a change waits no alarm may be off for longer: some come with each retry alone. Of one that
SNS lost nothing comes again, so there it is enough that an alarm was on."""
HALVES = frozenset({f"{PREFIX}-payments-end-to-end-lag-now"})
"""Alarms that mean something together with another one alone, and call nobody by themselves."""
REPAIRED_MINUTES = 60
"""So long after all is repaired no page is on: one that stays on would hide the next outage."""
WARM_UP_MINUTES = 40
DAY_MINUTES = 24 * 60


# Traffic

Traffic = Callable[[Random, int], int]
"""How many writes there are in a minute."""


def _steady(a_minute: float) -> Traffic:
    def writes(dice: Random, _: int) -> int:
        return int(a_minute) + (dice.random() < a_minute % 1)

    return writes


def _bursts(every_minutes: int, most: int) -> Traffic:
    def writes(dice: Random, _: int) -> int:
        return dice.randint(1, most) if dice.random() < 1 / every_minutes else 0

    return writes


def _nightly(dice: Random, minute: int) -> int:
    """A job at the full hour, and hardly anything else."""
    return dice.randint(5, 25) if minute % 60 == 0 else int(dice.random() < 1 / 60)


TRAFFIC: dict[str, Traffic] = {
    "very quiet": _steady(1 / 120),
    "quiet": _steady(1 / 20),
    "ordinary": _steady(0.7),
    "busy": _steady(2.5),
    "bursts": _bursts(25, 30),
    "a job every hour": _nightly,
}
_KINDS = ("status",) * 14 + ("touch", "touch", "touch", "nothing", "remove")


# Outages


class Stage:
    """A monitored world, its traffic, and what its rules meet."""

    def __init__(
        self,
        seed: int,
        *,
        traffic: str,
        alarms: Alarms,
        late_minutes_max: int = 1,
        setting: Setting | None = None,
    ) -> None:
        self.dice = Random(f"outage {seed}")
        setting = setting or SETTING
        self.system = (PipedSystem if setting.pipe else ReportingSystem)(setting)
        self.world = Monitored(
            self.system.setting, self.system, alarms, lambda _: self._late(late_minutes_max)
        )
        self.system.rule = self._rule
        self.meets: Callable[[CustomerStatusChanged], None] = lambda _: None
        self.poison: Callable[[Stage], None] = lambda _: None
        self._subscriptions = list(self.world.topic.subscriptions)
        self._traffic = TRAFFIC[traffic]
        self._dice_late = Random(f"late {seed}")
        self._minute = 0

    @property
    def minute(self) -> int:
        return self._minute

    def pass_minute(self, writes: int | None = None) -> None:
        world, clock, dice = self.world, self.world.clock, self.dice
        start = START_SECONDS + self._minute * 60
        clock.seconds = max(clock.seconds, start)
        count = self._traffic(dice, self._minute) if writes is None else writes
        for at in sorted(dice.uniform(0, 60) for _ in range(count)):
            self._work_until(start + at)
            customer = f"c-{dice.randint(1, world.setting.customers)}"
            world.write(customer, dice.choice(_KINDS), dice)
            world.work(dice)
        self.poison(self)
        self._work_until(start + 59.999)
        world.end_minute(self._minute)
        self._minute += 1

    def jump_to(self, minute: int) -> None:
        """Time passes in which nobody looks."""
        self._minute = minute

    def deploy(self, **changes: Any) -> None:
        """Every environment starts anew, with these parts changed."""
        self.system.changes = changes
        self.world.workers.start_anew()

    def repair(self) -> None:
        """Everything works again; what was lost stays lost."""
        world = self.world
        world.calls.refusals.clear()
        for broken in (world.stopped, world.throttled, world.blind, world.refusing):
            broken.clear()
        world.loses_discards = world.changed_by_hand = False
        world.undecipherable = world.unreadable = False
        world.delivers_every_minutes = 1
        world.topic.subscriptions[:] = self._subscriptions
        self.meets = self.poison = lambda _: None
        self.deploy()

    def note(self, fault: str) -> None:
        self.world.calls.current.met.append(fault)

    # Private functions

    def _work_until(self, until: float) -> None:
        """What is due meanwhile is done when it is due: a retry, a message that comes back."""
        world, clock = self.world, self.world.clock
        while True:
            world.work(self.dice)
            times = [world.payments.queue.next_visible_at(), world.mapping.due_at(clock.seconds)]
            due = [one for one in times if one is not None and one > clock.seconds]
            if not due or min(due) > until:
                break
            clock.seconds = min(due)
        clock.seconds = max(clock.seconds, until)

    def _rule(self, event: CustomerStatusChanged) -> Any:
        self.meets(event)
        return attributes(event)

    def _late(self, most: int) -> int:
        return self._dice_late.randint(0, most)


SETTING = Setting(customers=12, receives_max=240, stream_batch=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One way to fail: what breaks it, and the alarms, without the prefix, that it is the drill of.

    `unseen_because`: why changes may wait longer than 15 minutes for the first alarm; "" where they
    may not. `is_long`: too long to be drawn; the drill alone plays it.
    `by_date`: nothing breaks, but time passes.
    """

    name: str
    breaks: Callable[[Stage], None]
    trips: tuple[str, ...]
    minutes: int = 90
    unseen_because: str = ""
    is_long: bool = False
    by_date: bool = False
    setting: Setting = SETTING
    prepares: Callable[[Stage], None] = lambda _: None
    traffic: tuple[str, ...] = tuple(TRAFFIC)


def refuses(service: str, code: str, status: int = 400) -> Callable[[Stage], None]:
    def begin(at: Stage) -> None:
        at.world.calls.refusals[service] = (code, status)

    return begin


def stops(service: str) -> Callable[[Stage], None]:
    return lambda at: at.world.stopped.add(service)


def throttles(service: str) -> Callable[[Stage], None]:
    return lambda at: at.world.throttled.add(service)


def queue_refuses(*names: str) -> Callable[[Stage], None]:
    return lambda at: at.world.refusing.update(names)


def reads_wrong(**rules: Any) -> Callable[[Stage], None]:
    """A new deployment with other settings about the table."""

    def begin(at: Stage) -> None:
        def changed(real: TableRules, _: Any) -> TableRules:
            return replace(real, **rules)

        at.deploy(rules=changed)

    return begin


def rule_raises(error: Exception, *customers: str) -> Callable[[Stage], None]:
    def begin(at: Stage) -> None:
        def meet(event: CustomerStatusChanged) -> None:
            if not customers or event.customer_id in customers:
                at.note("the rule raises")
                raise error.with_traceback(None)  # else it grows with each raise

        at.meets = meet

    return begin


def rule_kills(*customers: str) -> Callable[[Stage], None]:
    """Memory, or a loop: the process dies."""

    def begin(at: Stage) -> None:
        def meet(event: CustomerStatusChanged) -> None:
            if not customers or event.customer_id in customers:
                at.note("the process dies")
                Calls._die(at.world.calls.current)

        at.meets = meet

    return begin


def starts_never(part: str) -> Callable[[Stage], None]:
    def begin(at: Stage) -> None:
        def broken(*_: Any) -> Any:
            def handler(*_: Any) -> None:
                at.note("it does not start")
                raise ImportError

            return handler

        at.deploy(**{part: broken})

    return begin


def cannot_publish(at: Stage) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            at.note("the publisher raises")
            raise KeyError(name)

    at.deploy(producer=lambda *_: Broken())


def loses_subscription(at: Stage) -> None:
    at.world.topic.subscriptions.clear()


def filters_everything(at: Stage) -> None:
    [one] = at.world.topic.subscriptions
    name = "detail-type" if at.world.setting.eventbridge else "schema_version"
    at.world.topic.subscriptions[:] = [replace(one, policy={name: ["9"]})]


def reads_another_stream(at: Stage) -> None:
    at.world.blind.add("publisher")


def delivers_slowly(at: Stage) -> None:
    at.world.delivers_every_minutes = 4


def sends_poison(a_minute: float) -> Callable[[Stage], None]:
    def begin(at: Stage) -> None:
        def send(at: Stage) -> None:
            at.world.payments.queue.send(at.dice.choice(POISON), {}, origin="stranger")

        def now_and_then(at: Stage) -> None:
            for _ in range(_steady(a_minute)(at.dice, 0)):
                send(at)

        send(at)
        at.poison = now_and_then

    return begin


def writes_unknown_statuses(at: Stage) -> None:
    """Some of the table's writers begin to use a status that TABLE_STATUS_MAP lacks."""

    def write(at: Stage) -> None:
        at.world.write(f"c-{at.dice.randint(1, 12)}", "unknown", at.dice)

    write(at)
    at.poison = lambda at: write(at) if at.dice.random() < 1 / 10 else None


def both(*parts: Callable[[Stage], None]) -> Callable[[Stage], None]:
    def begin(at: Stage) -> None:
        for part in parts:
            part(at)

    return begin


def one_is_dead_already(at: Stage) -> None:
    _move_to_dlq(at)


def more_die(at: Stage) -> None:
    """SQS moves one more message: the consumer's own count saw nothing of it."""
    _move_to_dlq(at)


def _move_to_dlq(at: Stage) -> None:
    queue = at.world.payments.queue
    queue.send(POISON[0], {}, origin="stranger")
    queue.bury(at.dice)


def loses_discards(at: Stage) -> None:
    at.world.loses_discards = True


def days_pass(days: float) -> Callable[[Stage], None]:
    """So many since the history began, less half an hour; at last all alarms have seen calm."""

    def begin(at: Stage) -> None:
        at.jump_to(int(days * DAY_MINUTES) - 30 - WARM_UP_MINUTES)
        for _ in range(WARM_UP_MINUTES):
            at.pass_minute()

    return begin


def finds_a_wrong_setting(at: Stage) -> None:
    at.world.changed_by_hand = True


def drifts(at: Stage) -> None:
    at.world.put(NAMESPACE, DRIFTED_ROWS.name, 2, deployment=PREFIX, subscriber="payments")


_RARE = ("quiet", "bursts")
_A_DAY = "for a day there may be no customer among the records; what was missed is repaired"
OUTAGES = (
    Outage(
        name="the stream's mapping is disabled, deleted, or may not read",
        breaks=stops("publisher"),
        trips=("publisher-stopped",),
    ),
    Outage(
        name="the stream was made anew, and the mapping reads the old one",
        breaks=reads_another_stream,
        trips=("publisher-sees-nothing",),
        traffic=("ordinary", "busy"),
    ),
    Outage(
        name="the stream was made anew, and the table is seldom written to",
        breaks=reads_another_stream,
        trips=("publisher-misses-changes",),
        minutes=360,
        traffic=_RARE,
    ),
    Outage(
        name="the publisher may not publish",
        breaks=refuses("topic", "AuthorizationErrorException", 403),
        trips=("publisher-bus-faults",),
    ),
    Outage(
        name="the topic is gone",
        breaks=refuses("topic", "NotFoundException", 404),
        trips=("publisher-bus-faults",),
    ),
    Outage(
        name="the topic's key is gone",
        breaks=refuses("topic", "KMSDisabledException"),
        trips=("publisher-bus-faults",),
    ),
    Outage(
        name="the topic is down",
        breaks=refuses("topic", "ServiceUnavailable", 503),
        trips=("publisher-behind",),
    ),
    Outage(
        name="STATUS_ATTRIBUTE is mistyped",
        breaks=reads_wrong(status_attribute="statuss"),
        trips=("publisher-records-held", "publisher-records-parked"),
    ),
    Outage(
        name="the publisher has a bug",
        breaks=cannot_publish,
        trips=("publisher-records-held",),
    ),
    Outage(
        name="the publisher does not start",
        breaks=starts_never("publisher"),
        trips=("publisher-errors",),
    ),
    Outage(
        name="the publisher is throttled",
        breaks=throttles("publisher"),
        trips=("publisher-throttled",),
    ),
    Outage(
        name="TABLE_STATUS_MAP lacks a status",
        breaks=writes_unknown_statuses,
        trips=("publisher-records-parked",),
    ),
    Outage(
        name="a bad record, and the failure store can't be written",
        breaks=both(writes_unknown_statuses, refuses("failure store", "AccessDenied", 403)),
        trips=("publisher-behind",),
    ),
    Outage(
        name="the subscription is deleted",
        breaks=loses_subscription,
        trips=("payments-receives-nothing",),
        traffic=("ordinary", "busy"),
    ),
    Outage(
        name="the subscription's filter matches nothing",
        breaks=filters_everything,
        trips=("payments-receives-nothing",),
        traffic=("ordinary", "busy"),
    ),
    Outage(
        name="the subscription is deleted, and events are rare",
        breaks=loses_subscription,
        trips=("payments-misses-events",),
        minutes=360,
        traffic=_RARE,
    ),
    Outage(
        name="the queue's policy is lost",
        breaks=queue_refuses("payments"),
        trips=("topic-deliveries-failed", "topic-deliveries-dead-lettered"),
    ),
    Outage(
        name="the key of the queue and its DLQ does not admit SNS",
        breaks=queue_refuses("payments", "payments-dlq"),
        trips=("topic-deliveries-failed", "topic-deliveries-lost"),
    ),
    Outage(
        name="the queue's mapping is disabled, deleted, or may not receive",
        breaks=stops("payments"),
        trips=("payments-consumer-stopped", "payments-queue-falls-behind"),
    ),
    Outage(
        name="the consumer's table is gone",
        breaks=refuses("table payments", "ResourceNotFoundException"),
        trips=("payments-consumer-failing", "payments-consumer-dependency-faults"),
    ),
    Outage(
        name="the consumer may not write",
        breaks=refuses("table payments", "AccessDeniedException"),
        trips=("payments-consumer-failing", "payments-consumer-dependency-faults"),
    ),
    Outage(
        name="the consumer's key is gone",
        breaks=refuses("table payments", "KMSDisabledException"),
        trips=("payments-consumer-failing", "payments-consumer-dependency-faults"),
    ),
    Outage(
        name="the consumer has a bug",
        breaks=rule_raises(KeyError("canary")),
        trips=("payments-consumer-failing", "payments-consumer-unexpected-exceptions"),
    ),
    Outage(
        name="the consumer runs out of memory",
        breaks=rule_kills(),
        trips=("payments-consumer-errors",),
    ),
    Outage(
        name="one customer's events kill the consumer",
        breaks=rule_kills("c-1", "c-2"),
        trips=("payments-consumer-errors",),
    ),
    Outage(
        name="the consumer does not start",
        breaks=starts_never("consumer"),
        trips=("payments-consumer-errors",),
    ),
    Outage(
        name="the consumer is throttled",
        breaks=throttles("payments"),
        trips=("payments-consumer-throttled",),
    ),
    Outage(
        name="deliveries take minutes",
        breaks=delivers_slowly,
        trips=("payments-end-to-end-lag", "payments-end-to-end-lag-now"),
        minutes=150,
        traffic=("ordinary", "busy"),
    ),
    Outage(
        name="a poison message now and then",
        breaks=sends_poison(1 / 30),
        trips=("payments-messages-parked", "payments-dead-letters"),
    ),
    Outage(
        name="a producer sends what the consumer can't read",
        breaks=sends_poison(5),
        trips=("payments-parks-many", "payments-dead-letters-growing"),
    ),
    Outage(
        name="poison, and the DLQ can't be written",
        breaks=both(sends_poison(1 / 5), refuses("queue payments-dlq", "AccessDenied", 403)),
        trips=("payments-consumer-failing",),
    ),
    Outage(
        name="one message waits in the DLQ, and SQS moves another there",
        prepares=one_is_dead_already,
        breaks=more_die,
        trips=("payments-dead-letters-growing",),
    ),
    Outage(
        name="ENTITY_FILTER is mistyped",
        breaks=reads_wrong(entity_filter=("kind", "CUSTOMR")),
        trips=("publisher-selects-nothing",),
        minutes=DAY_MINUTES + 60,
        setting=replace(SETTING, entities=True),
        traffic=("quiet",),
        unseen_because=_A_DAY,
        is_long=True,
    ),
    Outage(
        name="the topic is down for more than 12 hours",
        breaks=refuses("topic", "ServiceUnavailable", 503),
        trips=("publisher-behind", "publisher-batches-given-up"),
        minutes=14 * 60,
        traffic=("quiet",),
        is_long=True,
    ),
    Outage(
        name="the topic is down for that long, and Lambda can't write to the failure store",
        breaks=both(refuses("topic", "ServiceUnavailable", 503), loses_discards),
        trips=("publisher-given-up-batches-lost",),
        minutes=14 * 60,
        traffic=("quiet",),
        is_long=True,
    ),
    Outage(
        name="nobody looks at the DLQ for three days",
        prepares=one_is_dead_already,
        breaks=days_pass(3),
        trips=("payments-dead-letters-expire-soon",),
        is_long=True,
        by_date=True,
    ),
    Outage(
        name="the sunset of a version that is still read comes near",
        breaks=days_pass(189.5),
        trips=("payments-version-near-sunset",),
        setting=replace(SETTING, majors=(1, 2)),
        is_long=True,
        by_date=True,
    ),
    Outage(
        name="the sentinel, or reconcile, finds rows that differ",
        breaks=drifts,
        trips=("payments-drift",),
    ),
    Outage(
        name="the sentinel finds a setting that was changed by hand",
        breaks=finds_a_wrong_setting,
        trips=("sentinel-findings",),
    ),
    Outage(
        name="the sentinel's schedule is disabled, or it fails",
        breaks=stops("sentinel"),
        trips=("sentinel-stopped",),
    ),
)


# Histories

_DRAWN = tuple(one for one in OUTAGES if not one.is_long)
_DRILL_CALM_MINUTES = 60 + WARM_UP_MINUTES
_JUST_LOOKED = -(_DRILL_CALM_MINUTES - 1 + SENTINEL_MINUTES) % COMPARE_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a seed makes: how long it is calm, and what breaks then; None where nothing does.

    `is_repaired`: whether what happens after the outage is played too. `setting`: in calm, as an
    outage has its own.
    """

    seed: int
    traffic: str
    calm_minutes: int
    outage: Outage | None
    late_minutes_max: int
    spare: int
    hiccups: float
    skew_seconds: float = 0.0
    is_repaired: bool = True
    sentinel_minute: int = 0
    setting: Setting = SETTING


def history(seed: int, outage: Outage | None = None) -> History:
    """Draw a history; a third of them stay calm, unless an outage is asked for."""
    dice = Random(f"history {seed}")
    calm = dice.choice((60, 120, 240))
    chosen = outage or (dice.choice(_DRAWN) if dice.random() < 0.67 else None)
    if chosen is None and dice.random() < 0.2:
        calm = DAY_MINUTES
    return History(
        seed=seed,
        traffic=dice.choice(chosen.traffic if chosen else tuple(TRAFFIC)),
        calm_minutes=calm + WARM_UP_MINUTES,
        outage=chosen,
        late_minutes_max=dice.choice((1, 1, 1, 3)),
        spare=dice.choice((0, 2, 2, 5)),
        hiccups=dice.choice((0.0, 0.0005)),
        skew_seconds=dice.choice((0.0, -5.0, 5.0)),
        is_repaired=dice.random() < 0.3,
        sentinel_minute=dice.randrange(COMPARE_MINUTES),
    )


@dataclass(slots=True, kw_only=True)
class Played:
    """How a history went: when each alarm went on, in minutes since the outage began."""

    minutes: dict[str, int] = field(default_factory=dict)


def play(
    one: History,
    alarms: Sequence[Alarm] = (),
    composites: Sequence[Composite] = (),
) -> Played:
    """Play it, with the alarms that are deployed unless others are given.

    Raises:
        GuaranteeBroken: an alarm was on in calm, or none that reaches somebody in an outage.
    """
    outage = one.outage
    watching = Alarms(
        alarms=alarms or alarm_set.alarms(),
        composites=composites or alarm_set.composites(),
        spare=one.spare,
    )
    at = Stage(
        one.seed,
        traffic=one.traffic,
        alarms=watching,
        late_minutes_max=one.late_minutes_max,
        setting=outage.setting if outage else one.setting,
    )
    try:
        at.world.hiccups, at.world.skew_seconds = one.hiccups, one.skew_seconds
        at.world.sentinel_minute = one.sentinel_minute
        if outage:
            outage.prepares(at)
        prepared = bool(at.world.payments.dlq.messages)
        before = _stay_calm(at, one.calm_minutes, prepared=prepared)
        return _break(at, one, before) if outage else Played()
    finally:
        at.world.close()


def drill(
    outage: Outage, alarms: Sequence[Alarm] = (), composites: Sequence[Composite] = ()
) -> Played:
    """When each alarm goes on: an hour of calm before it, and punctual metrics.

    The sentinel has just looked, and its next run compares, which takes it longest to report.

    Raises:
        GuaranteeBroken: as `play`, or one of the alarms that it is the drill of stays off.
    """
    one = History(
        seed=0,
        traffic="ordinary" if "ordinary" in outage.traffic else outage.traffic[0],
        calm_minutes=_DRILL_CALM_MINUTES,
        outage=outage,
        late_minutes_max=1,
        spare=2,
        hiccups=0.0,
        sentinel_minute=_JUST_LOOKED,
    )
    played = play(one, alarms, composites)
    missing = [name for name in outage.trips if f"{PREFIX}-{name}" not in played.minutes]
    if missing:
        raise GuaranteeBroken(NO_SILENT_FAILURE, f"{outage.name}: {', '.join(missing)} stayed off")
    return played


def seeds_broken(seeds: Sequence[int]) -> list[tuple[int, str]]:
    """The seeds that break a checker, and how; for a process of its own."""
    found = []
    for seed in seeds:
        try:
            play(history(seed))
        except GuaranteeBroken as broken:
            found.append((seed, str(broken)))
    return found


# Private functions


def _stay_calm(at: Stage, minutes: int, *, prepared: bool) -> frozenset[str]:
    """Nothing is on, but for what was prepared; returns what is on at the end."""
    for _ in range(minutes):
        at.pass_minute()
        on = at.world.alarms.on - HALVES
        if on and not prepared and at.minute > WARM_UP_MINUTES:
            raise GuaranteeBroken(
                NO_FALSE_ALARM, f"{', '.join(sorted(on))} in minute {at.minute} of a calm history"
            )
    return at.world.alarms.on


def _break(at: Stage, one: History, before: frozenset[str]) -> Played:
    outage = one.outage
    assert outage is not None
    judge = Judge(at, one, before)
    outage.breaks(at)
    began = at.minute
    for _ in range(outage.minutes):
        at.pass_minute()
        judge.look(at.minute - began)
    judge.end(outage.minutes)
    if one.is_repaired:
        _repair(at, outage)
    gone_on = [(minute, name) for minute, name, on in at.world.alarms.history if on]
    return Played(
        minutes={
            name: minute - began + 1
            for minute, name in reversed(gone_on)
            if 0 <= minute - began < outage.minutes
        },
    )


def _repair(at: Stage, outage: Outage) -> None:
    at.repair()
    for _ in range(REPAIRED_MINUTES):
        at.pass_minute()
    pages = {one.name for one in at.world.alarms.composites} & at.world.alarms.on
    if pages:
        raise GuaranteeBroken(
            NO_FALSE_ALARM,
            f"{', '.join(sorted(pages))} is on an hour after the end of: {outage.name}",
        )


class Judge:
    """Looks for harm that no alarm tells of, from when the outage began."""

    def __init__(self, at: Stage, one: History, before: frozenset[str]) -> None:
        outage = one.outage
        assert outage is not None
        self._at = at
        self._outage = outage
        self._before = before
        self._told = False
        self._silent = 0
        self._parked = self._count_parked()
        self._parked_since: int | None = None

    def look(self, minute: int) -> None:
        world = self._at.world
        telling = (world.alarms.on & world.alarms.notifying) - self._before
        self._told = self._told or bool(telling)
        self._silent = 0 if telling else self._silent + 1
        if self._outage.unseen_because and not self._told:
            return
        waiting = self._oldest_waiting()
        if waiting and not self._told:
            self._break(f"{waiting} has waited for {WAITS_MINUTES_MAX} minutes, and no alarm is on")
        if waiting and self._silent > SILENT_MINUTES_MAX and not self._is_lost(waiting):
            self._break(f"{waiting} still waits, and no alarm was on for {self._silent} minutes")
        parked = self._count_parked()
        if parked > self._parked and self._parked_since is None:
            self._parked_since = minute
        if self._told:
            self._parked, self._parked_since = parked, None
        if self._parked_since is not None and minute - self._parked_since > PARKED_MINUTES_MAX:
            self._break(f"something was parked {minute - self._parked_since} minutes ago")

    def end(self, minute: int) -> None:
        self._at.poison = lambda _: None
        self.look(minute)
        waiting = self._oldest_waiting()
        if waiting and not self._told:
            self._break(f"{waiting} waits, and no alarm was on for {minute} minutes")

    # Private functions

    def _break(self, sentence: str) -> None:
        raise GuaranteeBroken(NO_SILENT_FAILURE, f"{self._outage.name}: {sentence}")

    def _count_parked(self) -> int:
        world = self._at.world
        return len(world.bucket.held) + len(world.payments.dlq.messages)

    def _is_lost(self, change: Change) -> bool:
        """Whether it was published, and is on its way no more."""
        world = self._at.world
        bodies = [one.body for one in world.topic.on_their_way]
        bodies += [one.body for one in world.payments.queue.messages.values()]
        facts = [world.truth.fact_of(body) for body in bodies]
        return bool(change.published) and all(
            one is None or one.change is not change for one in facts
        )

    def _oldest_waiting(self) -> Change | None:
        """A change that was written 15 minutes ago, and is neither in its row nor parked."""
        world = self._at.world
        long_ago = world.clock.seconds - WAITS_MINUTES_MAX * 60
        for changes in world.truth.changes.values():
            row = world.payments.fact_of_row(changes[0].customer, world.truth)
            for change in changes[row.index if row else 0 :]:
                if change.at > long_ago:
                    break
                if change.record.body["eventID"] not in world.bucket.held:
                    return change
        return None
