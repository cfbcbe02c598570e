"""Documents of a schema, drawn without any of the gate's own code.

`documents(schema)` gives what the schema may accept, and near misses: the caller filters with
`jsonschema`. `edits(schema)` changes one thing of a schema, as a person would.
"""

import copy
import re
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab1", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=3,
)
TEXTS = st.text("ab1é-\n", max_size=6)
NUMBERS = st.integers(-12, 12) | st.sampled_from([0.5, -0.5, 2.5, 1.0, 10**12])
INSTANTS = st.sampled_from(["2026-11-23T09:30:00Z", "2026-11-23T09:30:00.5+01:00", "2026-11-23"])


def validator(schema: Any) -> Draft202012Validator:
    return Draft202012Validator(schema, format_checker=FormatChecker())


def documents(schema: Any, root: Any = None, depth: int = 0) -> st.SearchStrategy[Any]:
    root = schema if root is None else root
    if schema is True or schema == {} or schema is False or depth > 4:
        return ANY
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return st.deferred(lambda: documents(target, root, depth + 1))
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return st.one_of([documents(one, root, depth + 1) for one in schema[keyword]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    types = schema.get("type", ["null", "boolean", "number", "string", "array", "object"])
    types = [types] if isinstance(types, str) else types
    return st.one_of([_typed(name, schema, root, depth) for name in types])


def _typed(name: str, schema: Any, root: Any, depth: int) -> st.SearchStrategy[Any]:
    if name == "null":
        return st.none()
    if name == "boolean":
        return st.booleans()
    if name in ("integer", "number"):
        return NUMBERS
    if name == "string":
        return _texts(schema)
    if name == "array":
        return st.lists(documents(schema.get("items", True), root, depth + 1), max_size=4)
    return _objects(schema, root, depth)


def _texts(schema: Any) -> st.SearchStrategy[str]:
    texts = TEXTS
    if "pattern" in schema:
        texts = texts | st.from_regex(re.compile(schema["pattern"]))
    return texts | INSTANTS if "format" in schema else texts


@st.composite
def _objects(draw: st.DrawFn, schema: Any, root: Any, depth: int) -> dict[str, Any]:
    document = {}
    for name, rule in schema.get("properties", {}).items():
        if name in schema.get("required", ()) or draw(st.booleans()):
            document[name] = draw(documents(rule, root, depth + 1))
    others = schema.get("additionalProperties", True)
    if others is not False and draw(st.booleans()):
        name = draw(st.sampled_from(["f0", "f1", "f2", "new"]))
        document.setdefault(name, draw(documents(others, root, depth + 1)))
    return document


PATTERNS = ["^a", "b$", "^[ab]+$", "^(a|b1)?$", "1", "^[^a]*$", "^a{1,3}$", "^[ab]{2}$|^1"]
BOUNDS = st.integers(-6, 6)
_TEXT_RULES: dict[str, st.SearchStrategy[Any]] = {
    "minLength": st.integers(0, 4),
    "maxLength": st.integers(0, 5),
    "pattern": st.sampled_from(PATTERNS),
    "not": st.sampled_from([{"pattern": "\\n"}, {"pattern": "b"}]),
    "format": st.sampled_from(["date-time", "date"]),
}
_NUMBER_RULES: dict[str, st.SearchStrategy[Any]] = {
    "minimum": BOUNDS,
    "maximum": BOUNDS,
    "exclusiveMinimum": BOUNDS | st.just(0.5),
    "exclusiveMaximum": BOUNDS | st.just(2.5),
    "multipleOf": st.integers(1, 4),
}
_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    ["a", "b", "b1", None, True, False, 0, 1, 1.0, 2, 0.5, [], ["a"], {}, {"f0": "a"}]
)


def _some(rules: dict[str, st.SearchStrategy[Any]], most: int = 2) -> st.SearchStrategy[Any]:
    names = st.lists(st.sampled_from(sorted(rules)), max_size=most, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({one: rules[one] for one in chosen}))


def _with(kind: dict[str, Any], rules: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return rules.map(lambda chosen: kind | chosen)


LEAVES = st.one_of(
    st.sampled_from(
        [{"type": "null"}, {"type": "boolean"}, {}, True, {"type": ["string", "null"]}]
    ),
    _with({"type": "string"}, _some(_TEXT_RULES)),
    _with({"type": ["string", "null"]}, _some(_TEXT_RULES, most=1)),
    _with({"type": "integer"}, _some(_NUMBER_RULES)),
    _with({"type": "number"}, _some(_NUMBER_RULES)),
    st.lists(_VALUES, min_size=1, max_size=3).map(lambda values: {"enum": values}),
    _VALUES.map(lambda value: {"const": value}),
    _some(_TEXT_RULES | _NUMBER_RULES, most=1),
)


def _objects_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from(["f0", "f1", "f2"]), inner, min_size=1, max_size=3)
    required = st.lists(st.sampled_from(["f0", "f1", "f2"]), unique=True, max_size=2)
    others = st.none() | st.booleans() | inner
    return st.builds(
        lambda names, needed, rest: (
            {"type": "object", "properties": names, "required": needed}
            | ({} if rest is None else {"additionalProperties": rest})
        ),
        fields,
        required,
        others,
    )


def _arrays_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    rules = {
        "minItems": st.integers(0, 2),
        "maxItems": st.integers(0, 3),
        "uniqueItems": st.booleans(),
    }
    both = st.tuples(inner, _some(rules))
    return both.map(lambda pair: {"type": "array", "items": pair[0]} | pair[1])


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        _objects_of(inner),
        _arrays_of(inner),
        st.lists(inner, min_size=1, max_size=2).map(lambda members: {"anyOf": members}),
    ),
    max_leaves=4,
)


@st.composite
def edits(draw: st.DrawFn, schema: Any) -> Any:
    """The schema with one place replaced, dropped, or given another rule."""
    edited = copy.deepcopy(schema)
    places = list(_places(edited))
    holder, key = draw(st.sampled_from(places)) if places else (None, None)
    if holder is None:
        return draw(SCHEMAS)
    kind = draw(st.sampled_from(["replace", "drop", "merge"]))
    if kind == "replace" or not isinstance(holder[key], dict):
        holder[key] = draw(LEAVES)
    elif kind == "drop" and (rules := sorted(set(holder[key]) - {"type", "anyOf"})):
        del holder[key][draw(st.sampled_from(rules))]
    elif "anyOf" not in holder[key]:
        extra = draw(LEAVES)
        holder[key] = holder[key] | (extra if isinstance(extra, dict) else {})
    return edited


def _places(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return
    for name in schema.get("properties", {}):
        yield schema["properties"], name
        yield from _places(schema["properties"][name])
    if "items" in schema:
        yield schema, "items"
        yield from _places(schema["items"])
    for index, one in enumerate(schema.get("anyOf", ())):
        yield schema["anyOf"], index
        yield from _places(one)
