"""What a broken variant is, and how it is caught."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from simulation.faults import Faults, only
from simulation.generate import generate
from simulation.play import play
from simulation.system import Change, System

POISON = only("poison_records", "poison_messages", "throttles", "partial_batches", "redrives")


class Variant:
    """A broken system, which checker must catch it, under which faults, within how many seeds.

    `shown_by`: a seed near which it is caught, so that the tests need not look for it;
    `command_parts`: parts of operators' commands, and `changes`: parts of the system.
    """

    def __init__(
        self,
        name: str,
        caught_by: str,
        faults: Faults,
        *,
        seeds_max: int = 300,
        shown_by: int = 0,
        command_parts: Mapping[tuple[Any, str], Any] | None = None,
        **changes: Change,
    ) -> None:
        self.name = name
        self.caught_by = caught_by
        self.system = partial(System, changes=changes, command_parts=command_parts or {})
        self._faults = faults
        self._seeds_max = seeds_max
        self.shown_by = shown_by

    def seeds_until_caught(self, *, first: int = 0) -> int | None:
        """How many seeds it took the named checker; None where it never did within its bound."""
        for count in range(1, self._seeds_max + 1):
            failure = play(generate(first + count - 1, self._faults), self.system)
            if failure is not None and failure.guarantee == self.caught_by:
                return count
        return None
