"""Freeze what a run is about: objects by their keys, with the place of their earliest record."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from fanout.failures.documents import Failure, Record, customer_of, order_of
from fanout.failures.forecast import Outlook, outlook
from fanout.failures.loading import Loading
from fanout.runs.run import Run
from publisher.transitions import TableRules

_DIGITS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which objects; None: any. `customer` selects an object that holds a record of theirs."""

    reason: str | None = None
    key: str | None = None
    customer: str | None = None

    def matches(self, failure: Failure, customers: set[str | None]) -> bool:
        """Whether an object is meant."""
        return (
            self.reason in (None, failure.reason)
            and self.key in (None, failure.key)
            and (self.customer is None or self.customer in customers)
        )

    def to_document(self) -> dict[str, str | None]:
        """One JSON object with every field."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An object with its records and what would become of them."""

    failure: Failure
    records: tuple[Record, ...]
    outlook: Outlook
    customers: frozenset[str]


def freeze(
    run: Run,
    loading: Loading,
    wanted: Wanted,
    rules: TableRules,
    *,
    limit: int | None = None,
    is_meant: Callable[[Candidate], str] = lambda _candidate: "",
    progress: Callable[[int], None] = lambda _read: None,
) -> None:
    """Select what is wanted, in the order of the earliest records, and close the selection.

    Args:
        run: a new one.
        loading: how to get at records.
        wanted: which objects.
        rules: of the publisher, to foretell what becomes of a record.
        limit: so many at most, the earliest ones.
        is_meant: says why a candidate is left out; "" where it is not.
        progress: called with 1 for each object that was read.
    """
    cut_off = datetime.now(UTC)
    left_out: Counter[str] = Counter()
    with closing(sqlite3.connect("")) as base:  # a file that is gone once it is closed
        base.execute("CREATE TABLE found (first TEXT, id TEXT PRIMARY KEY, facts TEXT)")
        for failure in _failures(loading, wanted, progress):
            candidate, why = _candidate(failure, loading, wanted, rules)
            why = why or (is_meant(candidate) if candidate else "")
            if why:
                left_out[why] += 1
            elif candidate is not None:
                facts = _facts(candidate)
                base.execute(
                    "INSERT INTO found VALUES (?, ?, ?)",
                    (facts["first"].zfill(_DIGITS), failure.key, json.dumps(facts)),
                )
        rows = base.execute(
            "SELECT id, facts FROM found ORDER BY first, id LIMIT ?",
            (-1 if limit is None else limit,),
        )
        selected = run.select({"id": name, **json.loads(facts)} for name, facts in rows)
        (count,) = base.execute("SELECT COUNT(*) FROM found").fetchone()
    remarks = [f"Left out, {number:,}: {why}." for why, number in left_out.items()]
    if count > selected:
        remarks.append(f"--limit {limit} was reached: {count - selected:,} later ones are left.")
    run.freeze(cut_off=cut_off, left_out=remarks)


# Private functions


def _failures(
    loading: Loading, wanted: Wanted, progress: Callable[[int], None]
) -> Iterator[Failure]:
    named = loading.named_failure()
    if named is not None:
        yield named
        return
    if wanted.key is not None:
        found = loading.store.read(wanted.key)
        if found is not None:
            yield found
        return
    for failure in loading.store.failures():
        progress(1)
        yield failure


def _candidate(
    failure: Failure, loading: Loading, wanted: Wanted, rules: TableRules
) -> tuple[Candidate | None, str]:
    """The candidate, or None, and why it has to be left out, or ""."""
    if wanted.reason not in (None, failure.reason):
        return None, ""
    loaded = loading.of(failure)
    if loaded.records is None:
        return None, loaded.why
    names = {customer_of(one, rules.customer_id_attribute) for one in loaded.records}
    if not wanted.matches(failure, names):
        return None, ""
    if not loaded.records:
        return None, "an empty batch: nothing to publish"
    return Candidate(
        failure=failure,
        records=tuple(loaded.records),
        outlook=outlook(loaded.records, rules),
        customers=frozenset(name for name in names if name is not None),
    ), ""


def _facts(candidate: Candidate) -> Mapping[str, Any]:
    """What the journal says of a selected object: counts and codes, nothing personal."""
    expected = candidate.outlook
    return {
        "kind": candidate.failure.kind.value,
        "reason": candidate.failure.reason,
        "records": len(candidate.records),
        "customers": len(candidate.customers),
        "first": str(min(order_of(one) for one in candidate.records)),
        "publish": expected.publish,
        "ignore": expected.ignore,
        "refuse": expected.refuse,
        "refused_for": ", ".join(expected.reasons),
    }
