"""The gate: compare what is published with what is proposed, in both directions.

What old writers publish has to be read by new readers (backward: it lies in DLQs and archives for
months), and what new writers publish by old readers (forward: consumers deploy when they like).
Writers publish declared fields only; readers ignore others.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from fanout.schema.catalogue import Catalogue, Published, Subscriber, merged
from fanout.schema.findings import (
    Direction,
    Finding,
    Hit,
    RollOut,
    Verdict,
    finding_of,
    roll_out,
)
from fanout.schema.inclusion import compared
from fanout.schema.parts import as_written, canonical
from fanout.schema.subset import Violation, violations


class State(Enum):
    """What became of one published schema."""

    UNCHANGED = "unchanged"
    COMPATIBLE = "compatible"
    NEW = "new"
    ENDED = "ended"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The verdict on one schema file.

    Attributes:
        tolerated: Findings of a direction that the registry's compatibility does not ask for.
        violations: Keywords outside of the subset; with any, nothing else was compared.
    """

    name: str
    state: State
    findings: tuple[Finding, ...] = ()
    tolerated: tuple[Finding, ...] = ()
    violations: tuple[Violation, ...] = ()

    @property
    def order(self) -> RollOut:
        """In which order the change could go out at all."""
        return roll_out([*self.findings, *self.tolerated])


def check(base: Catalogue, proposed: Catalogue, today: dt.date) -> list[Checked]:
    """Check every schema that either side has.

    Args:
        base: What is published.
        proposed: The working copy.
        today: Decides whether a version's sunset has passed.
    """
    names = sorted({*base.published, *proposed.published})
    return [
        _checked(name, base.published.get(name), proposed.published.get(name), today)
        for name in names
    ]


def _checked(name: str, old: Published | None, new: Published | None, today: dt.date) -> Checked:
    if new is None:
        assert old is not None, "a name stands on one side at least"
        return _gone(old, today)
    if found := violations(new.schema):
        return Checked(name=name, state=State.BROKEN, violations=tuple(found))
    promised = tuple(_broken_promises(new))
    if old is None:
        return _judged(name, promised, State.NEW, new.mode)
    mode = old.mode
    subscribers = merged([*old.subscribers, *new.subscribers])
    if new.mode not in ("full", old.mode):
        promised += (_weaker(old, new),)
    same = canonical(old.schema) == canonical(new.schema)
    found_gaps = () if same else tuple(_compared(old, new, subscribers))
    state = State.UNCHANGED if same else State.COMPATIBLE
    return _judged(name, (*promised, *found_gaps), state, mode)


def _judged(name: str, findings: tuple[Finding, ...], state: State, mode: str) -> Checked:
    """What the registry's mode does not ask for is told, and does not fail."""
    fails = tuple(
        one
        for one in findings
        if mode in ("full", one.direction.value) or one.rule == "subscribers"
    )
    tolerated = tuple(one for one in findings if one not in fails)
    state = State.BROKEN if fails else state
    return Checked(name=name, state=state, findings=fails, tolerated=tolerated)


def _compared(
    old: Published, new: Published, subscribers: tuple[Subscriber, ...]
) -> Iterator[Finding]:
    if outside := violations(old.schema):
        says = f"the published schema has `{outside[0].keyword}`, which the gate can't decide"
        for direction in Direction:
            yield _undecided(old, direction, says)
        return
    written = {
        Direction.BACKWARD: (as_written(old.schema), new.schema),
        Direction.FORWARD: (_selected(as_written(new.schema), old.schema), old.schema),
    }
    for direction, (writer, reader) in written.items():
        for gap in compared(writer, reader):
            yield finding_of(gap, direction, new, subscribers)


def _selected(envelope: Any, old: Mapping[str, Any]) -> Any:
    """An envelope without the types that are new in it; every other schema as it is.

    A new major version has a type of its own. No subscription of an old reader lets it through, so
    an old reader need not know it. Only where `type` lists types of events, as an envelope does
    beside `specversion`, is it such a selector.
    """
    fields, known = envelope.get("properties", {}), old.get("properties", {})
    if "specversion" not in fields or "enum" not in fields.get("type", {}):
        return envelope
    types = [one for one in fields["type"]["enum"] if one in known.get("type", {}).get("enum", ())]
    if not types:
        return envelope
    narrowed = {**fields["type"], "enum": types}
    return {**envelope, "properties": {**fields, "type": narrowed}}


def _broken_promises(new: Published) -> Iterator[Finding]:
    """What the registry says that subscribers rely on, and the schema no longer has."""
    if new.major is None or not isinstance(new.schema, Mapping):
        return
    fields = new.schema.get("properties", {})
    statuses = fields.get(new.status_field, {}).get("enum") if new.status_field else None
    for subscriber in new.subscribers:
        for name in sorted(subscriber.fields - set(fields)):
            says = f"{subscriber.name} relies on the field, and the schema does not declare it"
            yield _promise(
                new, f"$.{name}", says, Hit(subscriber=subscriber.name, relies_on=(name,))
            )
        for status in sorted(subscriber.statuses - set(statuses or subscriber.statuses)):
            says = f"{subscriber.name} relies on the status {status}, which can't occur"
            hit = Hit(subscriber=subscriber.name, relies_on=(status,))
            yield _promise(new, f"$.{new.status_field}", says, hit)


def _promise(published: Published, path: str, says: str, hit: Hit) -> Finding:
    return Finding(
        schema=published.name,
        path=path,
        rule="subscribers",
        direction=Direction.FORWARD,
        verdict=Verdict.BREAKING,
        says=says,
        hits=(hit,),
    )


def _weaker(old: Published, new: Published) -> Finding:
    says = f"the registry's compatibility was {old.mode}; {new.mode} promises less"
    weaker = _undecided(new, Direction.FORWARD, says)
    return replace(
        weaker, rule="subscribers", verdict=Verdict.BREAKING, hits=_everyone(new.subscribers)
    )


def _gone(old: Published, today: dt.date) -> Checked:
    """A version may go once its sunset has passed and nobody reads it."""
    ended = old.sunset is not None and old.sunset < today
    if ended and not old.subscribers:
        return Checked(name=old.name, state=State.ENDED)
    says = (
        "the published schema is gone, while its documents may still lie in queues, DLQs and "
        "archives: restore it, with a sunset that has passed and no subscriber, before it may go"
    )
    finding = replace(
        _undecided(old, Direction.BACKWARD, says),
        rule="subscribers",
        verdict=Verdict.BREAKING,
        hits=_everyone(old.subscribers),
    )
    return Checked(name=old.name, state=State.BROKEN, findings=(finding,))


def _everyone(subscribers: Iterable[Subscriber]) -> tuple[Hit, ...]:
    return tuple(Hit(subscriber=one.name) for one in subscribers)


def _undecided(published: Published, direction: Direction, says: str) -> Finding:
    return Finding(
        schema=published.name,
        path="$",
        rule="schema",
        direction=direction,
        verdict=Verdict.UNKNOWN,
        says=says,
        hits=_everyone(published.subscribers),
    )
