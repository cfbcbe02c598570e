"""A schema, resolved into shapes: a union in which each member has one JSON type.

{"type": ["string", "null"], "maxLength": 9}   →   Text(length_max=9) or Constant(None)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fanout.schema.judge import Judge
from fanout.schema.numbers import NumberShape, number_shape
from fanout.schema.parts import resolved
from fanout.schema.texts import TextShape, text_shape

TYPES = ("null", "boolean", "number", "string", "array", "object")


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One value. `null`, booleans, `const` and `enum` become these."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayShape:
    """An array.

    Attributes:
        items: The schema of every item.
        length_max: None where there is no bound.
        distinct: No two items are equal.
    """

    items: Any = True
    length_min: int = 0
    length_max: int | None = None
    distinct: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectShape:
    """An object.

    Attributes:
        fields: The schema of each declared field.
        others: The schema of every field that is not declared; False where there may be none.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    others: Any = True

    def rule(self, name: str) -> Any:
        """The schema of this field, declared or not."""
        return self.fields.get(name, self.others)


Shape = Constant | NumberShape | TextShape | ArrayShape | ObjectShape


class Side:
    """One of the two compared schema files: what its parts accept, and which shapes they have.

    Args:
        root: The file. Comparing reads its parts by identity, so it must not be changed.
    """

    def __init__(self, root: Any) -> None:
        self.root = root
        self.judge = Judge(root)
        self._visited: set[int] = set()

    def shapes(self, schema: Any) -> list[Shape]:
        """The union that the schema is; empty where it accepts nothing at all."""
        schema = resolved(self.root, schema)
        if schema is False:
            return []
        if schema is True:
            schema = {}
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return [shape for member in schema[keyword] for shape in self.shapes(member)]
        if "enum" in schema or "const" in schema:
            values = schema["enum"] if "enum" in schema else [schema["const"]]
            return [Constant(value=one) for one in values if self.judge.accepts(schema, one)]
        return [shape for shape in self._typed(schema) if self._inhabited(shape)]

    def _typed(self, schema: Mapping[str, Any]) -> Iterator[Shape]:
        types = schema.get("type", TYPES)
        for name in [types] if isinstance(types, str) else types:
            if name == "string":
                yield text_shape(schema)
            elif "not" in schema:
                continue  # `pattern` lets every other type pass, so forbidding it forbids them all
            elif name == "null":
                yield Constant(value=None)
            elif name == "boolean":
                yield from (Constant(value=False), Constant(value=True))
            elif name in ("number", "integer"):
                yield from _numbers(number_shape(schema, whole=name == "integer"))
            else:
                yield _array(schema) if name == "array" else _object(schema)

    def _inhabited(self, shape: Shape) -> bool:
        """False only if the shape can hold no value, as far as that is plain."""
        if isinstance(shape, ArrayShape):
            return shape.length_max is None or shape.length_min <= shape.length_max
        if not isinstance(shape, ObjectShape) or id(shape.fields) in self._visited:
            return not isinstance(shape, TextShape) or shape.inhabited
        self._visited.add(id(shape.fields))
        try:
            return all(self.shapes(shape.rule(name)) for name in shape.required)
        finally:
            self._visited.discard(id(shape.fields))


def apart(side: Side, first: Any, other: Any) -> bool:
    """Whether it is plain that no value fits both schemas.

    They have different types, or constants that the other refuses, or a required field in which
    they are apart.
    """
    return all(
        _shapes_apart(side, one, two, first, other)
        for one in side.shapes(first)
        for two in side.shapes(other)
    )


def _shapes_apart(side: Side, one: Shape, two: Shape, first: Any, other: Any) -> bool:
    if isinstance(one, Constant):
        return not side.judge.accepts(other, one.value)
    if isinstance(two, Constant):
        return not side.judge.accepts(first, two.value)
    if type(one) is not type(two):
        return True
    if isinstance(one, ObjectShape) and isinstance(two, ObjectShape):
        return any(
            all(isinstance(shape, Constant) for shape in side.shapes(one.rule(name)))
            and apart(side, one.rule(name), two.rule(name))
            for name in set(one.required) & set(two.required)
        )
    return False


def _numbers(shape: NumberShape) -> Iterator[Shape]:
    """Few whole numbers are written out: a union is then decided one value at a time."""
    if (values := shape.few()) is not None:
        yield from (Constant(value=value) for value in values)
    elif shape.inhabited:
        yield shape


def _array(schema: Mapping[str, Any]) -> ArrayShape:
    return ArrayShape(
        items=schema.get("items", True),
        length_min=schema.get("minItems", 0),
        length_max=schema.get("maxItems"),
        distinct=schema.get("uniqueItems", False),
    )


_NO_FIELDS: Mapping[str, Any] = {}


def _object(schema: Mapping[str, Any]) -> ObjectShape:
    return ObjectShape(
        fields=schema.get("properties", _NO_FIELDS),
        required=tuple(schema.get("required", ())),
        others=schema.get("additionalProperties", True),
    )
