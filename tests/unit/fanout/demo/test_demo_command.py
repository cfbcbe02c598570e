"""How `fanout demo` ends, and what it refuses before it starts anything."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from fanout import console
from fanout.cli import app
from fanout.demo import commands
from fanout.errors import ExitCode, Found, WrongUse


@pytest.fixture
def finding(monkeypatch):
    """Let the run find this, without any deployment."""
    found = SimpleNamespace(document={"good": True, "problems": []}, seen={})

    def running(_state, *, keep, parameters, **_):
        found.seen |= {"versions": parameters["PublishVersions"], "keep": keep}
        return nullcontext()

    def run(deployment, changes, *, customers, rate, step, show):
        found.seen |= {"changes": changes.length, "customers": customers, "rate": rate}
        return found.document

    monkeypatch.setattr(commands.runtime, "running", running)
    monkeypatch.setattr(commands, "run", run)
    monkeypatch.delenv("PUBLISH_VERSIONS", raising=False)
    return found


def invoke(*arguments, **settings):
    return CliRunner().invoke(app, list(arguments), **settings)


def test_a_good_finding_ends_with_0_and_the_sample_is_what_is_played(finding):
    assert invoke("demo", "--json").exit_code == ExitCode.DONE
    seen = finding.seen
    assert (seen["customers"].length, seen["changes"]) == (200, 1000)
    assert (seen["rate"], seen["versions"], seen["keep"]) == (100.0, "2", False)


def test_a_bad_finding_is_still_reported_and_ends_with_1(finding, tmp_path):
    finding.document |= {"good": False, "problems": ["rows that differ: 3"]}
    report = tmp_path / "report.json"
    ended = invoke("demo", "--json", "--report", str(report))
    assert isinstance(ended.exception, Found)
    assert ended.exception.exit_code == ExitCode.FOUND
    assert "rows that differ: 3" in str(ended.exception)
    assert json.loads(report.read_text()) == finding.document


def test_changes_of_ones_own_come_without_the_samples_customers(finding, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("customer_id,status\nc-1,ACTIVE\n")
    invoke("demo", "--json", "--changes", str(path), "--rate", "0", "--versions", "1,2")
    assert finding.seen == {
        "customers": None,
        "changes": 1,
        "rate": None,
        "versions": "1,2",
        "keep": False,
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--endpoint-url", "http://x", "demo"], "leave --endpoint-url and --profile out"),
        (["demo", "--versions", "1"], "expected 2 or 1,2"),
        (["demo", "--report", "/"], "--report / can't be written"),
    ],
)
def test_wrong_use_starts_nothing(finding, arguments, sentence):
    ended = invoke(*arguments)
    assert isinstance(ended.exception, WrongUse)
    assert sentence in str(ended.exception)
    assert finding.seen == {}


def test_the_demo_says_in_a_pipe_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(console, "LINES_SECONDS", 0.001)
    said = ""
    with commands.bars() as show:
        show({"written": (5, 1_200), "published": (4, 9), "applied": (3, 9)})
        while (
            "written: 5 of 1,200 (0 s); published: 4 of 9 (0 s); applied: 3 of 9 (0 s)" not in said
        ):
            said += capsys.readouterr().err
