"""What a run came to: numbers that add up to its selection, and a timeline."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from customer_events.instants import to_wire
from fanout.runs.journal import read
from fanout.runs.ledger import Item, Ledger, fate
from fanout.text import templates

LISTED_MAX = 1000  # items that the page lists one by one


def report_of(ledger: Ledger) -> dict[str, Any]:
    """A run in numbers, as one JSON object; instants are as on the wire.

    `fates` and the rows of `by_reason` count items by `ledger.fate`; each sums to the selection.
    `perhaps_twice` counts items whose effect may be there twice, since a crash left a step's end
    unknown. `timeline` has an `at` and a `text` for each event.
    """
    fates: Counter[str] = Counter()
    by_reason: dict[str, Counter[str]] = {}
    for (reason, name), count in ledger.fates("reason").items():
        fates[name] += count
        by_reason.setdefault(reason or "-", Counter())[name] += count
    names = ("run_id", "command", "subject", "options", "operator")
    return {name: ledger.header[name] for name in names} | {
        "status": ledger.status,
        "began_at": ledger.began_at and to_wire(ledger.began_at),
        "last_at": ledger.last_at and to_wire(ledger.last_at),
        "cut_off": ledger.cut_off and to_wire(ledger.cut_off),
        "selected": fates.total(),
        "fates": dict(fates.most_common()),
        "by_reason": {reason: dict(counts.most_common()) for reason, counts in by_reason.items()},
        "perhaps_twice": ledger.count_unsure(),
        "left_out": ledger.left_out,
        "timeline": ledger.timeline,
    }


def make_report(journal: Path) -> dict[str, Any]:
    """Read a journal once; the ledger that it takes is gone at the end."""
    with closing(Ledger.of(read(journal))) as ledger:
        return report_of(ledger)


def item_document(item: Item) -> dict[str, Any]:
    """One item as a report lists it."""
    return {
        "id": item.id,
        **item.facts,
        "fate": fate(item.state, item.step, item.end),
        "perhaps_twice": item.unsure,
        **{name: value for name, value in item.detail.items() if name not in {"end", "outcome"}},
    }


def html_page(
    report: Mapping[str, Any],
    *,
    meanings: Mapping[str, str],
    good: Collection[str],
    bad: Sequence[Mapping[str, Any]],
) -> str:
    """The report as one page of HTML that needs nothing else: no script, no font, no network.

    `meanings` and `good` are of fates, as in `Words`; `bad` are items that did not end well, as
    `item_document` makes them, `LISTED_MAX` at most.
    """
    environment = templates(Path(__file__).parent, html=True)
    environment.filters["number"] = lambda number: f"{number:,}"
    return environment.get_template("report.html.jinja").render(
        report=report, meanings=meanings, good=good, bad=bad, listed_max=LISTED_MAX
    )
