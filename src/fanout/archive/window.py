"""The window of time that a replay covers, and what a replay is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from customer_events.instants import to_wire
from fanout.errors import WrongUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From an instant up to another, by when the events were published.

    Raises:
        WrongUse: it ends before it begins, or has not ended yet.
    """

    begins_at: datetime
    ends_at: datetime
    now: datetime

    def __post_init__(self) -> None:
        if self.begins_at >= self.ends_at:
            raise WrongUse("--from must be before --to.")
        if self.ends_at > self.now:
            raise WrongUse("--to is in the future: a replay covers what is archived already.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a replay is going to do.

    `archive` is what it reads, `only_to` the one subscriber's rules or subscription; `begin` is
    what AWS is asked; `remarks` are sentences to be read before that.
    """

    archive: str
    only_to: tuple[str, ...]
    begin: Mapping[str, Any]
    remarks: tuple[str, ...] = ()

    def to_document(self, window: Window) -> dict[str, Any]:
        """One JSON object."""
        return {
            "archive": self.archive,
            "only_to": list(self.only_to),
            "from": to_wire(window.begins_at),
            "to": to_wire(window.ends_at),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a replay has come: AWS's word for its state, and up to which instant, if told."""

    state: str
    is_over: bool
    went_well: bool
    up_to: datetime | None = None
    why: str = ""


class Archive(Protocol):
    """One subscriber's way to the archive."""

    def plan(self, window: Window) -> Plan:
        """What a replay would do. Raises `WrongUse` where there is nothing to replay from."""
        ...

    def start(self, plan: Plan) -> str:
        """Begin; the replay's name. Raises `Refused` where another would be lost by it."""
        ...

    def progress(self, name: str) -> Progress:
        """How far it has come."""
        ...

    def cancel(self, name: str) -> None:
        """Stop it; what was delivered stays. Raises `WrongUse` where AWS's API has no way."""
        ...
