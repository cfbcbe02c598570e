"""Where nobody watches a terminal, long work still says how far it is, beside its one document."""

import json

import pytest

from fanout import console
from integration.dlq_on_moto import kill_messages
from integration.seeding_on_moto import seeding_on_moto

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Nothing here lasts ten seconds."""
    monkeypatch.setattr(console, "LINES_SECONDS", 0.005)


@pytest.fixture
def deployment(tmp_path):
    with seeding_on_moto(tmp_path) as made:
        for number in range(30):
            made.put(f"c-{number}", "ACTIVE")
        yield made


def test_a_backfill_counts_customers(deployment):
    result = deployment.backfill()
    assert json.loads(result.stdout)["sent"] == 30
    assert "backfill: 30 of 30 (" in result.stderr


def test_a_reconcile_counts_what_it_compares_and_each_later_phase_names_itself(deployment):
    result = deployment.run("reconcile", "payments", "--grace-seconds", "0")
    assert json.loads(result.stdout)["drifted"] == 30
    assert "comparing: 30 of 30 (" in result.stderr
    assert "reading differences again (" in result.stderr
    assert "looking for causes (" in result.stderr


def test_a_repair_counts_what_it_sends(deployment, monkeypatch):
    monkeypatch.setattr("fanout.accounts.reconcile.VERIFY_MIN_SECONDS", 0)
    arguments = ("--grace-seconds", "0", "--repair", "--execute")
    result = deployment.run("reconcile", "payments", *arguments)
    assert json.loads(result.stdout)["left"] == 30
    assert "reconcile: 30 of 30 (" in result.stderr
    assert "Waiting until the repaired rows agree." in result.stderr


def test_a_replay_counts_messages(aws, subscriber, fanout):
    kill_messages(aws, subscriber, 23)
    options = ("--watch", "0s", "--execute", "--json")
    done = fanout("dlq", "replay", "payments", "--where-reason", "UnknownStatus", *options)
    assert json.loads(done.out)["fates"] == {"SENT": 23}
    assert "selecting: 23 of 23 (" in done.err
    assert "replay: 23 of 23 (" in done.err
