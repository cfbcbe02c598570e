"""A schedule: the setting and every step, as plain data. It alone decides how a run goes.

A step draws what it has to draw from its own `dice`, so that leaving another step out changes
nothing about it. That is what lets a schedule be shrunk, and kept when the generator changes.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from simulation.faults import Setting

INNER = 100
"""From this number on, a fault is of the functions that an operator's command calls."""


class CallFault(NamedTuple):
    """What happens to the n-th outside call of an invocation, counted from 0."""

    call: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happens.

    Attributes:
        do: its name; `simulation.world` knows what it means.
        after: seconds that pass before it.
        dice: where its own random choices come from.
        what: its argument, where it has one.
        faults: of the outside calls that it makes.
        during: steps that happen in the middle of one of its calls, by that call's place.
    """

    do: str
    after: float = 0.0
    dice: int = 0
    what: str = ""
    faults: tuple[CallFault, ...] = ()
    during: tuple[tuple[int, "Step"], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`broke` says in a sentence or two what a kept schedule once broke."""

    setting: Setting
    steps: tuple[Step, ...]
    seed: int | None = None
    broke: str = ""

    def with_steps(self, steps: tuple[Step, ...]) -> "Schedule":
        return replace(self, steps=steps)


def every_step(schedule: Schedule) -> Iterator[Step]:
    """Those that happen in the middle of others included."""
    for step in schedule.steps:
        yield step
        yield from (one for _, one in step.during)


_SCHEDULES = TypeAdapter(Schedule)


def dump(schedule: Schedule) -> str:
    """One line a step, so that a difference can be read."""
    steps = _SCHEDULES.dump_python(schedule, mode="json", exclude_defaults=True)["steps"]
    document = {"broke": schedule.broke, "seed": schedule.seed, "setting": asdict(schedule.setting)}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in document.items()]
    text = ",\n".join(f"    {json.dumps(one)}" for one in steps)
    return "\n".join(["{", *lines, '  "steps": [', text, "  ]", "}", ""])


def load(path: Path) -> Schedule:
    return _SCHEDULES.validate_json(path.read_bytes())
