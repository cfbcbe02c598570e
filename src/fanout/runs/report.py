"""What a run came to: numbers that add up to its selection, and a timeline."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from operator import itemgetter
from typing import Any

from customer_events.instants import to_wire
from fanout.errors import WrongUse
from fanout.runs import journal
from fanout.runs.journal import Kind, Record
from fanout.runs.ledger import Item, Ledger, State, Tally
from fanout.runs.store import StoredRun

OF_RUN = "of_run"
"""The field that names a record's run, where several are told as one."""
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
def account(
    records: Iterable[Record], ledger: Ledger | None = None
) -> Iterator[tuple[Report, Ledger]]:
    """The report, and where each item stands for as long as the block lasts.

    Args:
        records: a journal's lines.
        ledger: an empty one, of which the caller lets go; by default one that is gone at the end.
    """
    filled = ledger or Ledger()
    try:
        story = _Story()
        filled.fill(story.follow(records))
        yield story.report(filled), filled
    finally:
        if ledger is None:
            filled.close()


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
        run = record.fields.get(OF_RUN)
        self._timeline.append(Moment(at=record.at, text=f"{run}: {text}" if run else text))

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
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
       color: #1c2430; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dde3ea;
         vertical-align: top; overflow-wrap: anywhere; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.well { color: #14713d; } .badly { color: #b3261e; } .open { color: #8a5a00; }
.status { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; background: #eef2f6; }
svg { width: 100%; height: 90px; } rect { fill: #3b6ea5; }
@media (prefers-color-scheme: dark) {
  body { color: #e3e8ee; background: #14181d; } th, td { border-color: #323a44; }
  .well { color: #6fcf97; } .badly { color: #ff8a80; } .open { color: #f2c94c; }
  .status { background: #28303a; } rect { fill: #7fb1e5; } }
"""


def html_page(
    report: Report,
    *,
    meanings: Mapping[str, str],
    well: Iterable[str],
    left: Iterable[Mapping[str, Any]],
) -> str:
    """The page.

    Args:
        report: the run in numbers.
        meanings: a sentence for each fate that needs one.
        well: the fates that are good ends.
        left: items that did not end well, as `report.item_document` makes them, `LISTED_MAX` at
            most.
    """
    good = frozenset(well)
    title = f"{report.header['command']} {report.header['run_id']}"
    sections = [
        _head(report, title),
        _fates(report, meanings, good),
        _reasons(report, good),
        _bars(report),
        _timeline(report),
        _listed(list(left)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(one for one in sections if one)
        + "\n</body>\n</html>\n"
    )


def _head(report: Report, title: str) -> str:
    who = report.header["operator"]
    subject = ", ".join(f"{name} {value}" for name, value in report.header["subject"].items())
    options = ", ".join(
        f"{name} {value}"
        for name, value in report.header["options"].items()
        if value not in (None, {}, "")
    )
    rows = {
        "Status": f'<span class="status">{escape(report.status)}</span>',
        "Who": escape(f"{who['user']}@{who['host']} ({who['identity']})"),
        "On": escape(subject),
        "How": escape(options),
        "From, to (UTC)": f"{to_wire(report.began_at)}, {to_wire(report.last_at)}",
        "Cut-off": escape(report.cut_off or "-"),
    }
    if report.left_out:
        rows["Not seen"] = "<br>".join(map(escape, report.left_out))
    body = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    return f"<h1>{escape(title)}</h1>\n<table>{body}</table>"


def _fates(report: Report, meanings: Mapping[str, str], good: frozenset[str]) -> str:
    rows = "".join(
        f'<tr><td class="{_class(fate, good)}">{escape(fate)}</td><td class="n">{count:,}</td>'
        f"<td>{escape(meanings.get(fate, ''))}</td></tr>"
        for fate, count in report.fates.items()
    )
    total = sum(report.fates.values())
    twice = (
        f"<p>{report.perhaps_twice:,} may have been done twice: the process ended between a step "
        "and its confirmation. Order guard and ids make the second one a DUPLICATE.</p>"
        if report.perhaps_twice
        else ""
    )
    return (
        f"<h2>What became of {report.selected:,} selected</h2>\n<table>{rows}"
        f'<tr><th>all</th><td class="n"><b>{total:,}</b></td><td></td></tr></table>{twice}'
    )


def _reasons(report: Report, good: frozenset[str]) -> str:
    fates = list(report.fates)
    head = "".join(f'<th class="{_class(one, good)}">{escape(one)}</th>' for one in fates)
    rows = "".join(
        f"<tr><td>{escape(reason)}</td>"
        + "".join(f'<td class="n">{counts.get(one, 0):,}</td>' for one in fates)
        + f'<td class="n">{sum(counts.values()):,}</td></tr>'
        for reason, counts in report.by_reason.items()
    )
    return f"<h2>By cause</h2>\n<table><tr><th>cause</th>{head}<th>all</th></tr>{rows}</table>"


def _bars(report: Report) -> str:
    if not report.bars:
        return ""
    most, width = max(report.bars), 1000 / len(report.bars)
    bars = "".join(
        f'<rect x="{index * width:.1f}" y="{80 - 80 * count / most:.1f}" '
        f'width="{max(width - 1, 1):.1f}" height="{80 * count / most:.1f}">'
        f"<title>{count:,}</title></rect>"
        for index, count in enumerate(report.bars)
    )
    return (
        f"<h2>Ended, per {report.bar_seconds} s from {to_wire(report.bars_from)} "
        f"(at most {most:,})</h2>\n"
        f'<svg viewBox="0 0 1000 80" preserveAspectRatio="none" role="img">{bars}</svg>'
    )


def _timeline(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{to_wire(one.at)}</td><td>{escape(one.text)}</td></tr>" for one in report.timeline
    )
    return f"<h2>Timeline</h2>\n<table>{rows}</table>"


def _listed(left: list[Mapping[str, Any]]) -> str:
    if not left:
        return ""
    rows = "".join(
        f"<tr><td>{escape(str(one['id']))}</td><td>{escape(str(one.get('reason', '')))}</td>"
        f"<td>{escape(str(one['fate']))}</td>"
        f"<td>{escape(str(one.get('why', '')))} {escape(str(one.get('where', '')))}</td></tr>"
        for one in left
    )
    cut = f" (the first {LISTED_MAX:,})" if len(left) >= LISTED_MAX else ""
    return (
        f"<h2>Did not end well{cut}</h2>\n"
        f"<table><tr><th>id</th><th>cause</th><th>fate</th><th>why</th></tr>{rows}</table>"
    )


def _class(fate: str, good: frozenset[str]) -> str:
    if fate in good:
        return "well"
    return "badly" if fate.isupper() or fate.endswith("failed") else "open"


# Several runs of one subscriber told as one: each message once, with its last fate


_SAME = ("prefix", "subscriber", "dlq_arn")
_NAMES = "CREATE TABLE names (run TEXT, id TEXT, key TEXT, PRIMARY KEY (run, id)) WITHOUT ROWID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """What the ends of messages say of where they are.

    `well`: done with; `back`: left the DLQ, so that a message which is selected once more has died
    again; `gone`: not found, which says nothing of a message that another run was done with.
    """

    well: Collection[str]
    back: Collection[str]
    gone: str


@contextmanager
def account_of_several(
    runs: Sequence[StoredRun], endings: Endings
) -> Iterator[tuple[Report, Ledger]]:
    """One report of all the runs, and where each message stands, by its first delivery's id.

    Raises:
        WrongUse: the runs are of different subscribers.
    """
    headers = [one.header.fields for one in runs if one.header is not None]
    _require_one_subject(headers)
    ledger = _Merged(endings)
    states = {one.run_id: "planned" for one in runs}
    try:
        with account(_in_turn(runs, ledger, states), ledger) as (report, _):
            open_runs = [name for name, state in states.items() if state != "finished"]
            status = f"not finished: {', '.join(open_runs)}" if open_runs else "finished"
            yield replace(report, header=_header(headers), status=status), ledger
    finally:
        ledger.close()


class _Merged(Ledger):
    """A ledger whose items are messages by the ids of their first deliveries."""

    def __init__(self, endings: Endings) -> None:
        super().__init__()
        self._endings = endings
        self._base.execute(_NAMES)

    def translated(self, run_id: str, record: Record) -> Record:
        """The record with first deliveries' ids in place of its own."""
        fields: dict[str, Any] = {**record.fields, OF_RUN: run_id}
        match record.kind:
            case Kind.SELECTED:
                fields["items"] = [self._renamed(run_id, one) for one in fields["items"]]
            case Kind.INTENT:
                fields["ids"] = [self._key(run_id, one) for one in fields["ids"]]
            case Kind.DONE | Kind.ENDED:
                name = "results" if record.kind is Kind.DONE else "items"
                fields[name] = [
                    {**one, "id": self._key(run_id, one["id"]), "run": run_id}
                    for one in fields[name]
                ]
        return replace(record, fields=fields)

    # Private functions

    def _renamed(self, run_id: str, item: Mapping[str, Any]) -> dict[str, Any]:
        key = item.get("alias") or item["id"]
        if key != item["id"]:
            self._base.execute(
                "INSERT OR REPLACE INTO names VALUES (?, ?, ?)", (run_id, item["id"], key)
            )
        return {**item, "id": key, "alias": None}

    def _key(self, run_id: str, item_id: str) -> str:
        row = self._base.execute(
            "SELECT key FROM names WHERE run = ? AND id = ?", (run_id, item_id)
        ).fetchone()
        return row[0] if row else item_id

    def _select(self, items: Iterable[Mapping[str, Any]]) -> None:
        """What a run finds dead again waits again; what it found where it was keeps its fate."""
        again = list(items)
        super()._select(again)
        self._reopen([one["id"] for one in again], self._endings.back)

    def _intend(self, fields: Mapping[str, Any]) -> None:
        """What an earlier run left undone is tried anew."""
        self._reopen(fields["ids"], None)
        super()._intend(fields)

    def _end(self, endings: Iterable[Mapping[str, Any]]) -> None:
        super()._end(one for one in endings if not self._was_done_with(one))

    def _was_done_with(self, ending: Mapping[str, Any]) -> bool:
        if ending["end"] != self._endings.gone:
            return False
        item = self.get(ending["id"])
        return item is not None and item.end in self._endings.well

    def _reopen(self, keys: Iterable[str], ends: Collection[str] | None) -> None:
        marks = "" if ends is None else f" AND end IN ({','.join('?' * len(ends))})"
        self._base.executemany(
            "UPDATE items SET state = 'waiting', step = '', end = '', detail = '{}'"  # noqa: S608 (marks)
            f" WHERE id = ? AND state = 'ended'{marks}",
            [(key, *(ends or ())) for key in keys],
        )


def _in_turn(
    runs: Sequence[StoredRun], ledger: _Merged, states: dict[str, str]
) -> Iterator[Record]:
    """Every run's lines by their instants; within a run in their order."""
    streams = (_named(one, place) for place, one in enumerate(runs))
    for _, run_id, record in heapq.merge(*streams, key=itemgetter(0)):
        if record.kind in {Kind.STARTED, Kind.PAUSED, Kind.FINISHED}:
            states[run_id] = record.kind.value
        yield ledger.translated(run_id, record)


def _named(run: StoredRun, place: int) -> Iterator[tuple[tuple[Any, ...], str, Record]]:
    for record in journal.read(run.path):
        yield (record.at, place, record.n), run.run_id, record


def _require_one_subject(headers: Sequence[Mapping[str, Any]]) -> None:
    subjects = [tuple(one["subject"].get(name) for name in _SAME) for one in headers]
    if len(set(subjects)) > 1:
        told = "; ".join(
            f"{one['run_id']} of {one['subject'].get('subscriber', 'no subscriber')}"
            for one in headers
        )
        raise WrongUse(f"Only runs of one subscriber's DLQ can be told as one; these are: {told}.")


def _header(headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of all of them: the last operator's, and which runs they are."""
    last = headers[-1]
    return {
        **last,
        "run_id": ", ".join(one["run_id"] for one in headers),
        "command": ", ".join(dict.fromkeys(one["command"] for one in headers)),
        "options": {"runs": [one["run_id"] for one in headers]},
    }
