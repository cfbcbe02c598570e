"""Several runs told as one: each message once, with what happened to it last."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from fanout.dlq.commands import _ENDINGS
from fanout.errors import WrongUse
from fanout.runs.journal import done, ended, intent
from fanout.runs.report import account_of_several, item_document
from fanout.runs.store import Operator, RunStore

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WHO = Operator(user="jo", host="here", pid=1, identity="arn", account="1")
SUBJECT = {"prefix": "fanout", "subscriber": "payments", "dlq_arn": "arn:dlq"}


class Bench:
    """Runs on one DLQ, a second after the other."""

    def __init__(self, folder):
        self.now = NOON
        self.store = RunStore(folder, clock=self.clock)

    def clock(self):
        self.now += timedelta(seconds=1)
        return self.now

    def run(self, *items, start=True, command="dlq replay", **subject):
        """Messages by their ids; `new<old` is `old` under a new id, after a replay."""
        run = self.store.create(command, subject=SUBJECT | subject, options={}, operator=WHO)
        run.select(message(one) for one in items)
        run.freeze(cut_off=self.now)
        if start:
            run.start(WHO)
        return run

    def told(self, *runs):
        for one in runs:
            one.close()
        stored = [self.store.find(one.run_id) for one in runs]
        with account_of_several(stored, _ENDINGS) as (report, ledger):
            items = {one.id: item_document(one) for one in ledger.items()}
            return SimpleNamespace(report=report, items=items, fates=dict(report.fates))


def message(name):
    new, _, old = name.partition("<")
    return {"id": new, "reason": "UnknownStatus"} | ({"alias": old} if old else {})


def end(run, **ends):
    run.record(ended({"id": name, "end": one} for name, one in ends.items()))


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_message_that_came_back_and_was_done_with_counts_once_as_done(bench):
    first = bench.run("a", "b")
    end(first, a="SENT", b="SENT")
    end(first, a="CAME_BACK")
    first.finish()
    second = bench.run("a2<a")
    end(second, a2="APPLIED")
    second.finish()
    told = bench.told(first, second)
    assert told.fates == {"SENT": 1, "APPLIED": 1}
    assert told.report.selected == 2
    assert told.report.by_reason == {"UnknownStatus": {"SENT": 1, "APPLIED": 1}}
    assert told.report.status == "finished"
    assert told.items["a"]["run"] == second.run_id
    assert told.report.to_document()["run_id"] == f"{first.run_id}, {second.run_id}"


def test_what_a_run_found_dead_again_is_not_done_with(bench):
    first = bench.run("a")
    end(first, a="SENT")
    first.finish()
    told = bench.told(first, bench.run("a2<a"))
    assert told.fates == {"waiting": 1}
    assert told.report.status.startswith("not finished: ")


def test_a_plan_alone_takes_no_fate_from_what_is_still_where_it_was(bench):
    first = bench.run("a", "b")
    end(first, a="PARKED", b="REFUSED")
    first.finish()
    assert bench.told(first, bench.run("a", "b", start=False)).fates == {"PARKED": 1, "REFUSED": 1}


def test_a_later_try_replaces_an_earlier_refusal(bench):
    first = bench.run("a", "b")
    end(first, a="PARKED", b="PARKED")
    first.finish()
    second = bench.run("a", "b")
    second.record(intent("consume", ["a", "b"]))
    second.record(done("consume", [{"id": "a", "ok": True, "outcome": "APPLIED"}]))
    end(second, a="APPLIED")
    assert bench.told(first, second).fates == {"APPLIED": 1, "consume unconfirmed": 1}


def test_what_one_run_was_done_with_is_not_gone_because_another_does_not_find_it(bench):
    first = bench.run("a", "b", start=False)
    second = bench.run("a")
    end(second, a="APPLIED")
    second.finish()
    first.start(WHO)
    end(first, a="GONE", b="GONE")
    assert bench.told(first, second).fates == {"APPLIED": 1, "GONE": 1}


def test_it_does_not_matter_in_which_order_runs_are_named(bench):
    first = bench.run("a")
    end(first, a="SENT")
    second = bench.run("a2<a")
    end(second, a2="DISCARDED")
    assert bench.told(second, first).fates == {"DISCARDED": 1}


def test_the_timeline_names_the_runs(bench):
    first, second = bench.run("a"), bench.run("b")
    first.note("Canary: 1 of 1 well.")
    told = bench.told(first, second)
    assert f"{first.run_id}: Canary: 1 of 1 well." in [one.text for one in told.report.timeline]


@pytest.mark.parametrize("other", [{"subscriber": "fraud"}, {"dlq_arn": "arn:other"}])
def test_runs_of_different_subscribers_are_refused(bench, other):
    first, second = bench.run("a"), bench.run("b", **other)
    with pytest.raises(WrongUse, match="one subscriber"):
        bench.told(first, second)
