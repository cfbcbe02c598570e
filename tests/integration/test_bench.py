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
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["at"]
    assert found["versions"]["botocore"]
    figures = {one["name"]: one for one in found["figures"]}
    assert all(one.keys() == FIELDS and one["ours"] > 0 for one in figures.values())
    assert len(figures) == len(found["figures"]) == 31
    assert found["load_before"] >= 0
    assert figures["PublishBatch calls for 200 events"]["ratio"] == 1.0


@pytest.mark.slow
def test_the_operators_figures_count_each_message_and_customer_once(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from bench.figures import Sizes
    from bench.operators import operator_figures

    sizes = Sizes(messages=(20, 200))
    found = {one.name: one for one in operator_figures(sizes, lambda _name: None)}
    replayed = found["replay of 200, calls, beside one for ten messages"]
    assert 5 * replayed.baseline <= replayed.ours < 5 * replayed.baseline + 5
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
