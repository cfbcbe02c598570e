"""Numbers: bounds and steps, what one range lets through that another does not."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FEW = 32
"""So many whole numbers are written out one by one."""

_FAR = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberShape:
    """A range of numbers; bounds are None where there are none.

    Attributes:
        step: Only multiples of it; 1 for whole numbers, None for all numbers.
    """

    low: float | None = None
    low_is_out: bool = False
    high: float | None = None
    high_is_out: bool = False
    step: int | None = None

    @property
    def inhabited(self) -> bool:
        """Whether there is any such number."""
        if self.low is None or self.high is None:
            return True
        return self.low < self.high or (
            self.low == self.high and not self.low_is_out and not self.high_is_out
        )

    def few(self) -> list[int] | None:
        """All numbers of the range, where they are whole, bounded and few."""
        if self.step is None or self.low is None or self.high is None:
            return None
        first, last = int(self.low), int(self.high)
        if last - first >= FEW * self.step:
            return None
        return list(range(first, last + 1, self.step))

    def within(self, other: "NumberShape") -> list[str]:
        """The keywords of `other` that a number of this range may fail; empty proves that none is.

        Bounds of whole numbers are multiples of the step and belong to the range, on both sides,
        so comparing them is exact.
        """
        failed = []
        if other.step and (self.step is None or self.step % other.step):
            failed.append("multipleOf" if other.step > 1 else "type")
        if _beyond(self.low, self.low_is_out, other.low, other.low_is_out, math.inf):
            failed.append("exclusiveMinimum" if other.low_is_out else "minimum")
        if _beyond(self.high, self.high_is_out, other.high, other.high_is_out, -math.inf):
            failed.append("exclusiveMaximum" if other.high_is_out else "maximum")
        return failed

    def candidates(self, other: "NumberShape") -> Iterator[float]:
        """Numbers around the bounds and steps of both: where the two differ, one of these shows."""
        edges: set[float] = {0, _FAR, -_FAR}
        for bound in (self.low, self.high, other.low, other.high):
            if bound is not None:
                edges |= {bound, math.floor(bound), math.ceil(bound)}
        step = self.step or 1
        for edge in sorted(edges, key=abs):
            near = (
                math.floor(edge / step) * step if isinstance(edge, float) else edge // step * step
            )
            yield edge
            yield from (near + count * step for count in (-2, -1, 0, 1, 2, 3))
            if self.step is None:
                yield from (edge + 0.5, edge - 0.5, edge + 0.001, edge - 0.001)
        if self.low is not None and self.high is not None:
            yield (self.low + self.high) / 2


def number_shape(schema: Mapping[str, Any], *, whole: bool) -> NumberShape:
    """The numbers that the schema's rules for numbers accept."""
    low, low_is_out = _tighter(schema.get("minimum"), schema.get("exclusiveMinimum"), max)
    high, high_is_out = _tighter(schema.get("maximum"), schema.get("exclusiveMaximum"), min)
    step = schema.get("multipleOf", 1 if whole else None)
    if step is None:
        return NumberShape(low=low, low_is_out=low_is_out, high=high, high_is_out=high_is_out)
    return NumberShape(
        low=None if low is None else _first_multiple(low, step, out=low_is_out),
        high=None if high is None else -_first_multiple(-high, step, out=high_is_out),
        step=int(step),
    )


def _first_multiple(low: float, step: int, *, out: bool) -> int:
    first = -(-math.ceil(low) // step) * step
    return first + step if out and first == low else first


def _tighter(inclusive: Any, exclusive: Any, tightest: Any) -> tuple[float | None, bool]:
    if inclusive is None or exclusive is None:
        return (inclusive, False) if exclusive is None else (exclusive, True)
    bound = tightest(inclusive, exclusive)
    return bound, bound == exclusive


def _beyond(
    mine: float | None, mine_is_out: bool, other: float | None, other_is_out: bool, never: float
) -> bool:
    """Whether this bound lets through what the other's refuses; `never` is the tightest bound."""
    if other is None:
        return False
    if mine is None:
        return True
    if mine == other:
        return other_is_out and not mine_is_out
    return mine < other if never > 0 else mine > other
