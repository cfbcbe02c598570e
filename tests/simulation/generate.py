"""From a seed and the faults that may occur to a schedule. Draws from its own generator alone."""

from dataclasses import replace
from random import Random

from simulation.faults import Faults, Setting
from simulation.schedule import INNER, CallFault, Schedule, Step

CUSTOMERS_MAX = 5
STEPS_MIN, STEPS_MAX = 12, 110
COMMANDS_SHARE = 0.2
"""Of the histories with every fault; a command costs as much as the rest of a short one."""
FAILOVERS_SHARE = 0.2
_FEW_FAULTS = 12
_CALLS_MAX = 6
_COMMAND_CALLS_MAX = 40
_COMMANDS = (
    *("replay queue", "replay queue", "replay consumer", "recover", "recover"),
    *("backfill", "reconcile", "resume", "resume", "resume"),
)
_CALL_FAULTS = {
    "throttles": ("throttle", "error", "timeout", "slow"),
    "lost_answers": ("lost",),
    "missing_entries": ("missing", "missing_done"),
    "partial_batches": ("entry_fails",),
    "crashes": ("crash_before", "crash_after", "not_invoked", "never_acknowledged"),
    "poison_records": ("entry_refused", "refused"),
}
_RARE = {
    "mapping_recreated": ("make mapping anew", ("",)),
    "mapping_off": ("mapping off", ("1", "11", "13", "25")),
    "outages": ("outage", ("0.02", "0.3", "13")),
    "shard_splits": ("end shard", ("",)),
    "snapshots": ("read snapshot", ("",)),
    "repairs": ("read repair", ("",)),
    "redrives": ("redrive", ("",)),
    "poison_messages": ("poison", ("",)),
    "duplicates": ("deliver again", ("",)),
    "crashes": ("deploy", ("",)),
    "operators": ("bury", ("",)),
}
_WAYS_OF_THE_TABLE = {"entities": "entity_filters", "own_statuses": "own_statuses"}
"""Drawn apart from the rest, so that a seed's history is otherwise what it was without them."""
_BAD_WRITES = ("number", "unknown", "missing", "uncounted")


def generate(seed: int, faults: Faults) -> Schedule:
    """The same on any machine: a sequence of draws, and nothing else, decides."""
    dice = Random(seed)
    on = faults.names() - {"failovers", *_WAYS_OF_THE_TABLE.values()}
    ways = Random(f"ways of the table {seed}")
    setting = replace(
        _setting(dice, on),
        **{
            field: ways.random() < 0.4 and name in faults.names()
            for field, name in _WAYS_OF_THE_TABLE.items()
        },
    )
    # A seed plays a part of the faults that are on: all at once would hide one another.
    chosen = sorted(name for name in sorted(on) if dice.random() < 0.6)
    player = _Player(
        dice, frozenset(chosen), commands=setting.commands, focused=len(on) <= _FEW_FAULTS
    )
    steps = [player.step() for _ in range(dice.randint(STEPS_MIN, STEPS_MAX))]
    if "restarts" in chosen and dice.random() < 0.3:
        index = dice.randrange(len(steps))
        steps.insert(index, Step(do="restart", what="raised", dice=_dice(dice)))
    elif "unraised_restarts" in chosen and dice.random() < 0.2:
        index = dice.randrange(len(steps))
        steps.insert(index, Step(do="restart", what="left", dice=_dice(dice)))
    if faults.failovers:
        _insert_failover(steps, Random(f"failover {seed}"), share=FAILOVERS_SHARE if on else 1.0)
    return Schedule(setting=setting, steps=tuple(steps), seed=seed)


# Private functions


def _insert_failover(steps: list[Step], dice: Random, *, share: float) -> None:
    """Drawn apart, so that no other history became another one when failovers came in."""
    if dice.random() < share:
        steps.insert(dice.randrange(len(steps)), Step(do="fail over", dice=_dice(dice)))


def _setting(dice: Random, on: frozenset[str]) -> Setting:
    fifo = "fifo" in on and dice.random() < 0.3
    counted = "version_counters" in on and dice.random() < 0.35
    eventbridge = not fifo and "eventbridge" in on and dice.random() < 0.3
    return Setting(
        eventbridge=eventbridge,
        commands="operators" in on and dice.random() < _commands_share(on),
        customers=dice.randint(1, CUSTOMERS_MAX),
        fifo=fifo,
        majors=(1, 2) if not fifo and "two_majors" in on and dice.random() < 0.3 else (2,),
        sequence_source="version" if counted else "stream",
        lanes=dice.choice((1, 2)),
        stream_batch=dice.choice((1, 3, 10, 100)),
        queue_batch=dice.choice((1, 10, 10)),
        receives_max=dice.choice((3, 10)),
        second_subscriber=not fifo and dice.random() < 0.4,
    )


def _commands_share(on: frozenset[str]) -> float:
    return 0.9 if len(on) <= _FEW_FAULTS else COMMANDS_SHARE


class _Player:
    def __init__(
        self, dice: Random, chosen: frozenset[str], *, commands: bool, focused: bool
    ) -> None:
        self._commands = commands
        self._rarely_at = 0.75 if commands and focused else 0.90
        self._command_rate = 0.2 if focused else 0.1
        self._live_rate = 0.7 if focused else 0.3
        self._during_rate = 0.7 if commands and focused else 0.3
        self._dice = dice
        self._chosen = chosen
        self._rare = [_RARE[name] for name in sorted(chosen & _RARE.keys())]
        self._kinds = [
            kind for name in sorted(chosen & _CALL_FAULTS.keys()) for kind in _CALL_FAULTS[name]
        ]
        self._in_order = "" if "reordering" in chosen else "in order"
        self._fault_rate = dice.choice((0.1, 0.3, 0.7))

    def step(self, *, nested: bool = False) -> Step:
        dice = self._dice
        if self._commands and dice.random() < (0.03 if nested else self._command_rate):
            return self._invocation("command", nested=nested)
        if nested and self._commands and dice.random() < self._live_rate:
            return replace(self._write(), do="live change")
        return self._ordinary(nested=nested)

    # Private functions

    def _ordinary(self, *, nested: bool) -> Step:
        dice = self._dice
        roll = dice.random()
        if roll < 0.36:
            return self._write()
        if roll < 0.56:
            return self._invocation("publish", nested=nested)
        if roll < 0.68:
            return Step(do="deliver", after=self._after(), dice=_dice(dice), what=self._in_order)
        if roll < self._rarely_at or not (self._rare or nested):
            return self._invocation("consume", nested=nested)
        if self._rare and not nested:
            return self._rarely()
        return self._write()

    def _write(self) -> Step:
        dice = self._dice
        roll = dice.random()
        kind = "status"
        if roll > 0.7:
            kind = dice.choice(("touch", "nothing", "remove", "remove", "ttl"))
        if roll < 0.08 and "poison_records" in self._chosen:
            kind = dice.choice(_BAD_WRITES)
        return Step(do="write", after=self._after(), dice=_dice(dice), what=kind)

    def _invocation(self, do: str, *, nested: bool) -> Step:
        dice = self._dice
        faults: list[CallFault] = []
        if self._kinds and dice.random() < self._fault_rate:
            for _ in range(dice.randint(1, 3)):
                kind = dice.choice(self._kinds)
                faults.append(CallFault(call=self._call(do), kind=kind))
        during: list[tuple[int, Step]] = []
        if not nested and "interleavings" in self._chosen and dice.random() < self._during_rate:
            count = dice.randint(1, 3)
            calls_max = _COMMAND_CALLS_MAX // 2 if do == "command" else 2
            during += [(dice.randrange(calls_max), self.step(nested=True)) for _ in range(count)]
        return Step(
            do=do,
            after=self._after(),
            dice=_dice(dice),
            what=dice.choice(_COMMANDS) if do == "command" else self._in_order,
            faults=tuple(faults),
            during=tuple(during),
        )

    def _call(self, do: str) -> int:
        """Which call meets a fault; of a command, its own or those of a function that it calls."""
        dice = self._dice
        if do != "command":
            return dice.randrange(_CALLS_MAX)
        if dice.random() < 0.2:
            return INNER + dice.randrange(_CALLS_MAX)
        return dice.randrange(_COMMAND_CALLS_MAX)

    def _rarely(self) -> Step:
        dice = self._dice
        do, arguments = dice.choice(self._rare)
        if do in {"read snapshot", "read repair"} and dice.random() < 0.5:
            do = "send snapshots"
        if do == "poison" and dice.random() < 0.1:
            do = "curse"
        return Step(do=do, after=self._after(), dice=_dice(dice), what=dice.choice(arguments))

    def _after(self) -> float:
        """Mostly at once or within seconds; sometimes minutes; for a downed subscriber, days."""
        dice = self._dice
        roll = dice.random()
        if roll < 0.45:
            return 0.0
        if roll < 0.85:
            return dice.choice((0.3, 1.0, 2.5, 7.0))
        if roll < 0.985:
            return dice.choice((20.0, 200.0, 400.0))
        if "subscriber_down" in self._chosen and roll > 0.998:
            return 86_400.0
        return 1000.0


def _dice(dice: Random) -> int:
    return dice.getrandbits(30)
