"""Play one schedule from its first step to the judgement at its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulation.broken import GuaranteeBroken
from simulation.calm import judge_end
from simulation.faults import Faults, Setting
from simulation.generate import generate
from simulation.schedule import Schedule, every_step
from simulation.system import System
from simulation.world import World

_REFUSALS = {"entry_refused", "refused"}
SystemMaker = Callable[[Setting], System]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`lines` is the story up to where the guarantee broke, if it was asked for."""

    guarantee: str
    sentence: str
    lines: tuple[str, ...] = ()


def play(
    schedule: Schedule,
    system: SystemMaker = System,
    *,
    telling: bool = False,
    lines: list[str] | None = None,
) -> Failure | None:
    """How a schedule ends: None where every guarantee held; `lines` takes its story either way."""
    world = World(schedule.setting, system(schedule.setting), telling=telling or lines is not None)
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
