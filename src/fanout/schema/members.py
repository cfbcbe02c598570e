"""Gaps inside of arrays and objects, each shown by a whole array or object."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fanout.schema.examples import accepted, fill
from fanout.schema.gaps import UNSHOWN, Gap
from fanout.schema.shapes import ArrayShape, ObjectShape

if TYPE_CHECKING:
    from fanout.schema.inclusion import Comparison, Pair

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LENGTH_FAR = 64
"""An array that has to be longer is not built to show a gap."""


def array_gaps(
    comparison: "Comparison", mine: ArrayShape, other: ArrayShape, pair: "Pair"
) -> Iterator[Gap]:
    """What of these arrays the reader refuses."""
    writer = comparison.writer
    items = list(accepted(writer, mine.items))
    if other.length_min > mine.length_min:
        few = [fill([], items, mine.length_min), fill([], items, other.length_min - 1)]
        yield comparison.shown(Gap(path=pair.path, rule="minItems"), pair, few)
    if mine.length_max == 0:
        return
    if other.length_max is not None and (
        mine.length_max is None or mine.length_max > other.length_max
    ):
        many = fill([], items, min(other.length_max + 1, _LENGTH_FAR))
        yield comparison.shown(Gap(path=pair.path, rule="maxItems"), pair, [many])
    if other.distinct and not mine.distinct and mine.length_max != 1:
        twice = [fill([item, item], items, mine.length_min) for item in items]
        yield comparison.shown(Gap(path=pair.path, rule="uniqueItems"), pair, twice)
    for gap in comparison.gaps(pair.below(mine.items, other.items, "[*]")):
        if not gap.is_shown:
            yield gap
            continue
        yield comparison.shown(gap, pair, [fill([gap.witness], items, mine.length_min)])


def object_gaps(
    comparison: "Comparison", mine: ObjectShape, other: ObjectShape, pair: "Pair"
) -> Iterator[Gap]:
    """What of these objects the reader refuses."""
    base = _base(comparison, mine, other, pair)
    names = dict.fromkeys([*mine.fields, *mine.required, *other.fields, *other.required])
    for name in names:
        path = pair.path + step(name)
        if name in other.required and name not in mine.required:
            without = {key: value for key, value in base.items() if key != name}
            yield comparison.shown(Gap(path=path, rule="required"), pair, [without])
        written, read = mine.rule(name), other.rule(name)
        yield from _member_gaps(comparison, pair, base, name, (written, read))
    if mine.others is not False:
        fresh = _fresh(names)
        both = (mine.others, other.others)
        yield from _member_gaps(comparison, pair, base, fresh, both, path_step=".*")


def _member_gaps(  # noqa: PLR0917 - one place: its pair, its surroundings, its name, both rules
    comparison: "Comparison",
    pair: "Pair",
    base: dict[str, Any],
    name: str,
    both: tuple[Any, Any],
    path_step: str | None = None,
) -> Iterator[Gap]:
    """The gaps of one field, each shown by the whole object."""
    below = pair.below(*both, path_step or step(name))
    for gap in comparison.gaps(below):
        found = replace(gap, rule="additionalProperties") if both[1] is False else gap
        if not gap.is_shown:
            yield found
            continue
        whole = [{**base, name: gap.witness}]
        yield comparison.shown(found, pair, whole)


def _base(
    comparison: "Comparison", mine: ObjectShape, other: ObjectShape, pair: "Pair"
) -> dict[str, Any]:
    """An object to vary: what one of both requires, with values that both accept if there are."""
    base: dict[str, Any] = {}
    for name in dict.fromkeys([*mine.required, *other.required]):
        value = comparison.base(pair.below(mine.rule(name), other.rule(name), step(name)))
        if value is not UNSHOWN:
            base[name] = value
    return base


def step(name: str) -> str:
    """One field's step of a path."""
    return f".{name}" if _PLAIN_NAME.fullmatch(name) else f"[{name!r}]"


def _fresh(names: dict[str, None]) -> str:
    """A name that neither side declares."""
    name = "other"
    while name in names:
        name += "_"
    return name
