"""Values that a schema accepts, to build witnesses from."""

import itertools
from collections.abc import Iterator
from typing import Any

from fanout.schema.numbers import NumberShape
from fanout.schema.parts import resolved
from fanout.schema.shapes import ArrayShape, Constant, ObjectShape, Shape, Side
from fanout.schema.texts import TextShape

DEPTH_MAX = 8
"""Deeper than contracts nest; where a schema requires itself, the search ends here."""

TRIED_MAX = 24
"""So many candidates per place are tried."""


def accepted(side: Side, schema: Any, depth: int = 0) -> Iterator[Any]:
    """Values that the judge confirms, the schema's own `examples` first."""
    if depth > DEPTH_MAX:
        return
    for value in itertools.islice(_candidates(side, schema, depth), TRIED_MAX):
        if side.judge.accepts(schema, value):
            yield value


def agreed(writer: Side, written: Any, reader: Side, read: Any, depth: int = 0) -> Iterator[Any]:
    """Values that the writer may publish; those that the reader accepts come first."""
    values = list(accepted(writer, written, depth))
    yield from sorted(values, key=lambda value: not reader.judge.accepts(read, value))


def _candidates(side: Side, schema: Any, depth: int) -> Iterator[Any]:
    schema = resolved(side.root, schema)
    if isinstance(schema, dict):
        yield from schema.get("examples", ())
    for shape in side.shapes(schema):
        yield from itertools.islice(of_shape(side, shape, depth), TRIED_MAX // 2)


def of_shape(side: Side, shape: Shape, depth: int = 0) -> Iterator[Any]:
    """Values that are likely to have the shape."""
    if isinstance(shape, Constant):
        yield shape.value
    elif isinstance(shape, NumberShape):
        yield from shape.candidates(shape)
    elif isinstance(shape, TextShape):
        yield from shape.examples()
    elif isinstance(shape, ArrayShape):
        yield from _arrays(side, shape, depth)
    else:
        yield from _objects(side, shape, depth)


def _arrays(side: Side, shape: ArrayShape, depth: int) -> Iterator[list[Any]]:
    items = list(itertools.islice(accepted(side, shape.items, depth + 1), TRIED_MAX))
    if items or not shape.length_min:
        yield fill([], items, shape.length_min)
        yield fill([], items, shape.length_min + 1)


def fill(start: list[Any], items: list[Any], length: int) -> list[Any]:
    """An array that starts so and has the length, of different items as long as there are some."""
    others = [item for item in items if item not in start]
    more = itertools.chain(others, itertools.cycle(items or [None]))
    return [*start, *itertools.islice(more, max(0, length - len(start)))]


def _objects(side: Side, shape: ObjectShape, depth: int) -> Iterator[dict[str, Any]]:
    least: dict[str, Any] = {}
    for name in shape.required:
        value = next(accepted(side, shape.rule(name), depth + 1), _NOTHING)
        if value is _NOTHING:
            return
        least[name] = value
    yield least
    for name, rule in shape.fields.items():
        for value in itertools.islice(accepted(side, rule, depth + 1), 2):
            yield {**least, name: value}


_NOTHING = object()
