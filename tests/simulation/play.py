"""Play one schedule from its first step to the judgement at its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from simulation.calm import judge_end
from simulation.checkers import GuaranteeBroken
from simulation.faults import Faults, Setting
from simulation.generate import generate
from simulation.schedule import Schedule, every_step
from simulation.shrink import shrink
from simulation.system import System
from simulation.world import World

_REFUSALS = {"entry_refused", "refused"}
SystemMaker = Callable[[Setting], System]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`lines` is the log up to where the guarantee broke, if it was asked for."""

    guarantee: str
    sentence: str
    lines: tuple[str, ...] = ()


def play(
    schedule: Schedule,
    system: SystemMaker = System,
    *,
    with_log: bool = False,
    lines: list[str] | None = None,
) -> Failure | None:
    """How a schedule ends: None where every guarantee held; `lines` takes its log either way."""
    world = World(
        schedule.setting, system(schedule.setting), with_log=with_log or lines is not None
    )
    world.lines = world.lines if lines is None else lines
    world.checkers.refusals_expected = any(
        fault.kind in _REFUSALS for step in every_step(schedule) for fault in step.faults
    )
    try:
        for step in schedule.steps:
            world.do(step)
            world.trim()
        judge_end(world)
    except GuaranteeBroken as broken:
        return Failure(
            guarantee=broken.guarantee, sentence=broken.sentence, lines=tuple(world.lines)
        )
    finally:
        world.close()
    return None


def failing_seeds(chunk: tuple[Sequence[int], Faults]) -> list[int]:
    """Those of the seeds that break a guarantee; for a process of its own."""
    seeds, faults = chunk
    return [seed for seed in seeds if play(generate(seed, faults)) is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`schedule` is the shortest that was found; `guarantee` is what it breaks."""

    schedule: Schedule
    guarantee: str
    text: str


def explain(schedule: Schedule, system: SystemMaker = System) -> Explanation:
    """Shrink a schedule that fails, and explain it.

    Raises:
        ValueError: every guarantee holds.
    """
    failure = play(schedule, system)
    if failure is None:
        raise ValueError("expected a schedule that breaks a guarantee")

    def fails(candidate: Schedule) -> bool:
        found = play(candidate, system)
        return found is not None and found.guarantee == failure.guarantee

    shortest = shrink(schedule, fails)
    shown = play(shortest, system, with_log=True)
    assert shown is not None
    steps = f"{len(schedule.steps)} steps, shrunk to {len(shortest.steps)}; {shortest.setting}"
    lines = [steps, *shown.lines, f"BROKEN, {shown.guarantee}: {shown.sentence}"]
    return Explanation(
        schedule=replace(shortest, broke=shown.sentence),
        guarantee=shown.guarantee,
        text="\n".join(lines),
    )
