"""The benchmark runs, compares what is comparable, and fails on no figure."""

import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIELDS = {"name", "unit", "ours", "baseline", "ratio", "ratio_spread", "ratio_goal"}


@pytest.fixture
def same_outcome(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from bench import same_outcome

    return same_outcome


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_small_run_prints_every_figure_as_json():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--small", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["at"]
    assert found["versions"]["botocore"]
    figures = {one["name"]: one for one in found["figures"]}
    assert all(one.keys() == FIELDS and one["ours"] > 0 for one in figures.values())
    assert len(figures) == len(found["figures"]) == 34
    assert found["load_before"] >= 0
    assert all(sum(layers.values()) > 0 for layers in found["profile"].values())
    assert figures["PublishBatch calls for 200 events"]["ratio"] == 1.0


@pytest.mark.slow
@pytest.mark.exhaustive
def test_the_operators_figures_count_each_message_and_customer_once(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from bench.figures import Sizes
    from bench.operators import operator_figures

    sizes = Sizes(messages=(20, 200))
    found = {one.name: one for one in operator_figures(sizes, lambda _name: None)}
    replayed = found["replay of 200, calls, beside one for ten messages"]
    assert 3 * replayed.baseline <= replayed.ours < 3 * replayed.baseline + 5
    assert found["backfill of 200, calls, beside one for ten messages"].ratio == 1.0


def test_the_published_table_is_not_written_on_a_busy_machine(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT))
    from bench import __main__ as bench

    monkeypatch.setattr("os.getloadavg", lambda: (1.1, 0.0, 0.0))
    monkeypatch.setattr("sys.argv", ["bench", "--write"])
    assert bench.main() == 1
    assert "a load of at most 1 before the start, not 1.1" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_goal_that_was_missed_is_listed_with_by_how_much_and_why(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from bench.__main__ import missed, table
    from bench.figures import Figure
    from bench.plot import picture

    name = "publisher, CPU per record, batches of 100"
    slow = Figure(name=name, unit="µs", ours=12, baseline=100, goal=0.1)
    fast = Figure(name="publisher, package", unit="MiB", ours=1, baseline=10, goal=0.2)
    assert "≤ 0.1: missed by 20.0%" in table([slow, fast])
    assert "≤ 0.2: reached" in table([slow, fast])
    _, why = missed([slow, fast])
    assert name in why
    assert "floor" in why
    assert fast.name not in why
    assert missed([fast]) == ["All goals are reached."]
    assert all(f">{one.name}<" in picture([slow, fast]) for one in (slow, fast))


def test_sides_that_do_not_do_the_same_are_not_compared(same_outcome, monkeypatch):
    rows = {"ours": [{"status": "ACTIVE"}], "naive": [{"status": "CLOSED"}]}
    monkeypatch.setattr(same_outcome, "_published", lambda side, records: {f"{records}"})
    monkeypatch.setattr(same_outcome, "_rows", lambda side, records, url: rows[side])
    monkeypatch.setattr(same_outcome, "_embedded_aws", nullcontext)
    with pytest.raises(same_outcome.NotTheSame, match="rows"):
        same_outcome.check(1)
    monkeypatch.setattr(same_outcome, "_published", lambda side, records: {side})
    with pytest.raises(same_outcome.NotTheSame, match="events"):
        same_outcome.check(1)
