"""A schedule: the setting and every step, as plain data. It alone decides how a run goes.

A step draws what it has to draw from its own `dice`, so that leaving another step out changes
nothing about it. That is what lets a schedule be shrunk, and kept when the generator changes.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from simulation.faults import Setting

INNER = 100
"""From this number on, a fault is of the functions that an operator's command calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFault:
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

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"do": self.do}
        if self.after:
            document["after"] = self.after
        if self.dice:
            document["dice"] = self.dice
        if self.what:
            document["what"] = self.what
        if self.faults:
            document["faults"] = [[one.call, one.kind] for one in self.faults]
        if self.during:
            document["during"] = [[call, one.to_document()] for call, one in self.during]
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`story` says in a sentence or two what a kept schedule once broke."""

    setting: Setting
    steps: tuple[Step, ...]
    seed: int | None = None
    story: str = ""

    def with_steps(self, steps: tuple[Step, ...]) -> "Schedule":
        return replace(self, steps=steps)


def every_step(schedule: Schedule) -> Iterator[Step]:
    """Those that happen in the middle of others included."""
    for step in schedule.steps:
        yield step
        yield from (one for _, one in step.during)


def step_from(document: Mapping[str, Any]) -> Step:
    return Step(
        do=document["do"],
        after=document.get("after", 0.0),
        dice=document.get("dice", 0),
        what=document.get("what", ""),
        faults=tuple(CallFault(call=call, kind=kind) for call, kind in document.get("faults", ())),
        during=tuple((call, step_from(one)) for call, one in document.get("during", ())),
    )


def dump(schedule: Schedule) -> str:
    head = {"story": schedule.story, "seed": schedule.seed, "setting": asdict(schedule.setting)}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    steps = ",\n".join(f"    {json.dumps(one.to_document())}" for one in schedule.steps)
    return "\n".join(["{", *lines, '  "steps": [', steps, "  ]", "}", ""])


def load(path: Path) -> Schedule:
    document = json.loads(path.read_text(encoding="utf-8"))
    setting = document["setting"]
    return Schedule(
        setting=Setting(**{**setting, "majors": tuple(setting["majors"])}),
        steps=tuple(step_from(one) for one in document["steps"]),
        seed=document.get("seed"),
        story=document.get("story", ""),
    )
