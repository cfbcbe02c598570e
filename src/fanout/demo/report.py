"""What a demo found, as numbers and sentences. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fanout.demo.account import Account, Entry, Fate
from fanout.demo.percentiles import Latency
from fanout.demo.poison import Poison
from fanout.demo.tables import Comparison
from fanout.masking import mask_customer

EXAMPLES_MAX = 20
"""How many lost changes, contradictions and differing rows are told one by one."""

CONSUMER_METRICS = {
    "applied": "EventsApplied",
    "duplicate": "EventsDuplicate",
    "stale": "EventsStale",
    "parked": "MessagesParked",
    "retried": "MessagesRetried",
}
"""The consumer's own counts of deliveries by outcome, and the metrics that hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What was written: the import, then the changes, `seconds` from first write to last row."""

    customers_imported: int
    changes_played: int
    rate_per_second: float | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole finding; `is_good` tells whether everything is where it has to be.

    `deliveries` are the consumer's own counts, by outcome; None where its log could not be read.
    """

    versions: tuple[int, ...]
    played: Played
    account: Account
    comparison: Comparison
    poison: tuple[Poison, ...]
    deliveries: Mapping[str, int] | None
    latency: Latency | None

    @property
    def problems(self) -> list[str]:
        """What makes the demo fail, each as a clause; empty where all is well."""
        lost, rows = len(self.account.lost), len(self.comparison.differences)
        told = len(self.account.contradictions)
        unparked = sum(one.reason is None for one in self.poison)
        clauses = {
            f"changes of status lost: {lost:,}": lost,
            f"rows that differ: {rows:,}": rows,
            f"events that contradict the writes: {told:,}": told,
            f"poison messages not in the DLQ: {unparked}": unparked,
        }
        return [clause for clause, count in clauses.items() if count]

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing contradictory, no row differs, all poison parked."""
        return not self.problems

    @property
    def changes_per_second(self) -> float | None:
        """Changes played a second, until the last of them was in its row."""
        if not self.played.seconds:
            return None
        return round(self.played.changes_played / self.played.seconds, 1)

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `docs/howto/demo.md` lists its fields."""
        account = self.account
        return {
            "good": self.is_good,
            "problems": self.problems,
            "versions": list(self.versions),
            "customers_imported": self.played.customers_imported,
            "changes_played": self.played.changes_played,
            "rate_per_second": self.played.rate_per_second,
            "status_changes": len(account.entries),
            "events_published": account.events,
            "events_published_again": account.deliveries - account.events,
            "applied": account.count(Fate.APPLIED),
            "superseded": account.count(Fate.SUPERSEDED),
            "parked": account.count(Fate.PARKED),
            "lost": len(account.lost),
            "lost_changes": [lost_change(one) for one in account.lost[:EXAMPLES_MAX]],
            "contradictions": list(account.contradictions[:EXAMPLES_MAX]),
            "consumer_deliveries": None if self.deliveries is None else dict(self.deliveries),
            "poison": [one.to_document() for one in self.poison],
            "rows_compared": self.comparison.customers,
            "rows_differing": len(self.comparison.differences),
            "differences": [
                asdict(one) | {"customer_id": mask_customer(one.customer_id)}
                for one in self.comparison.differences[:EXAMPLES_MAX]
            ],
            "latency": None if self.latency is None else self.latency.to_document(),
            "seconds": round(self.played.seconds, 3),
            "changes_per_second": self.changes_per_second,
        }


def lost_change(entry: Entry) -> str:
    """A sentence: which change it was, and where it was seen last."""
    write = entry.write
    return (
        f"write {write.number}, {mask_customer(write.customer_id)}, {write.before or 'NONE'}>"
        f"{write.after or 'REMOVED'}: {entry.fate} (event {entry.event_id or 'unknown'})"
    )
