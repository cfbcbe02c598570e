"""The gate: what is published may gain an optional property or annotations, and nothing else.

Old documents lie in DLQs and archives for months and are read by new readers (backward); consumers
deploy when they like, so old readers get new documents (forward). Both must hold within a major
version. Two schemas are compared node by node, never as the sets of documents that they accept: a
rewriting that means the same is refused too, and the comparison always ends.

The rule rests on one premise, which a test holds the encoder to: writers publish declared fields
only, and readers ignore others. So a new optional property cannot meet an old field of its name.
"""

import copy
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from rich.console import Console
from rich.markup import escape

from fanout.console import table
from fanout.contract.folder import (
    Catalogue,
    Published,
    Source,
    Subscriber,
    checked_out,
    merged,
    read_catalogue,
    source_of,
)
from fanout.errors import WrongUse

ANNOTATIONS = frozenset(
    {
        "$schema",
        "$id",
        "$comment",
        "title",
        "description",
        "examples",
        "default",
        "deprecated",
        "readOnly",
        "writeOnly",
    }
)
"""Keywords that say something about a value and refuse none (JSON Schema 2020-12, section 9)."""


class Direction(Enum):
    """Which side receives what it can't read."""

    BACKWARD = "backward"
    FORWARD = "forward"

    @property
    def breaks(self) -> str:
        """Who reads what."""
        if self is Direction.BACKWARD:
            return "new readers reading old documents"
        return "old readers reading new documents"


class RollOut(Enum):
    """In which order the two sides may be deployed."""

    ANY = "any order"
    CONSUMERS_FIRST = "consumers first"
    PRODUCER_FIRST = "producer first"
    SIDE_BY_SIDE = "neither order works"

    @property
    def advice(self) -> str:
        """What the order means for people."""
        return {
            RollOut.ANY: "Producer and consumers may be deployed in any order.",
            RollOut.CONSUMERS_FIRST: "It could only go out with the consumers first, every one "
            "of them, before the producer publishes it.",
            RollOut.PRODUCER_FIRST: "It could only go out with the producer first, and consumers "
            "after the last old document has left every queue, DLQ and archive.",
            RollOut.SIDE_BY_SIDE: "Neither order works: old readers refuse new documents, and new "
            "readers refuse old ones.",
        }[self]


class State(Enum):
    """The result for one published schema."""

    UNCHANGED = "unchanged"
    COMPATIBLE = "compatible"
    NEW = "new"
    ENDED = "ended"
    BROKEN = "broken"


Rules = Mapping[str, Any]
Steps = tuple[str | int, ...]
ITEM, ANY_FIELD = 0, "*"
NO_EXAMPLE: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A subscriber that a finding breaks.

    Attributes:
        relies_on: The field at fault, and the values of it that its code names. Empty where it
            reads the version without relying on that field; it is hit all the same, since a reader
            refuses the whole document.
    """

    subscriber: str
    relies_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason why a change needs a new major version.

    Attributes:
        steps: Where in the document: names of fields, and ITEM for what an array holds.
        rule: The keyword that changed; `subscribers` for what the registry promises.
        values: Constants that the reader's side refuses, where the rule names some.
        example: A document that one side publishes and the other refuses; NO_EXAMPLE where the
            rule yields none.
    """

    steps: Steps
    rule: str
    direction: Direction
    says: str
    values: tuple[Any, ...] = ()
    example: Any = NO_EXAMPLE
    hits: tuple[Hit, ...] = ()

    @property
    def path(self) -> str:
        """The steps as in JSONPath."""
        return "$" + "".join("[*]" if step == ITEM else f".{step}" for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The result for one schema file."""

    name: str
    state: State
    findings: tuple[Finding, ...] = ()

    @property
    def order(self) -> RollOut:
        """In which order the change could go out at all."""
        broken = {finding.direction for finding in self.findings}
        if broken == {Direction.FORWARD}:
            return RollOut.CONSUMERS_FIRST
        if broken == {Direction.BACKWARD}:
            return RollOut.PRODUCER_FIRST
        return RollOut.SIDE_BY_SIDE if broken else RollOut.ANY


def check(base: Catalogue, proposed: Catalogue, today: dt.date) -> list[Checked]:
    """Check every schema that either side has.

    Args:
        base: What is published.
        proposed: The working copy.
        today: Decides whether a version's sunset has passed.

    Raises:
        WrongUse: a file is not a JSON Schema, or is nested too deep.
    """
    names = sorted({*base.published, *proposed.published})
    return [
        _checked(name, base.published.get(name), proposed.published.get(name), today)
        for name in names
    ]


def canonical(document: Any) -> str:
    """One spelling per document: sorted names, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _checked(name: str, old: Published | None, new: Published | None, today: dt.date) -> Checked:
    if new is None:
        assert old is not None, "a name stands on one side at least"
        return _gone(old, today)
    for side in (old, new):
        if side is not None:
            _refuse_what_is_no_schema(side)
    findings = tuple(_broken_promises(new))
    if old is None:
        state = State.NEW
    elif canonical(old.schema) == canonical(new.schema):
        state = State.UNCHANGED
    else:
        state = State.COMPATIBLE
        findings += tuple(_compared(old, new))
    return Checked(name=name, state=State.BROKEN if findings else state, findings=findings)


def _refuse_what_is_no_schema(published: Published) -> None:
    try:
        Draft202012Validator.check_schema(published.schema)
    except SchemaError as error:
        raise WrongUse(
            f"{published.name} is not a JSON Schema (2020-12): {error.json_path}: "
            f"{error.message[:200]}."
        ) from error
    except RecursionError as error:
        raise WrongUse(f"{published.name} is nested too deep.") from error


def _compared(old: Published, new: Published) -> Iterator[Finding]:
    subscribers = merged([*old.subscribers, *new.subscribers])
    comparison = _Comparison(old=old.schema, new=new.schema)
    try:
        changes = list(comparison.changes())
    except RecursionError as error:
        raise WrongUse(f"{new.name} is nested too deep.") from error
    for change in changes:
        if not _is_new_event_type(change, new.schema):
            reader, writer = old.schema, new.schema
            if change.direction is Direction.BACKWARD:
                reader, writer = writer, reader
            hits = tuple(_hit(change, each, new) for each in subscribers)
            yield replace(change, example=_example(change, writer, reader), hits=hits)


def _is_new_event_type(change: Finding, schema: Any) -> bool:
    """A value added to an envelope's `type`: a new major version, or another event.

    No old subscription lets its documents through, so an old reader need not know it.
    """
    is_envelope = "specversion" in schema.get("properties", {})
    gained = (change.rule, change.direction) == ("enum", Direction.FORWARD)
    return is_envelope and gained and change.steps == ("type",)


def _hit(change: Finding, subscriber: Subscriber, published: Published) -> Hit:
    name = str(change.steps[0]) if change.steps else ""
    if published.major is None or name not in subscriber.fields:
        return Hit(subscriber=subscriber.name)
    named = subscriber.statuses & {value for value in change.values if isinstance(value, str)}
    return Hit(subscriber=subscriber.name, relies_on=(name, *sorted(named)))


def _broken_promises(new: Published) -> Iterator[Finding]:
    """What the registry says that subscribers rely on, and the schema no longer has."""
    if new.major is None or not isinstance(new.schema, Mapping):
        return
    fields = new.schema.get("properties", {})
    statuses = fields.get(new.status_field, {}).get("enum") if new.status_field else None
    for subscriber in new.subscribers:
        for name in sorted(subscriber.fields - set(fields)):
            says = f"{subscriber.name} relies on the field, and the schema does not declare it"
            yield _promise(name, says, subscriber.name, name)
        for status in sorted(subscriber.statuses - set(statuses or subscriber.statuses)):
            says = f"{subscriber.name} relies on the status {status}, which can't occur"
            yield _promise(str(new.status_field), says, subscriber.name, status)


def _promise(field: str, says: str, subscriber: str, what: str) -> Finding:
    hit = Hit(subscriber=subscriber, relies_on=(what,))
    return replace(_forward((field,), "subscribers", says), hits=(hit,))


def _gone(old: Published, today: dt.date) -> Checked:
    """A version may go once its sunset has passed and nobody reads it."""
    ended = old.sunset is not None and old.sunset < today
    if ended and not old.subscribers:
        return Checked(name=old.name, state=State.ENDED)
    says = (
        "the published schema is gone, while its documents may still lie in queues, DLQs and "
        "archives: restore it, with a sunset that has passed and no subscriber, before it may go"
    )
    hits = tuple(Hit(subscriber=each.name) for each in old.subscribers)
    finding = replace(_backward((), "subscribers", says), hits=hits)
    return Checked(name=old.name, state=State.BROKEN, findings=(finding,))


# The structural rule

_ALL_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COMPARED_APART = frozenset(
    {"$defs", "properties", "required", "additionalProperties", "items", "type", "enum", "const"}
) | {"anyOf", "oneOf"}


class _Comparison:
    """Two schemas, walked side by side; `$ref` to a definition leads into the definition."""

    def __init__(self, *, old: Any, new: Any) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[int, int]] = set()

    def changes(self) -> Iterator[Finding]:
        yield from self._node(self._old, self._new, ())
        # Definitions that are reached inside a keyword that is compared as a whole.
        old, new = (side.get("$defs", {}) for side in map(_rules, (self._old, self._new)))
        for name in sorted(set(old) & set(new)):
            yield from self._node(old[name], new[name], ())

    def _node(self, old: Any, new: Any, steps: Steps) -> Iterator[Finding]:
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        if (id(old), id(new)) in self._seen:
            return
        self._seen.add((id(old), id(new)))
        old_rules, new_rules = _rules(old), _rules(new)
        yield from _type_changes(old_rules, new_rules, steps)
        yield from _constant_changes(old_rules, new_rules, steps)
        yield from _bound_changes(old_rules, new_rules, steps)
        yield from _other_changes(old_rules, new_rules, steps)
        yield from self._field_changes(old_rules, new_rules, steps)
        yield from self._item_changes(old_rules, new_rules, steps)

    def _field_changes(self, old: Rules, new: Rules, steps: Steps) -> Iterator[Finding]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(required[1] - required[0]):
            says = "new readers require the field, old documents may lack it"
            yield _backward((*steps, name), "required", says)
        for name in sorted(required[0] - required[1]):
            says = "old readers require the field, new documents may lack it"
            yield _forward((*steps, name), "required", says)
        for name in before:
            if name in after:
                yield from self._node(before[name], after[name], (*steps, name))
            elif name not in required[0]:
                says = "a field that goes may come back with another meaning: keep it declared"
                yield from _both((*steps, name), "properties", says)
        for name in sorted(set(after) - set(before) - required[1]):
            yield from _new_field(old, (*steps, name))

    def _item_changes(self, old: Rules, new: Rules, steps: Steps) -> Iterator[Finding]:
        if "items" in old or "items" in new:
            yield from self._node(old.get("items", {}), new.get("items", {}), (*steps, ITEM))
        before, after = (side.get("additionalProperties", True) for side in (old, new))
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from self._node(before, after, (*steps, ANY_FIELD))
        elif _rules(before) != _rules(after):
            says = "an object that was open is closed, or the other way round"
            yield from _both(steps, "additionalProperties", says)


def _new_field(old: Rules, steps: Steps) -> Iterator[Finding]:
    """An optional field is compatible where fields are declared and others are ignored."""
    others = old.get("additionalProperties", True)
    if others is False:
        says = "old readers allow no such field, new documents may have it"
        yield _forward(steps, "additionalProperties", says)
    elif _rules(others):
        says = "the old schema has a rule for fields that it does not name, and this is one"
        yield from _both(steps, "additionalProperties", says)
    elif "properties" not in old:
        says = "the old schema declared no field, so old documents may hold anything under its name"
        yield _backward(steps, "properties", says)


def _type_changes(old: Rules, new: Rules, steps: Steps) -> Iterator[Finding]:
    before, after = _types(old), _types(new)
    if _constants(old) is not None and _constants(new) is not None:
        return  # the constants say more
    if gone := _without(before, after):
        says = f"old documents may be {' or '.join(gone)}, which new readers refuse"
        yield _backward(steps, "type", says)
    if come := _without(after, before):
        says = f"new documents may be {' or '.join(come)}, which old readers refuse"
        yield _forward(steps, "type", says)


def _types(rules: Rules) -> frozenset[str]:
    """The types that a value may have; of a list of constants, theirs."""
    if "type" in rules:
        types = rules["type"]
        return frozenset([types] if isinstance(types, str) else types)
    if (constants := _constants(rules)) is not None:
        validator = Draft202012Validator({})
        return frozenset(
            name
            for name in _ALL_TYPES - {"number"}
            if any(validator.is_type(value, name) for value in constants.values())
        )
    return _ALL_TYPES


def _without(types: frozenset[str], others: frozenset[str]) -> list[str]:
    """The types that are not among the others; an integer is a number."""
    missing = types - others
    return sorted(missing - {"integer"} if "number" in others else missing)


def _constant_changes(old: Rules, new: Rules, steps: Steps) -> Iterator[Finding]:
    """`const` counts as an `enum` of one value; the order of an `enum` does not count."""
    before, after = _constants(old), _constants(new)
    if after is not None and (before is None or before.keys() - after.keys()):
        values = _lost(before, after)
        rule = "const" if "const" in new else "enum"
        says = f"new readers don't list {_named(values)} that old documents may hold"
        yield _backward(steps, rule, says, values)
    if before is not None and (after is None or after.keys() - before.keys()):
        values = _lost(after, before)
        rule = "const" if "const" in old else "enum"
        says = f"old readers don't list {_named(values)} that new documents may hold"
        yield _forward(steps, rule, says, values)


def _constants(rules: Rules) -> dict[str, Any] | None:
    """The allowed values by their canonical spelling; 1 and 1.0 are one value in JSON Schema."""
    if "const" in rules:
        listed = [rules["const"]]
    elif "enum" in rules:
        listed = list(rules["enum"])
    else:
        return None
    return {canonical(int(v) if isinstance(v, float) and v.is_integer() else v): v for v in listed}


def _lost(mine: Rules | None, others: Rules) -> tuple[Any, ...]:
    return tuple(value for key, value in (mine or {}).items() if key not in others)


def _bound_changes(old: Rules, new: Rules, steps: Steps) -> Iterator[Finding]:
    """A bound that moved; one that was added or removed is a change of any other keyword."""
    for keyword in (*_LOWER, *_UPPER):
        if keyword in old and keyword in new and old[keyword] != new[keyword]:
            if (new[keyword] > old[keyword]) is (keyword in _LOWER):
                says = f"old documents may go beyond the `{keyword}` of new readers"
                yield _backward(steps, keyword, says)
            else:
                says = f"new documents may go beyond the `{keyword}` of old readers"
                yield _forward(steps, keyword, says)


def _other_changes(old: Rules, new: Rules, steps: Steps) -> Iterator[Finding]:
    """Alternatives as sets; any other keyword as added, removed or changed."""
    for keyword in ("anyOf", "oneOf"):
        if keyword in old and keyword in new:
            before, after = ({canonical(_plain(v)) for v in side[keyword]} for side in (old, new))
            if before - after:
                says = "an alternative that old documents may use is gone"
                yield _backward(steps, keyword, says)
            if after - before:
                says = "new documents may use an alternative that old readers don't have"
                yield _forward(steps, keyword, says)
        elif keyword in old or keyword in new:
            yield from _both(steps, keyword, f"`{keyword}` was added or removed")
    for keyword in sorted({*old, *new} - _COMPARED_APART):
        if keyword not in old:
            yield _backward(steps, keyword, f"new readers have a `{keyword}`, old documents none")
        elif keyword not in new:
            yield _forward(steps, keyword, f"old readers have a `{keyword}`, new documents none")
        elif keyword not in {*_LOWER, *_UPPER} and not _are_equal(old[keyword], new[keyword]):
            yield from _both(steps, keyword, f"`{keyword}` is not what it was")


def _are_equal(old: Any, new: Any) -> bool:
    """Whether two values of a keyword are the same, apart from annotations."""
    return canonical(_plain(old)) == canonical(_plain(new))


def _rules(schema: Any) -> Rules:
    """The schema without annotations; `true` has no rule, `false` refuses everything."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return {
        key: value
        for key, value in schema.items()
        if key not in ANNOTATIONS and (key, value) != ("uniqueItems", False)
    }


_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
_DATA = frozenset({"const", "enum", "required", "type"})


def _plain(schema: Any) -> Any:
    """The schema without annotations, and so are the schemas in it; names and data stay."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain = {}
    for key, value in _rules(schema).items():
        if key in _BY_NAME:
            plain[key] = {name: _plain(each) for name, each in value.items()}
        else:
            plain[key] = value if key in _DATA else _plain(value)
    return plain


def _resolved(root: Any, schema: Any) -> Any:
    """The schema, or the definition that its chain of `$ref` ends at.

    A reference to something else than `#/$defs/NAME`, or with rules beside it, stays as it is.
    """
    followed: set[str] = set()
    while isinstance(schema, Mapping) and set(_rules(schema)) == {"$ref"}:
        target = schema["$ref"]
        name = target.removeprefix("#/$defs/")
        if name == target or target in followed or name not in root.get("$defs", {}):
            return schema
        followed.add(target)
        schema = root["$defs"][name]
    return schema


def _backward(steps: Steps, rule: str, says: str, values: tuple[Any, ...] = ()) -> Finding:
    direction = Direction.BACKWARD
    return Finding(steps=steps, rule=rule, direction=direction, says=says, values=values)


def _forward(steps: Steps, rule: str, says: str, values: tuple[Any, ...] = ()) -> Finding:
    return replace(_backward(steps, rule, says, values), direction=Direction.FORWARD)


def _both(steps: Steps, rule: str, says: str) -> Iterator[Finding]:
    """Which side breaks is not decided: both count."""
    yield _backward(steps, rule, says)
    yield _forward(steps, rule, says)


def _named(values: Iterable[Any]) -> str:
    listed = ", ".join("null" if value is None else repr(value) for value in values)
    return listed[:200] or "every value"


# Examples

_TRIED: tuple[Any, ...] = (None, "", "x", "x" * 300, "a\n", -1, 0, 1, 1.5, 10**6, True, [], {})


def _example(change: Finding, writer: Any, reader: Any) -> Any:
    """A document of the writer's that the reader refuses, made from the schema's own examples.

    The `jsonschema` package confirms both; nothing is shown that it does not confirm.
    """
    examples = writer.get("examples", ()) if isinstance(writer, Mapping) else ()
    accepts, refuses = (
        Draft202012Validator(s, format_checker=FormatChecker()) for s in (writer, reader)
    )
    for example in examples:
        for document in _edited(change, example):
            if accepts.is_valid(document) and not refuses.is_valid(document):
                return document
    return NO_EXAMPLE


def _edited(change: Finding, example: Any) -> Iterator[Any]:
    yield example
    if not change.steps:
        return
    for value in (*change.values, *_TRIED, NO_EXAMPLE):
        document = copy.deepcopy(example)
        try:
            holder = document
            for step in change.steps[:-1]:
                holder = holder[step]
            if value is NO_EXAMPLE:
                del holder[change.steps[-1]]
            else:
                holder[change.steps[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
        yield document


# What is published, as it was frozen: `frozen.json` beside the events' folders


FILE = "frozen.json"
LABEL = "the frozen versions"
_KEYS = {"sha256", "sunset", "schema"}


def fingerprint(schema: Any) -> str:
    """SHA-256 of the canonical JSON: the layout of the file does not count, every word does."""
    return hashlib.sha256(canonical(schema).encode("ascii")).hexdigest()


def read_frozen(source: Source) -> Catalogue:
    """The frozen schemas; none where nothing has been recorded yet.

    Raises:
        WrongUse: the record was not written by `fanout schema record`.
    """
    if not (source.folder / FILE).exists():
        return Catalogue(label=LABEL)
    record, where = source.read_json(FILE), source.where(FILE)
    entries = record.items() if isinstance(record, dict) else [("", None)]
    return Catalogue(
        label=LABEL, published={name: _published(where, name, entry) for name, entry in entries}
    )


def _published(where: str, name: str, entry: Any) -> Published:
    if not isinstance(entry, dict) or set(entry) - {"compatibility"} != _KEYS:
        raise WrongUse(f"{where}: the entry {name!r} is not as it was recorded. Restore the file.")
    if entry["sha256"] != fingerprint(entry["schema"]):
        raise WrongUse(
            f"{where} was changed by hand: {name} does not have the hash beside it. Restore the "
            "file; `fanout schema record` records a changed schema."
        )
    try:
        sunset = None if entry["sunset"] is None else dt.date.fromisoformat(entry["sunset"])
    except (TypeError, ValueError) as error:
        raise WrongUse(f"{where}: {entry['sunset']!r} is not a day. Restore the file.") from error
    return Published(name=name, schema=entry["schema"], sunset=sunset)


def _record(published: Mapping[str, Published]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "sha256": fingerprint(schema.schema),
            "sunset": None if schema.sunset is None else schema.sunset.isoformat(),
            "schema": schema.schema,
        }
        for name, schema in sorted(published.items())
    }


# The gate's verdict, as tables and documents for a person and as one document for a program


INSTEAD = (
    "What is published may only gain what is compatible. Make this a new major version beside the "
    "old one: docs/howto/change-the-contract.md."
)
_STYLES = {State.BROKEN: "bold red", State.NEW: "cyan", State.COMPATIBLE: "green"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was compared, and what came of it.

    Attributes:
        unrecorded: Schemas whose frozen record is not up to date; empty where the comparison was
            with something else than the frozen versions.
        recorded_in: The file that the record was just written to.
    """

    against: str
    checked: Sequence[Checked]
    unrecorded: Sequence[str] = ()
    recorded_in: str | None = None

    @property
    def passes(self) -> bool:
        """Whether nothing breaks."""
        return all(each.state is not State.BROKEN for each in self.checked)


def compare_with(folder: Path, against: str | None, *, record: bool = False) -> Report:
    """Compare a folder of schemas with a revision, another folder or, by default, the frozen ones.

    Args:
        folder: The working copy.
        against: A git revision or a folder; None for the frozen versions.
        record: Freeze what is there now, where nothing breaks.

    Raises:
        WrongUse: no such folder or revision, or a file in them that can't be read.
    """
    source, today = source_of(folder), dt.datetime.now(dt.UTC).date()
    proposed = read_catalogue(source, complete=True)
    if against is not None:
        if against and Path(against).is_dir():
            base = read_catalogue(source_of(Path(against)))
        else:
            with checked_out(folder, against) as revision:
                base = read_catalogue(revision)
        return Report(against=base.label, checked=check(base, proposed, today))
    base = read_frozen(source)
    report = Report(against=base.label, checked=check(base, proposed, today))
    before, after = _record(base.published), _record(proposed.published)
    if record and report.passes:
        path = folder / FILE
        path.write_text(json.dumps(after, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return replace(report, recorded_in=str(path))
    stale = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return replace(report, unrecorded=stale)


def as_document(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "against": report.against,
        "passes": report.passes,
        "schemas": [
            {
                "schema": each.name,
                "state": each.state.value,
                "roll_out": each.order.value,
                "findings": list(map(_finding_document, each.findings)),
            }
            for each in report.checked
        ],
        "unrecorded": list(report.unrecorded),
        "recorded_in": report.recorded_in,
    }


def show(report: Report, out: Console) -> None:
    """Print the report for a person."""
    out.print(f"Compared with {escape(report.against)}:")
    for each in report.checked:
        style = _STYLES.get(each.state, "default")
        out.print(f"  [{style}]{each.state.value:<10}[/] {escape(each.name)}")
    for each in report.checked:
        if each.findings:
            _show_findings(f"{each.name}: needs a new major version", each.findings, out)
            out.print(each.order.advice)
    if not report.passes:
        out.print(f"\n[bold red]Fails.[/] {INSTEAD}")
    elif report.recorded_in:
        out.print(f"\nRecorded in {escape(report.recorded_in)}.")
    elif report.unrecorded:
        names = escape(", ".join(report.unrecorded))
        out.print(
            f"\n[green]Passes.[/] Not recorded as published yet: {names}. "
            "Record it, in the same change: fanout schema record"
        )
    else:
        out.print("\n[green]Passes.[/]")


def _show_findings(title: str, findings: Sequence[Finding], out: Console) -> None:
    shown = table(f"\n{escape(title)}", "", "path", "rule", "direction", "subscribers hit", "why")
    for column in shown.columns[:4]:
        column.no_wrap = True
    for number, finding in enumerate(findings, start=1):
        hits = ", ".join(_hit_text(hit) for hit in finding.hits) or "none registered"
        shown.add_row(
            str(number),
            escape(finding.path),
            finding.rule,
            finding.direction.value,
            escape(hits),
            escape(finding.says),
        )
    out.print(shown)
    for number, finding in enumerate(findings, start=1):
        if finding.example is not NO_EXAMPLE:
            text = json.dumps(finding.example, ensure_ascii=False)
            out.print(f"  {number}. for example: {escape(text)}")


def _hit_text(hit: Hit) -> str:
    if hit.relies_on:
        return f"{hit.subscriber} (relies on {', '.join(hit.relies_on)})"
    return hit.subscriber


def _finding_document(finding: Finding) -> dict[str, Any]:
    document = {
        "path": finding.path,
        "rule": finding.rule,
        "direction": finding.direction.value,
        "breaks": finding.direction.breaks,
        "says": finding.says,
        "subscribers": [
            {"name": hit.subscriber, "relies_on": list(hit.relies_on)} for hit in finding.hits
        ],
    }
    return document | ({} if finding.example is NO_EXAMPLE else {"example": finding.example})
