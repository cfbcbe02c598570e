"""What the gate says of a changed schema: which rule, whom it hits, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from fanout.schema.catalogue import Published, Subscriber
from fanout.schema.gaps import UNSHOWN, Gap


class Direction(Enum):
    """Which side meets what it can't read."""

    BACKWARD = "backward"
    FORWARD = "forward"

    @property
    def breaks(self) -> str:
        """Who reads what."""
        if self is Direction.BACKWARD:
            return "new readers reading old documents"
        return "old readers reading new documents"


class Verdict(Enum):
    """How sure the gate is; both fail."""

    BREAKING = "breaking"
    UNKNOWN = "unknown"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A subscriber that a finding breaks.

    Attributes:
        relies_on: The field at fault, and the values of it that its code names; empty where it
            reads the version without relying on that field. It is hit all the same: a reader
            refuses the whole document.
    """

    subscriber: str
    relies_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason why a change can't go out within a version.

    Attributes:
        schema: The schema file's name.
        path: Where in the document, as in JSONPath.
        rule: The keyword of the side that refuses; `subscribers` for what the registry promises.
        witness: A document that one side publishes and the other refuses; UNSHOWN where the rule
            could not be decided, or is none of the schema's.
    """

    schema: str
    path: str
    rule: str
    direction: Direction
    verdict: Verdict
    says: str
    witness: Any = UNSHOWN
    hits: tuple[Hit, ...] = ()

    @property
    def has_witness(self) -> bool:
        """Whether a document shows it."""
        return self.witness is not UNSHOWN


def finding_of(
    gap: Gap, direction: Direction, published: Published, subscribers: Iterable[Subscriber]
) -> Finding:
    """Tell a gap to the people whom it concerns."""
    return Finding(
        schema=published.name,
        path=gap.path,
        rule=gap.rule,
        direction=direction,
        verdict=Verdict.BREAKING if gap.is_shown else Verdict.UNKNOWN,
        says=_sentence(gap, direction),
        witness=gap.witness,
        hits=tuple(_hit(gap, one, published) for one in subscribers),
    )


def roll_out(findings: Iterable[Finding]) -> RollOut:
    """In which order the change could go out at all; undecided counts as broken."""
    broken = {finding.direction for finding in findings}
    if broken == {Direction.FORWARD}:
        return RollOut.CONSUMERS_FIRST
    if broken == {Direction.BACKWARD}:
        return RollOut.PRODUCER_FIRST
    return RollOut.SIDE_BY_SIDE if broken else RollOut.ANY


def field_of(path: str) -> str:
    """The document's own field that a path leads through; empty for the whole document."""
    return path.removeprefix("$").removeprefix(".").split(".")[0].split("[")[0]


def _hit(gap: Gap, subscriber: Subscriber, published: Published) -> Hit:
    name = field_of(gap.path)
    if published.major is None or name not in subscriber.fields:
        return Hit(subscriber=subscriber.name)
    named = sorted(subscriber.statuses & {one for one in gap.values if isinstance(one, str)})
    return Hit(subscriber=subscriber.name, relies_on=(name, *named))


def _sentence(gap: Gap, direction: Direction) -> str:
    reader, writer = ("old", "new") if direction is Direction.FORWARD else ("new", "old")
    if not gap.is_shown:
        return (
            f"`{gap.rule}` can't be decided: neither proved that {reader} readers accept every "
            f"{writer} document, nor found one that they refuse."
        )
    values = ", ".join(repr(value) if value is not None else "null" for value in gap.values)
    what = {
        "required": f"{reader} readers require the field, {writer} documents may lack it",
        "enum": f"{reader} readers don't list {values or 'every value'} that {writer} documents "
        "may hold",
        "const": f"{reader} readers take one value only, {writer} documents may hold others",
        "type": f"{writer} documents may hold a type of value that {reader} readers refuse",
        "additionalProperties": f"{reader} readers allow no such field, {writer} documents may "
        "have it",
        "not": f"{reader} readers forbid a pattern that {writer} documents may match",
        "anyOf": f"no alternative of the {reader} readers takes every {writer} document",
        "if": f"{reader} readers have another condition than {writer} documents keep",
    }
    return what.get(
        gap.rule, f"{writer} documents may go beyond the `{gap.rule}` of {reader} readers"
    )
