"""One run of the sentinel: check the deployment, and compare the slice of customers that is due.

It keeps no state. The clock says whether a slice is due and which, by when the run was scheduled: a
run that AWS starts late, or again after a failure, compares the slice that it was meant for.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from customer_events.deadline import Deadline, Deadlines
from customer_events.event import NEWEST_MAJOR
from sentinel.compare import Drift, Expectation, guarded_table_rows
from sentinel.contract.followed import followed_statuses
from sentinel.discovery import (
    Publisher,
    Subscriber,
    Target,
    find_publisher,
    list_subscribers,
    paused,
)
from sentinel.drift import Comparison, DifferenceStore, Sides, recheck
from sentinel.errors import CommandError, NotComparable
from sentinel.examination import examine
from sentinel.findings import Asking, Finding, Severity, worst_first
from sentinel.pace import Pace
from sentinel.table import find_accounts

INTERVAL_SECONDS: Final = 300  # how often it runs; both templates' schedules say the same
COMPARE_SECONDS: Final = 900
"""How often a run compares a slice too. The others end within seconds, so that a wrong setting
raises its alarm within 15 minutes, while no two runs read a table at once."""
GRACE_SECONDS: Final = 200.0
"""How long a difference stands unchanged to be drift: longer than the queue's visibility timeout
(181 s), after which a change that failed once is on its way again.
"""


class Slice(NamedTuple):
    """One of as many parts of a table as a round has runs."""

    number: int
    of: int


def due(scheduled: datetime, compare_hours: int) -> Slice | None:
    """The slice of a run, by when it was scheduled, give or take half the interval.

    None: it is a run between two that compare.
    """
    run = round(scheduled.timestamp() / INTERVAL_SECONDS)
    number, between = divmod(run, COMPARE_SECONDS // INTERVAL_SECONDS)
    of = compare_hours * 3600 // COMPARE_SECONDS
    return None if between else Slice(number=number % of, of=of)


@dataclass(kw_only=True)
class Run:
    """What a run found; `drifted` has for each subscriber that was compared how many of a kind."""

    slice: Slice | None
    findings: Sequence[Finding] = ()
    drifted: dict[str, Mapping[Drift, int]] = field(default_factory=dict)
    customers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """Stop when a deadline is over."""

    deadline: Deadline
    sleep: Callable[[float], object]

    def asked(self) -> bool:
        """See `sentinel.pace.Stopping.asked`."""
        return self.deadline.is_over()

    def wait(self, seconds: float) -> None:
        """See `sentinel.pace.Stopping.wait`."""
        self.sleep(max(0.0, min(seconds, self.deadline.seconds_left())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinel:
    """Checks a deployment and compares its tables, slice by slice."""

    target: Target
    compare_hours: int
    read_units: float
    sleep: Callable[[float], object]
    grace_seconds: float = GRACE_SECONDS

    def run(self, scheduled: datetime, deadlines: Deadlines) -> Run:
        """Check everything, and compare the slice that is due, if one is.

        Of the deadlines `work` is for comparing, `parking` for reading again what differs.
        Raises: WrongUse: nothing is deployed under this prefix.
        """
        made = Run(slice=due(scheduled, self.compare_hours))
        asking = Asking()
        findings = examine(self.target, asking)
        if made.slice is None:
            made.findings = findings
            return made
        pauses = asking.ask("The marks of pauses", partial(paused, self.target)) or {}
        publisher = find_publisher(self.target)
        for subscriber in list_subscribers(self.target):
            if subscriber.table is None or subscriber.name in pauses:
                continue  # nothing to compare; or its rows are behind on purpose
            try:
                findings += self._compare(made, made.slice, publisher, subscriber, deadlines)
            except (CommandError, BotoCoreError, ClientError) as error:
                findings.append(_not_compared(subscriber, error))
        made.findings = worst_first(findings)
        return made

    # Private functions

    def _compare(
        self,
        made: Run,
        slice_: Slice,
        publisher: Publisher,
        subscriber: Subscriber,
        deadlines: Deadlines,
    ) -> list[Finding]:
        """Compare the slice of one subscriber's table; returns why that is not all of it."""
        comparing, reading_again = (
            Until(deadline=each, sleep=self.sleep) for each in (deadlines.work, deadlines.parking)
        )
        pace = Pace(self.read_units, wait=reading_again.wait)
        assert subscriber.table is not None
        sides = Sides(
            accounts=find_accounts(self.target, publisher, pace),
            # Its rule, and so its own attributes, are in the subscriber's package: not compared.
            rows=guarded_table_rows(self.target.client("dynamodb"), subscriber.table, ()),
            expectation=Expectation(
                followed=followed_statuses(subscriber, publisher),
                newest=NEWEST_MAJOR in subscriber.versions,
            ),
        )
        with closing(DifferenceStore()) as differences:
            comparison = Comparison(
                sides=sides,
                differences=differences,
                pace=pace,
                stopping=comparing,
                segment=slice_,
            )
            comparison.run()
            unfinished = comparing.asked()
            recheck(sides, differences, grace_seconds=self.grace_seconds, stopping=reading_again)
            made.customers += comparison.customers
            if not reading_again.asked():  # else nobody knows which of them are in flight
                counts = {Drift(each["drift"]): each["count"] for each in differences.groups()}
                made.drifted[subscriber.name] = counts
        return [_unfinished(subscriber)] if unfinished or reading_again.asked() else []


def _unfinished(subscriber: Subscriber) -> Finding:
    return Finding(
        Severity.WRONG,
        subscriber.name,
        "the sentinel could not compare all customers of its slice in the time it has.",
        harm="A lost change of one of the others may stay unnoticed for more than 24 hours.",
        fix="Raise SentinelReadUnits, or SentinelHours up to 24; in Terraform, in `sentinel`.",
    )


def _not_compared(subscriber: Subscriber, error: Exception) -> Finding:
    """A table of another kind is the owner's choice; everything else has to be put right."""
    answer: Any = getattr(error, "response", {})
    why = answer.get("Error", {}).get("Code") or str(error)
    return Finding(
        Severity.WARNING if isinstance(error, NotComparable) else Severity.WRONG,
        subscriber.name,
        f"its rows could not be compared with Accounts: {why}",
        harm="A lost change stays unnoticed.",
        fix=f"See docs/runbooks/sentinel.md; by hand: fanout reconcile {subscriber.name}",
    )
