"""What the demo says of its findings, to a program and to a person."""

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from fanout.demo import commands as summary
from fanout.demo import run
from fanout.demo.audit import Account, Entry, Fate, Write
from fanout.demo.run import latency

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OWN = {"applied": 1, "duplicate": 3, "stale": 1, "parked": 2, "retried": 0}


def entry(number, fate):
    write = Write(
        number=number, customer_id=f"c-{number}", before=None, after="ACTIVE", started_at=NOON
    )
    latency_seconds = 0.04 if fate is Fate.APPLIED else None
    return Entry(write=write, event_id=None, fate=fate, latency_seconds=latency_seconds)


def report(*, fates=(Fate.APPLIED, Fate.SUPERSEDED), differing=(), contradictions=(), **changed):
    entries = tuple(entry(number, fate) for number, fate in enumerate(fates, start=1))
    account = Account(
        entries=entries, events=len(entries), deliveries=len(entries), contradictions=contradictions
    )
    given = {
        "imported": 0,
        "played": 3,
        "versions": (2,),
        "rate": 100.0,
        "seconds": 0.75,
        "compared": (2, list(differing)),
        "poison": (
            poison('{"hello"', "NotJson", "", "JSON"),
            poison("version 9", "UnsupportedVersion", "type", "up to 2"),
        ),
        "deliveries": OWN,
    }
    return run.report(account, **(given | changed))


def poison(what, reason, field="", expected=""):
    note = {"reason": reason, "field": field, "expected": expected}
    return {"what": what, "message_id": "m"} | note


@pytest.fixture
def printed(monkeypatch):
    def show(finding):
        out = io.StringIO()
        console = Console(file=out, width=80, soft_wrap=True)
        monkeypatch.setattr(summary, "OUT", console)
        summary.print_summary(finding)
        text = out.getvalue()
        assert max(map(len, text.splitlines())) <= 80
        return text

    return show


def row(text, name):
    cells = next(line for line in text.splitlines() if f"│ {name} " in line).split("│")
    return [cell.strip() for cell in cells[2:5]]


def test_a_good_finding_says_that_nothing_was_lost(printed):
    finding = json.loads(json.dumps(report()))
    assert (finding["good"], finding["problems"]) == (True, [])
    assert finding["status_changes"] == finding["events_published"] == 2
    assert (finding["applied"], finding["superseded"], finding["lost"]) == (1, 1, 0)
    assert finding["consumer_deliveries"] == OWN
    assert finding["latency"]["p99_milliseconds"] == 40.0
    assert finding["changes_per_second"] == 4.0
    text = printed(finding)
    assert "Nothing was lost" in text
    assert row(text, "applied") == ["1", "1", "was in the row"]
    assert row(text, "duplicate")[:2] == ["", "3"]
    assert row(text, "stale")[:2] == ["1", "1"]
    assert row(text, "lost")[0] == "0"
    assert row(text, "changes of status")[2] == "the other 1 writes made none"
    assert "p50 40 ms" in text
    assert "NotJson" in text
    assert "type: up to 2" in text


def test_what_only_the_consumer_could_say_is_not_made_up(printed):
    finding = report(deliveries=None, fates=(Fate.SUPERSEDED,))
    assert finding["consumer_deliveries"] is None
    text = printed(finding)
    assert row(text, "duplicate")[1] == "not measured"
    assert row(text, "applied")[:2] == ["0", "not measured"]
    assert "From write to row  not measured" in text


@pytest.mark.parametrize(
    ("changed", "problem", "shown"),
    [
        (
            {"fates": (Fate.APPLIED, Fate.NOT_PUBLISHED)},
            "changes of status lost: 1",
            "write 2, c…, NONE>ACTIVE: in the stream, but not published",
        ),
        (
            {"differing": ({"customer_id": "c…", "expected": "A", "found": None},)},
            "rows that differ: 1",
            "c…: expected A, found no row",
        ),
        (
            {"contradictions": ("event [x] is nobody's",)},
            "events that contradict the writes: 1",
            "event [x] is nobody's",
        ),
        (
            {"poison": (poison("version 9", None),)},
            "poison messages not in the DLQ: 1",
            "not in the DLQ",
        ),
    ],
)
def test_each_problem_makes_the_finding_bad_and_is_shown(printed, changed, problem, shown):
    finding = report(**changed)
    assert (finding["good"], finding["problems"]) == (False, [problem])
    text = printed(finding)
    assert shown in text
    assert "Nothing was lost" not in text
    assert problem in text


def test_the_nearest_rank_is_taken_whatever_the_order_of_measuring():
    assert latency([number / 1000 for number in range(100, 0, -1)]) == {
        "measured": 100,
        "p50_milliseconds": 50.0,
        "p95_milliseconds": 95.0,
        "p99_milliseconds": 99.0,
        "max_milliseconds": 100.0,
    }
