"""A failure as a person wants to read it: what happened, in which order, and what broke."""

from dataclasses import dataclass, replace

from simulation.play import SystemMaker, play
from simulation.schedule import Schedule
from simulation.shrink import shrink
from simulation.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`schedule` is the shortest that was found; `guarantee` is what it breaks."""

    schedule: Schedule
    guarantee: str
    text: str


def tell(schedule: Schedule, system: SystemMaker = System) -> Story:
    """Shrink a schedule that fails, and tell it.

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
    told = play(shortest, system, telling=True)
    assert told is not None
    steps = f"{len(schedule.steps)} steps, shrunk to {len(shortest.steps)}; {shortest.setting}"
    lines = [steps, *told.lines, f"BROKEN, {told.guarantee}: {told.sentence}"]
    return Story(
        schedule=replace(shortest, story=told.sentence),
        guarantee=told.guarantee,
        text="\n".join(lines),
    )
