"""Whether every document that a writer may publish is accepted by a reader.

The comparison proves or refutes, place by place. Where it finds no gap, there is none: each step
is a sufficient condition. Where it finds one, it tries to show it by a value that the judge
confirms, and a gap without such a value is left undecided, never passed over.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from fanout.schema import members
from fanout.schema.examples import TRIED_MAX, accepted, agreed, of_shape
from fanout.schema.gaps import UNSHOWN, Gap
from fanout.schema.numbers import NumberShape
from fanout.schema.parts import accepts_everything, canonical, condition_of, resolved
from fanout.schema.shapes import ArrayShape, Constant, ObjectShape, Shape, Side
from fanout.schema.texts import TextShape


@dataclass(frozen=True, slots=True)
class Pair:
    """A place that both sides have: what is written there, and what is read there.

    Attributes:
        path: As in JSONPath; `$` is the whole document.
        assumed: Pairs that are being compared further up. A document is finite, so a pair that
            holds unless it fails further down holds: this is what makes recursion end.
    """

    written: Any
    read: Any
    path: str = "$"
    assumed: frozenset[tuple[int, int]] = frozenset()

    def below(self, written: Any, read: Any, step: str) -> "Pair":
        """The pair one step further down."""
        return replace(self, written=written, read=read, path=self.path + step)


class Comparison:
    """Compares what one side writes with what the other reads."""

    def __init__(self, writer: Side, reader: Side) -> None:
        self.writer = writer
        self.reader = reader

    def gaps(self, pair: Pair) -> list[Gap]:
        """What may be written at this place and is refused there; empty proves that nothing is."""
        if accepts_everything(pair.read):
            return []
        written = resolved(self.writer.root, pair.written)
        read = resolved(self.reader.root, pair.read)
        key = (id(written), id(read))
        if key in pair.assumed:
            return []
        pair = replace(pair, written=written, read=read, assumed=pair.assumed | {key})
        shapes = self.writer.shapes(written)
        constants = [shape.value for shape in shapes if isinstance(shape, Constant)]
        gaps = self._constant_gaps(constants, pair)
        for shape in shapes:
            if not isinstance(shape, Constant):
                gaps += self._shape_gaps(shape, pair)
        return gaps

    def shown(self, gap: Gap, pair: Pair, candidates: Iterable[Any]) -> Gap:
        """The gap with the first candidate that the writer accepts and the reader refuses."""
        for value in itertools.islice(candidates, 4 * TRIED_MAX):
            if self.writer.judge.accepts(pair.written, value) and not self.reader.judge.accepts(
                pair.read, value
            ):
                return replace(gap, witness=value)
        return replace(gap, witness=UNSHOWN)

    def base(self, pair: Pair) -> Any:
        """A value to vary: the writer may publish it, and if possible the reader accepts it."""
        return next(agreed(self.writer, pair.written, self.reader, pair.read), UNSHOWN)

    def _constant_gaps(self, values: list[Any], pair: Pair) -> list[Gap]:
        """One gap for each rule that refuses some of the values."""
        refused: dict[str, list[Any]] = {}
        for value in values:
            if keyword := self.reader.judge.refusal(pair.read, value):
                refused.setdefault(keyword, []).append(value)
        return [
            Gap(path=pair.path, rule=rule, values=tuple(which), witness=which[0])
            for rule, which in refused.items()
        ]

    def _shape_gaps(self, shape: Shape, pair: Pair) -> list[Gap]:
        """The gaps towards the alternative of the reader that comes nearest; none if one fits."""
        shapes = self.reader.shapes(pair.read)
        attempts = []
        for alternative in (one for one in shapes if type(one) is type(shape)):
            gaps = list(self._between(shape, alternative, pair))
            if not gaps:
                return []
            attempts.append(gaps)
        if not attempts:
            return [self._no_alternative(shape, pair)]
        if len(attempts) == 1 and len(shapes) == 1:
            return attempts[0]
        return self._nearest(attempts, shape, pair)

    def _nearest(self, attempts: list[list[Gap]], shape: Shape, pair: Pair) -> list[Gap]:
        """A value that one alternative refuses may fit another: only shown gaps count."""
        confirmed = [[gap for gap in gaps if gap.is_shown] for gaps in attempts]
        if best := max(confirmed, key=len):
            return best
        if len(attempts) == 1:
            return attempts[0]
        gap = Gap(path=pair.path, rule="anyOf")
        return [self.shown(gap, pair, of_shape(self.writer, shape))]

    def _no_alternative(self, shape: Shape, pair: Pair) -> Gap:
        """The reader takes nothing of this type, or some constants of it only."""
        found = self.shown(Gap(path=pair.path, rule="type"), pair, of_shape(self.writer, shape))
        if not found.is_shown:
            return found
        return replace(found, rule=self.reader.judge.refusal(pair.read, found.witness) or "type")

    def _between(self, mine: Shape, other: Shape, pair: Pair) -> Iterator[Gap]:
        if isinstance(mine, TextShape) and isinstance(other, TextShape):
            for leak in mine.leaks(other):
                gap = Gap(path=pair.path, rule=leak.keyword)
                texts = itertools.chain(leak.candidates, mine.examples())
                yield self.shown(gap, pair, texts)
        elif isinstance(mine, NumberShape) and isinstance(other, NumberShape):
            for keyword in mine.within(other):
                alone = _failing(mine, other, keyword)
                yield self.shown(Gap(path=pair.path, rule=keyword), pair, alone)
        elif isinstance(mine, ArrayShape) and isinstance(other, ArrayShape):
            yield from members.array_gaps(self, mine, other, pair)
        elif isinstance(mine, ObjectShape) and isinstance(other, ObjectShape):
            yield from members.object_gaps(self, mine, other, pair)


def _failing(mine: NumberShape, other: NumberShape, keyword: str) -> Iterator[float]:
    """Candidates that fail this rule of the other, so that each gap is shown by its own value."""
    for value in mine.candidates(other):
        low, high, whole = other.low, other.high, float(value).is_integer()
        fails = {
            "minimum": low is not None and value < low,
            "exclusiveMinimum": low is not None and value <= low,
            "maximum": high is not None and value > high,
            "exclusiveMaximum": high is not None and value >= high,
            "type": not whole,
            "multipleOf": not whole or bool(other.step and value % other.step),
        }
        if fails[keyword]:
            yield value


def compared(written: Any, read: Any) -> list[Gap]:
    """What a writer of the first schema file may publish and a reader of the second refuses.

    A condition at the root (`if`, `then`, `else`) is not taken apart. One that is the same on both
    sides, or that only the writer keeps, refuses nothing new; any other is a gap.

    Args:
        written: A schema of what is published, declared fields only: see `parts.as_written`.
        read: A schema as readers apply it.
    """
    comparison = Comparison(Side(written), Side(read))
    pair = Pair(written, read)
    gaps = comparison.gaps(pair)
    condition = condition_of(read)
    if condition and canonical(condition) != canonical(condition_of(written)):
        documents = accepted(comparison.writer, written)
        gaps.append(comparison.shown(Gap(path="$", rule="if"), pair, documents))
    return gaps
