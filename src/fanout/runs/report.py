"""What a run came to: numbers that add up to its selection, and a timeline."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from customer_events.instants import to_wire
from fanout.runs.journal import Kind, Record
from fanout.runs.ledger import Item, Ledger, State, Tally

BUCKETS_MAX = 120
"""Bars of the timeline; the longer a run, the wider they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A line of the timeline."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run in numbers.

    `fates` and the rows of `by_reason` count items by fate (see `fate`); each sums to the
    selection. `perhaps_twice` counts items whose effect may be there twice, since a crash left a
    step's end unknown. `bars` are items ended per `bar_seconds`, from `bars_from` on.
    """

    header: Mapping[str, Any]
    began_at: datetime
    last_at: datetime
    status: str
    cut_off: str | None
    selected: int
    fates: Mapping[str, int]
    by_reason: Mapping[str, Mapping[str, int]]
    perhaps_twice: int
    left_out: tuple[str, ...]
    timeline: tuple[Moment, ...]
    bars: tuple[int, ...]
    bars_from: datetime
    bar_seconds: int

    def to_document(self) -> dict[str, Any]:
        """One JSON object with every field."""
        return {
            **{name: self.header[name] for name in ("run_id", "command", "subject", "options")},
            "operator": self.header["operator"],
            "status": self.status,
            "began_at": to_wire(self.began_at),
            "last_at": to_wire(self.last_at),
            "cut_off": self.cut_off,
            "selected": self.selected,
            "fates": dict(self.fates),
            "by_reason": {reason: dict(fates) for reason, fates in self.by_reason.items()},
            "perhaps_twice": self.perhaps_twice,
            "left_out": list(self.left_out),
            "timeline": [{"at": to_wire(one.at), "text": one.text} for one in self.timeline],
        }


def fate(state: State, step: str, end: str) -> str:
    """A short name for where an item stands, the same in every count.

    An `end`, or: `waiting`; `STEP unconfirmed` (begun, its end unknown); `STEP done` (the next step
    is not); `STEP failed`.
    """
    match state:
        case State.ENDED:
            return end
        case State.DOING:
            return f"{step} unconfirmed"
        case State.DID:
            return f"{step} done"
        case State.FAILED:
            return f"{step} failed"
        case State.WAITING:
            return "waiting"


def item_document(item: Item) -> dict[str, Any]:
    """One item as a report lists it."""
    return {
        "id": item.id,
        **item.facts,
        "fate": fate(item.state, item.step, item.end),
        "perhaps_twice": item.unsure,
        **{name: value for name, value in item.detail.items() if name not in {"end", "outcome"}},
    }


def make_report(records: Iterable[Record]) -> Report:
    """Read a journal once; the ledger that it takes is gone at the end."""
    with account(records) as (report, _):
        return report


@contextmanager
def account(records: Iterable[Record]) -> Iterator[tuple[Report, Ledger]]:
    """The report of a journal's lines, and where each item stands while the block lasts."""
    with closing(Ledger()) as ledger:
        story = _Story()
        ledger.fill(story.follow(records))
        yield story.report(ledger), ledger


class _Story:
    """Collects what the records say besides the items' states."""

    def __init__(self) -> None:
        self._first: Record | None = None
        self._last: Record | None = None
        self._status = "unfinished selection"
        self._frozen: Mapping[str, Any] = {}
        self._timeline: list[Moment] = []
        self._bars: Counter[int] = Counter()
        self._bar_seconds = 1

    def follow(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            self._first = self._first or record
            self._last = record
            self._take(record)
            yield record

    def report(self, ledger: Ledger) -> Report:
        assert self._first is not None
        assert self._last is not None
        tallies = ledger.tallies()
        by_reason: dict[str, Counter[str]] = {}
        for reason, tally in ledger.tallies_by("reason"):
            by_reason.setdefault(reason or "-", Counter())[_fate_of(tally)] += tally.count
        fates: Counter[str] = Counter()
        for tally in tallies:
            fates[_fate_of(tally)] += tally.count
        start = min(self._bars, default=0)
        width = max(self._bars, default=0) - start + 1 if self._bars else 0
        return Report(
            header=self._first.fields,
            began_at=self._first.at,
            last_at=self._last.at,
            status=self._status,
            cut_off=self._frozen.get("cut_off"),
            selected=sum(one.count for one in tallies),
            fates=dict(fates.most_common()),
            by_reason={reason: dict(one.most_common()) for reason, one in by_reason.items()},
            perhaps_twice=sum(one.count for one in tallies if one.unsure),
            left_out=tuple(self._frozen.get("left_out", ())),
            timeline=tuple(self._timeline),
            bars=tuple(self._bars[start + index] for index in range(width)),
            bars_from=datetime.fromtimestamp(start * self._bar_seconds, UTC),
            bar_seconds=self._bar_seconds,
        )

    def _take(self, record: Record) -> None:
        fields = record.fields
        match record.kind:
            case Kind.RUN:
                who = fields["operator"]
                self._say(record, f"{fields['command']} by {who['user']}@{who['host']}")
            case Kind.FROZEN:
                self._status, self._frozen = "planned", fields
                self._say(record, f"{fields['count']:,} selected")
            case Kind.STARTED:
                self._status = "unfinished"
                who = fields["operator"]
                self._say(record, f"work began: {who['user']}@{who['host']} ({who['identity']})")
            case Kind.NOTE:
                self._say(record, fields["text"])
            case Kind.PAUSED:
                self._status = "paused"
                self._say(record, f"paused: {fields['why']}")
            case Kind.FINISHED:
                self._status = "finished"
                self._say(record, "finished")
            case Kind.ENDED:
                self._count(record, len(fields["items"]))

    def _say(self, record: Record, text: str) -> None:
        self._timeline.append(Moment(at=record.at, text=text))

    def _count(self, record: Record, items: int) -> None:
        self._bars[int(record.at.timestamp()) // self._bar_seconds] += items
        while max(self._bars) - min(self._bars) >= BUCKETS_MAX:
            coarser: Counter[int] = Counter()
            for bucket, count in self._bars.items():
                coarser[bucket // 2] += count
            self._bars = coarser
            self._bar_seconds *= 2


def _fate_of(tally: Tally) -> str:
    return fate(tally.state, tally.step, tally.end)


# A run's report as one page of HTML that needs nothing else: no script, no font, no network


LISTED_MAX = 1000
"""Items that the page lists one by one."""


def html_page(
    report: Report,
    *,
    meanings: Mapping[str, str],
    good: Collection[str],
    bad: Sequence[Mapping[str, Any]],
) -> str:
    """The page.

    Args:
        report: the run in numbers.
        meanings: a sentence for each fate that needs one.
        good: the fates that are good ends.
        bad: items that did not end well, as `item_document` makes them, `LISTED_MAX` at most.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fanout.runs", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda number: f"{number:,}"
    environment.filters["instant"] = to_wire

    def css(fate: str) -> str:
        if fate in good:
            return "good"
        return "bad" if fate.isupper() or fate.endswith("failed") else "open"

    return environment.get_template("report.html.jinja").render(
        report=report, meanings=meanings, bad=bad, listed_max=LISTED_MAX, css=css
    )
