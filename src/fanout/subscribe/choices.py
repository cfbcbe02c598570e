"""What is chosen for a new subscriber, and every name that follows from it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from customer_events.event import NEWEST_MAJOR
from fanout.catalogue.contract_folder import EventContract
from fanout.catalogue.filter_rendering import Filter, render_eventbridge, render_sns
from fanout.errors import WrongUse

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?")
_RESERVED = frozenset({"event", "accounts", "publisher", "local", "failures"})


class RuleKind(StrEnum):
    """Whether a subscriber keeps each customer's latest status or handles every transition."""

    LATEST_STATE = "latest-state"
    EVERY_EVENT = "every-event"


class Bus(StrEnum):
    """In whose language the SAM part subscribes; the Terraform part asks the bus itself."""

    SNS = "sns"
    EVENTBRIDGE = "eventbridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """A subscriber that is to be made. `statuses`: empty for all.

    Raises:
        WrongUse: a name that AWS or Python would refuse, or choices that contradict each other.
    """

    name: str
    rule: RuleKind
    versions: tuple[int, ...]
    statuses: tuple[str, ...]
    bus: Bus
    external: bool

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.endswith("-dlq"):
            raise WrongUse(
                f"{self.name!r} is no name for a subscriber: expected 1 to 30 of a-z, 0-9 and -, "
                "from a letter to a letter or digit, and not ending in -dlq. Its queue, its table "
                "and its Python package are named by it."
            )
        if self.name in _RESERVED:
            raise WrongUse(f"{self.name!r} is taken by the system itself; choose another name.")
        if self.rule is RuleKind.EVERY_EVENT and len(self.versions) > 1:
            raise WrongUse(
                "every-event takes one --version: a change has an event id in each major version, "
                "so it would be handled once for each."
            )

    @property
    def ident(self) -> str:
        """The name as Python and Terraform can use it."""
        return self.name.replace("-", "_")

    @property
    def package(self) -> str:
        """The Python package, which is the service's name as well."""
        return f"{self.ident}_consumer"

    @property
    def title(self) -> str:
        """The name as a sentence starts with it."""
        return self.name.replace("-", " ").capitalize()

    @property
    def latest_state(self) -> bool:
        """Whether it keeps each customer's latest status."""
        return self.rule is RuleKind.LATEST_STATE

    @property
    def reads_newest(self) -> bool:
        """Whether it reads the newest version, which is that of the snapshots of a backfill."""
        return NEWEST_MAJOR in self.versions

    @property
    def module(self) -> str:
        """The module that is left to write."""
        return "rule" if self.latest_state else "handling"

    def filter(self, event: EventContract) -> Filter:
        """The subscription's filter in the bus's language.

        Raises:
            WrongUse: no such version, or a status that none of the versions has.
        """
        render = render_sns if self.bus is Bus.SNS else render_eventbridge
        return render(
            event,
            versions=self.versions,
            statuses=self.statuses,
            latest_state=self.latest_state,
        )
