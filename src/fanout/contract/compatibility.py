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
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from rich.console import Console
from rich.markup import escape

from fanout.console import table
from fanout.errors import WrongUse
from sentinel.contract.folder import ENVELOPE_FILE, Contract, Source, checked_out, contract_of

ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "title", "description", "examples", "default"}
) | {"deprecated", "readOnly", "writeOnly"}
"""Keywords that say something about a value and refuse none (JSON Schema 2020-12, section 9)."""


class Direction(StrEnum):
    """Which side receives what it can't read."""

    BACKWARD = "backward"
    FORWARD = "forward"

    @property
    def sides(self) -> tuple[str, str]:
        """Who reads, and what."""
        if self is Direction.BACKWARD:
            return "new readers", "old documents"
        return "old readers", "new documents"


class State(StrEnum):
    """The result for one published schema."""

    UNCHANGED = "unchanged"
    COMPATIBLE = "compatible"
    NEW = "new"
    ENDED = "ended"
    BROKEN = "broken"


Document = dict[str, Any]
Rules = Mapping[str, Any]
Steps = tuple[str | int, ...]
ITEM, ANY_FIELD = 0, "*"
_LEFT_OUT: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One schema file that readers apply.

    Attributes:
        major: None for what surrounds every version: the envelope.
        status_field: The field of `data` that holds the status; None where it is not declared.
        sunset: The last day on which it is published; None where it has no end.
        subscribers: The registry's entries of those that read it.
    """

    schema: Any
    major: int | None = None
    status_field: str | None = None
    sunset: dt.date | None = None
    subscribers: tuple[Rules, ...] = ()


Catalogue = Mapping[str, Published]
"""Every published schema of a folder, by its path below it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one side may publish, and the other refuses.

    Attributes:
        steps: Where in the document: names of fields, and ITEM for what an array holds.
        rule: The keyword that changed; `subscribers` for what the registry promises.
        values: What the reader's side refuses, where the rule lists some: constants, types.
    """

    direction: Direction
    steps: Steps
    rule: str
    says: str
    values: tuple[Any, ...] = ()


_ORDERS = {
    frozenset[Direction](): "any order",
    frozenset({Direction.FORWARD}): "consumers first",
    frozenset({Direction.BACKWARD}): "producer first",
    frozenset(Direction): "neither order works",
}


def catalogue_of(contract: Contract) -> dict[str, Published]:
    """Every schema of the registries, and the envelope, on which every subscriber relies."""
    published = {
        f"{event.folder}/{version.entry['schema']}": Published(
            schema=version.schema,
            major=version.major,
            status_field=(version.entry.get("filters") or {}).get("status"),
            sunset=version.entry.get("sunset"),
            subscribers=tuple(
                entry
                for entry in event.registry.get("subscribers") or ()
                if version.major in entry.get("versions", ())
            ),
        )
        for event in contract.events
        for version in event.versions
    }
    everyone = tuple(reader for each in published.values() for reader in each.subscribers)
    return published | {ENVELOPE_FILE: Published(schema=contract.envelope, subscribers=everyone)}


def check(base: Catalogue, proposed: Catalogue, today: dt.date) -> list[Document]:
    """A verdict for every schema that either side has, as `schemas` in the report has them.

    `base` is what is published, `proposed` the working copy; `today` decides about sunsets.

    Raises: WrongUse: a file is not a JSON Schema, or is nested too deep.
    """
    names = sorted({*base, *proposed})
    return [_checked(name, base.get(name), proposed.get(name), today) for name in names]


def canonical(document: Any) -> str:
    """One spelling per document: sorted names, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _checked(name: str, old: Published | None, new: Published | None, today: dt.date) -> Document:
    if new is None:
        assert old is not None, "a name stands on one side at least"
        return _gone(name, old, today)
    try:
        for side in (old, new):
            if side is not None:
                Draft202012Validator.check_schema(side.schema)
        changes = () if old is None else tuple(_compared(old, new))
    except SchemaError as error:
        raise WrongUse(
            f"{name} is not a JSON Schema (2020-12): {error.json_path}: {error.message[:200]}."
        ) from error
    except RecursionError as error:
        raise WrongUse(f"{name} is nested too deep.") from error
    if findings := (*_broken_promises(new), *changes):
        return _verdict(name, State.BROKEN, findings)
    if old is None:
        return _verdict(name, State.NEW)
    is_same = canonical(old.schema) == canonical(new.schema)
    return _verdict(name, State.UNCHANGED if is_same else State.COMPATIBLE)


def _verdict(name: str, state: State, findings: Sequence[Document] = ()) -> Document:
    order = _ORDERS[frozenset(finding["direction"] for finding in findings)]
    return {"schema": name, "state": state, "roll_out": order, "findings": list(findings)}


def _finding(change: Change, hits: Mapping[str, Sequence[str]]) -> Document:
    """One reason why a change needs a new major version.

    `hits` are the subscribers that it breaks, each with the field at fault and the values of it
    that its code names. None where it reads the version without that field: it is hit all the same,
    since a reader refuses the whole document.
    """
    path = "".join("[*]" if step == ITEM else f".{step}" for step in change.steps)
    return {
        "path": f"${path}",
        "rule": change.rule,
        "direction": change.direction,
        "breaks": " reading ".join(change.direction.sides),
        "says": change.says,
        "subscribers": [{"name": name, "relies_on": list(on)} for name, on in hits.items()],
    }


def _compared(old: Published, new: Published) -> Iterator[Document]:
    for change in _Comparison(old=old.schema, new=new.schema).changes():
        if not _is_new_event_type(change, new.schema):
            reader, writer = old.schema, new.schema
            if change.direction is Direction.BACKWARD:
                reader, writer = writer, reader
            hits = _hits(change, [*old.subscribers, *new.subscribers], new.major)
            yield _finding(change, hits) | _example(change, writer, reader)


def _is_new_event_type(change: Change, schema: Any) -> bool:
    """A value added to an envelope's `type`: a new major version, or another event.

    No old subscription lets its documents through, so an old reader need not know it.
    """
    is_envelope = "specversion" in schema.get("properties", {})
    gained = (change.rule, change.direction) == ("enum", Direction.FORWARD)
    return is_envelope and gained and change.steps == ("type",)


def _hits(change: Change, subscribers: Iterable[Rules], major: int | None) -> dict[str, list[str]]:
    """Each subscriber with what it relied on before the change, or does after it."""
    name = str(change.steps[0]) if change.steps and major is not None else ""
    values = {value for value in change.values if isinstance(value, str)}
    relied: dict[str, set[str]] = {}
    for each in subscribers:
        on = {name, *values.intersection(each.get("statuses", ()))}
        relied.setdefault(each["name"], set()).update(on if name in each.get("fields", ()) else ())
    return {
        who: sorted(on, key=lambda text: (text != name, text)) for who, on in sorted(relied.items())
    }


def _broken_promises(new: Published) -> Iterator[Document]:
    """What the registry says that subscribers rely on, and the schema no longer has."""
    if new.major is None:
        return
    fields = new.schema.get("properties", {})
    statuses = fields.get(new.status_field, {}).get("enum") if new.status_field else None
    broken = partial(Change, Direction.FORWARD, rule="subscribers")
    for each in new.subscribers:
        reader = each["name"]
        for name in sorted(set(each.get("fields", ())) - set(fields)):
            says = f"{reader} relies on the field, and the schema does not declare it"
            yield _finding(broken((name,), says=says), {reader: [name]})
        for status in (
            sorted(set(each.get("statuses", ())).difference(statuses)) if statuses else ()
        ):
            says = f"{reader} relies on the status {status}, which can't occur"
            yield _finding(broken((str(new.status_field),), says=says), {reader: [status]})


def _gone(name: str, old: Published, today: dt.date) -> Document:
    """A version may go once its sunset has passed and nobody reads it."""
    if old.sunset is not None and old.sunset < today and not old.subscribers:
        return _verdict(name, State.ENDED)
    says = (
        "the published schema is gone, while its documents may still lie in queues, DLQs and "
        "archives: restore it, with a sunset that has passed and no subscriber, before it may go"
    )
    hits: dict[str, list[str]] = {each["name"]: [] for each in old.subscribers}
    change = Change(Direction.BACKWARD, (), "subscribers", says)
    return _verdict(name, State.BROKEN, [_finding(change, hits)])


# The structural rule

_LOWER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_UPPER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_UNIONS = ("anyOf", "oneOf")
_COMPARED_APART = frozenset(
    {"$defs", "properties", "required", "items", "type", "enum", "const", *_UNIONS}
)
_TYPE_NAMES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class _Comparison:
    """Two schemas, walked side by side; `$ref` to a definition leads into the definition."""

    def __init__(self, *, old: Any, new: Any) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[int, int]] = set()

    def changes(self) -> Iterator[Change]:
        yield from self._node(self._old, self._new, ())
        # Definitions that are reached inside a keyword that is compared as a whole.
        old, new = (side.get("$defs", {}) for side in map(_rules, (self._old, self._new)))
        for name in sorted(set(old) & set(new)):
            yield from self._node(old[name], new[name], ())

    def _node(self, old: Any, new: Any, steps: Steps) -> Iterator[Change]:
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        if (id(old), id(new)) in self._seen:
            return
        self._seen.add((id(old), id(new)))
        old, new = _rules(old), _rules(new)
        yield from _refusals(Direction.BACKWARD, old, new, steps)
        yield from _refusals(Direction.FORWARD, new, old, steps)
        yield from self._fields(old, new, steps)
        yield from self._items(old, new, steps)

    def _fields(self, old: Rules, new: Rules, steps: Steps) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name in after:
                yield from self._node(before[name], after[name], (*steps, name))
            elif name not in old.get("required", ()):
                says = "a field that goes may come back with another meaning: keep it declared"
                yield from _both((*steps, name), "properties", says)
        for name in sorted(after.keys() - before.keys() - set(new.get("required", ()))):
            yield from _new_field(old, (*steps, name))

    def _items(self, old: Rules, new: Rules, steps: Steps) -> Iterator[Change]:
        if "items" in old or "items" in new:
            yield from self._node(old.get("items", {}), new.get("items", {}), (*steps, ITEM))
        before, after = (side.get("additionalProperties") for side in (old, new))
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from self._node(before, after, (*steps, ANY_FIELD))


def _refusals(direction: Direction, writer: Rules, reader: Rules, steps: Steps) -> Iterator[Change]:
    """What the writer's documents may be at this node, and the reader refuses."""
    readers, documents = direction.sides
    for name in sorted({*reader.get("required", ())} - {*writer.get("required", ())}):
        says = f"{readers} require the field, {documents} may lack it"
        yield Change(direction, (*steps, name), "required", says)
    are_constants = all(_listed("enum", side) is not None for side in (writer, reader))
    for keyword in ("enum", "type", *_UNIONS):
        values = _unlisted(keyword, writer, reader)
        if values is not None and not (keyword == "type" and are_constants):  # they say more
            says = f"{documents} may hold {_named(keyword, values)}, which {readers} refuse"
            rule = "const" if keyword == "enum" and "const" in reader else keyword
            yield Change(direction, steps, rule, says, values)
    for keyword in sorted(reader.keys() - _COMPARED_APART):
        if _is_looser(keyword, writer, reader):
            says = f"{documents} need not meet the `{keyword}` of {readers}"
            yield Change(direction, steps, keyword, says)


def _unlisted(keyword: str, writer: Rules, reader: Rules) -> tuple[Any, ...] | None:
    """What the writer's list has and the reader's lacks; None if nothing, empty if all others."""
    theirs, mine = _listed(keyword, writer), _listed(keyword, reader)
    if mine is None or theirs is None:
        return None if mine is None else ()
    return tuple(value for key, value in theirs.items() if key not in mine) or None


def _listed(keyword: str, rules: Rules) -> dict[str, Any] | None:
    """What a keyword allows, by its canonical spelling; None where it allows everything.

    `const` counts as an `enum` of one value. The types of constants are theirs; `integer` is among
    `number`. 1 and 1.0 are one value in JSON Schema.
    """
    constants = [rules["const"]] if "const" in rules else rules.get("enum")
    if constants is not None:
        constants = [int(v) if isinstance(v, float) and v.is_integer() else v for v in constants]
    listed = constants if keyword == "enum" else rules.get(keyword)
    if keyword == "type":
        own = [_TYPE_NAMES[type(value)] for value in constants or ()]
        types = [listed] if isinstance(listed, str) else listed or own or _TYPE_NAMES.values()
        listed = sorted({*types, *(["integer"] if "number" in types else ())})
    return None if listed is None else {canonical(_plain(each)): each for each in listed}


def _is_looser(keyword: str, writer: Rules, reader: Rules) -> bool:
    """Whether the writer lacks the keyword, has a wider bound, or anything else than the reader."""
    if keyword not in writer:
        return True
    theirs, mine = writer[keyword], reader[keyword]
    if keyword in _LOWER or keyword in _UPPER:
        return bool(theirs < mine if keyword in _LOWER else theirs > mine)
    is_map = isinstance(theirs, Mapping) and isinstance(mine, Mapping)
    if keyword == "additionalProperties" and is_map:
        return False  # compared as a node
    return canonical(_plain(theirs)) != canonical(_plain(mine))


def _new_field(old: Rules, steps: Steps) -> Iterator[Change]:
    """An optional field is compatible where fields are declared and others are ignored."""
    if old.get("additionalProperties") is False:
        says = "old readers allow no such field, new documents may have it"
        yield Change(Direction.FORWARD, steps, "additionalProperties", says)
    elif "additionalProperties" in old:
        says = "the old schema has a rule for fields that it does not name, and this is one"
        yield from _both(steps, "additionalProperties", says)
    elif "properties" not in old:
        says = "the old schema declared no field, so old documents may hold anything under its name"
        yield Change(Direction.BACKWARD, steps, "properties", says)


def _rules(schema: Any) -> Rules:
    """The schema without what refuses nothing; `true` has no rule, `false` refuses everything."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return {key: value for key, value in schema.items() if not _says_nothing(key, value)}


def _says_nothing(key: str, value: Any) -> bool:
    if key == "additionalProperties":
        return value is True or (isinstance(value, Mapping) and not _rules(value))
    return key in ANNOTATIONS or (key, value) == ("uniqueItems", False)


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


def _both(steps: Steps, rule: str, says: str) -> Iterator[Change]:
    """Which side breaks is not decided: both count."""
    return (Change(direction, steps, rule, says) for direction in Direction)


def _named(keyword: str, values: Sequence[Any]) -> str:
    if keyword == "type":
        return f"a value of type {' or '.join(values)}"
    listed = ", ".join("null" if value is None else repr(value) for value in values)
    return listed[:200] if keyword == "enum" and values else "other values"


# Examples

_TRIED: tuple[Any, ...] = (None, "", "x", "x" * 300, "a\n", -1, 0, 1, 1.5, 10**6, True, [], {})


def _example(change: Change, writer: Any, reader: Any) -> Document:
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
                return {"example": document}
    return {}


def _edited(change: Change, example: Any) -> Iterator[Any]:
    yield example
    if not change.steps:
        return
    for value in (*change.values, *_TRIED, _LEFT_OUT):
        document = copy.deepcopy(example)
        try:
            holder = document
            for step in change.steps[:-1]:
                holder = holder[step]
            if value is _LEFT_OUT:
                del holder[change.steps[-1]]
            else:
                holder[change.steps[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
        yield document


# What is published, as it was frozen: `frozen.json` beside the events' folders


FILE = "frozen.json"
LABEL = "the frozen versions"


def fingerprint(schema: Any) -> str:
    """SHA-256 of the canonical JSON: the layout of the file does not count, every word does."""
    return hashlib.sha256(canonical(schema).encode("ascii")).hexdigest()


def read_frozen(source: Source) -> dict[str, Published]:
    """The frozen schemas; none where nothing has been recorded yet.

    Raises: WrongUse: the record was not written by `fanout schema record`.
    """
    if not (source.folder / FILE).exists():
        return {}
    record, where = source.read_json(FILE), source.where(FILE)
    entries = record.items() if isinstance(record, dict) else [("", None)]
    return {name: _published(where, name, entry) for name, entry in entries}


def _published(where: str, name: str, entry: Any) -> Published:
    try:
        schema, sunset = entry["schema"], entry["sunset"]
        end = None if sunset is None else dt.date.fromisoformat(sunset)
        if entry["sha256"] == fingerprint(schema):
            return Published(schema=schema, sunset=end)
    except (LookupError, TypeError, ValueError):
        pass
    raise WrongUse(
        f"{where} was changed by hand: {name or 'it'} is not as it was recorded. Restore the file; "
        "`fanout schema record` records a changed schema."
    )


def _record(published: Catalogue) -> dict[str, dict[str, Any]]:
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


def compare_with(folder: Path, against: str | None, *, record: bool = False) -> Document:
    """Compare a folder of schemas with a revision, another folder or, by default, the frozen ones.

    `against` is a git revision or a folder, None for the frozen versions; `record` freezes what is
    there now, where nothing breaks. Returns the document of `--json`, whose fields
    `docs/reference/schema-check.md` lists.

    Raises: WrongUse: no such folder or revision, or a file in them that can't be read.
    """
    source, today = Source(folder=folder), dt.datetime.now(dt.UTC).date()
    proposed = catalogue_of(contract_of(source))
    if against is not None:
        is_folder = bool(against) and Path(against).is_dir()
        other = (
            nullcontext(Source(folder=Path(against))) if is_folder else checked_out(folder, against)
        )
        with other as published:
            base = catalogue_of(contract_of(published, complete=False))
        return _report(against, check(base, proposed, today))
    base = read_frozen(source)
    report = _report(LABEL, check(base, proposed, today))
    before, after = _record(base), _record(proposed)
    if record and report["passes"]:
        path = folder / FILE
        path.write_text(json.dumps(after, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return report | {"recorded_in": str(path)}
    stale = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return report | {"unrecorded": stale}


def show(report: Mapping[str, Any], out: Console) -> None:
    """Print the report for a person."""
    out.print(f"Compared with {escape(report['against'])}:")
    for each in report["schemas"]:
        style = _STYLES.get(each["state"], "default")
        out.print(f"  [{style}]{each['state']:<10}[/] {escape(each['schema'])}")
    for each in report["schemas"]:
        if each["findings"]:
            _show_findings(f"{each['schema']}: needs a new major version", each["findings"], out)
            out.print(f"Roll-out, if it could go out at all: {each['roll_out']}.")
    if not report["passes"]:
        out.print(f"\n[bold red]Fails.[/] {INSTEAD}")
    elif report["recorded_in"]:
        out.print(f"\nRecorded in {escape(report['recorded_in'])}.")
    elif report["unrecorded"]:
        names = escape(", ".join(report["unrecorded"]))
        out.print(
            f"\n[green]Passes.[/] Not recorded as published yet: {names}. "
            "Record it, in the same change: fanout schema record"
        )
    else:
        out.print("\n[green]Passes.[/]")


def _show_findings(title: str, findings: Sequence[Mapping[str, Any]], out: Console) -> None:
    columns = ("", "path", "rule", "direction", "subscribers hit", "why")
    shown = table(f"\n{escape(title)}", *columns, whole=range(4))
    for number, finding in enumerate(findings, start=1):
        hits = ", ".join(
            f"{hit['name']} (relies on {', '.join(hit['relies_on'])})"
            if hit["relies_on"]
            else hit["name"]
            for hit in finding["subscribers"]
        )
        cells = (finding["path"], finding["rule"], finding["direction"], hits or "none registered")
        shown.add_row(str(number), *map(escape, cells), escape(finding["says"]))
    out.print(shown)
    for number, finding in enumerate(findings, start=1):
        if "example" in finding:
            text = json.dumps(finding["example"], ensure_ascii=False)
            out.print(f"  {number}. for example: {escape(text)}")


def _report(against: str, schemas: list[Document]) -> Document:
    return {
        "against": against,
        "passes": all(each["state"] is not State.BROKEN for each in schemas),
        "schemas": schemas,
        "unrecorded": [],
        "recorded_in": None,
    }
