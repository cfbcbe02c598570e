"""Find a shorter schedule that still breaks the same guarantee."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from simulation.schedule import Schedule, Step

PLAYS_MAX = 2000


def shrink(
    schedule: Schedule, fails: Callable[[Schedule], bool], *, plays_max: int = PLAYS_MAX
) -> Schedule:
    """Leave out whatever the failure does not need: first chunks, then single steps and faults.

    Args:
        fails: whether a schedule still breaks the same guarantee.
        plays_max: when to be content.
    """
    plays = 0
    improved = True
    while improved and plays < plays_max:
        improved = False
        for candidate in _simpler(schedule):
            plays += 1
            if plays >= plays_max:
                break
            if fails(candidate):
                schedule = candidate
                improved = True
                break
    return schedule


# Private functions


def _simpler(schedule: Schedule) -> Iterator[Schedule]:
    steps = schedule.steps
    size = len(steps) // 2
    while size:
        for start in range(0, len(steps), size):
            yield schedule.with_steps(steps[:start] + steps[start + size :])
        size //= 2
    for index, step in enumerate(steps):
        for plainer in _plainer(step):
            yield schedule.with_steps((*steps[:index], *plainer, *steps[index + 1 :]))
    setting = schedule.setting
    for change in (
        {"second_subscriber": False},
        {"lanes": 1},
        {"majors": (2,)},
        {"fifo": False},
        {"sequence_source": "stream"},
        {"customers": 1},
        {"customers": setting.customers - 1} if setting.customers > 1 else {},
    ):
        simpler = replace(setting, **change)
        if simpler != setting:
            yield replace(schedule, setting=simpler)


def _plainer(step: Step) -> Iterator[tuple[Step, ...]]:
    """Simpler ways to have this step: without faults, without what happens during it, at once."""
    for index in range(len(step.during)):
        rest = step.during[:index] + step.during[index + 1 :]
        yield (replace(step, during=rest),)
        yield (step.during[index][1], replace(step, during=rest))
    for index in range(len(step.faults)):
        yield (replace(step, faults=step.faults[:index] + step.faults[index + 1 :]),)
    if step.after:
        yield (replace(step, after=0.0),)
    if step.dice > 9:
        for dice in range(3):
            yield (replace(step, dice=dice),)
