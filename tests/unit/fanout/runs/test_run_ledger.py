"""The ledger: where each item stands, as the journal's lines say."""

from datetime import UTC, datetime, timedelta

import pytest

from fanout.errors import WrongUse
from fanout.runs.journal import clock, done, ended, intent
from fanout.runs.ledger import State, fate
from fanout.runs.operation import OPEN
from fanout.runs.report import html_page, item_document, make_report
from fanout.runs.store import Operator, RunStore

WHO = Operator(user="jo<b>", host="here", pid=1, identity="arn", account="1")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


@pytest.fixture
def run(store):
    with store.create("dlq replay", subject={"x": 1}, options={}, operator=WHO) as made:
        made.select({"id": f"m-{n}", "reason": "NotJson", "alias": f"a-{n}"} for n in range(6))
        made.freeze(cut_off=clock(), left_out=["one hidden"])
        made.start(WHO)
        yield made


def standing(run, item_id):
    item = run.ledger.get(item_id)
    return item.state, item.step, item.end, item.unsure


def test_a_step_goes_from_intent_to_done_or_failed(run):
    run.record(intent("send", ["m-0", "m-1"]))
    assert standing(run, "m-0") == (State.DOING, "send", "", False)
    run.record(done("send", [{"id": "m-0", "ok": True}, {"id": "m-1", "ok": False, "why": "x"}]))
    assert standing(run, "m-0") == (State.DID, "send", "", False)
    assert standing(run, "m-1") == (State.FAILED, "send", "", False)
    assert run.ledger.get("m-1").detail == {"why": "x"}


def test_a_step_under_way_when_work_begins_again_is_unsure_from_then_on(run):
    run.record(intent("send", ["m-0"]))
    run.start(WHO)
    run.record(done("send", [{"id": "m-0", "ok": True}]), ended([{"id": "m-0", "end": "SENT"}]))
    assert standing(run, "m-0") == (State.ENDED, "send", "SENT", True)


def test_a_deletion_under_way_leaves_no_doubt(run):
    run.record(intent("delete", ["m-0"]))
    run.start(WHO)
    assert standing(run, "m-0") == (State.DOING, "delete", "", False)


def test_what_has_ended_stays_ended_unless_it_ends_otherwise(run):
    run.record(ended([{"id": "m-0", "end": "SENT"}]), intent("send", ["m-0"]))
    assert standing(run, "m-0")[0] is State.ENDED
    run.record(ended([{"id": "m-0", "end": "CAME_BACK"}]))
    assert standing(run, "m-0")[2] == "CAME_BACK"


def test_the_ledger_of_a_run_opened_again_is_the_same(store, run):
    run.record(intent("send", ["m-0"]), ended([{"id": "m-1", "end": "SENT"}]))
    before = list(run.ledger.items())
    run.close()
    with store.open("last") as again:
        assert list(again.ledger.items()) == before
        assert again.is_frozen
        assert again.ledger.starts == 1
        assert again.ledger.left_out == ("one hidden",)


def test_items_can_be_walked_while_records_are_applied(run):
    for item in run.ledger.items(State.WAITING):
        run.record(ended([{"id": item.id, "end": "SENT"}]))
    assert run.ledger.count(State.ENDED) == 6
    assert run.ledger.get("a-3", by="alias").id == "m-3"


@pytest.mark.parametrize("states", [[State.WAITING], OPEN])
def test_a_walk_takes_ten_times_as_many_steps_for_ten_times_as_many_items(store, states):
    def steps(count):
        with store.create("dlq replay", subject={}, options={}, operator=WHO) as run:
            run.select({"id": f"m-{n}"} for n in range(count))
            made = []
            run.ledger._base.set_progress_handler(lambda: made.append(1), 100)
            assert sum(1 for _ in run.ledger.items(*states)) == count
            return len(made)

    assert steps(5_000) < 15 * steps(500)


def test_a_fate_counts_its_items_however_they_came_to_it(run):
    endings = [{"id": each, "end": "SENT"} for each in ("m-0", "m-1")]
    run.record(intent("send", ["m-0"]), ended(endings))
    assert run.ledger.fates("reason") == {("NotJson", "SENT"): 2, ("NotJson", "waiting"): 4}


def test_every_selected_item_is_in_the_report_with_one_fate(store, run):
    run.record(
        intent("send", ["m-0", "m-1", "m-2"]),
        done("send", [{"id": "m-1", "ok": True}, {"id": "m-2", "ok": False, "why": "<script>"}]),
        ended([{"id": "m-3", "end": "SENT"}]),
    )
    report = make_report(store.find(run.run_id).path)
    assert report["fates"] == {
        "waiting": 2,
        "SENT": 1,
        "send unconfirmed": 1,
        "send done": 1,
        "send failed": 1,
    }
    assert sum(report["fates"].values()) == report["selected"] == 6
    assert report["by_reason"] == {"NotJson": report["fates"]}
    assert report["status"] == "unfinished"
    left = [item_document(one) for one in run.ledger.items(State.FAILED)]
    page = html_page(report, meanings={}, good={"SENT"}, bad=left)
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "jo&lt;b&gt;" in page
    assert "http" not in page


def test_each_state_has_a_fate_of_its_own():
    assert len({fate(state, "send", "SENT") for state in State}) == len(State)


def test_a_run_is_named_by_a_part_of_its_id(store, run):
    assert store.find("last").run_id == run.run_id
    assert store.find(run.run_id[-4:]).run_id == run.run_id
    with pytest.raises(WrongUse, match="No run 'nothing-like-it'"):
        store.find("nothing-like-it")


def test_a_run_killed_while_it_was_made_is_passed_over(store, run):
    (store.folder / "20991231-000000-replay-dead.jsonl").touch()
    assert store.find("last").run_id == run.run_id


def test_of_two_runs_of_one_second_the_last_is_the_later_one(tmp_path):
    now = datetime(2026, 11, 26, 14, 24, 33, tzinfo=UTC)
    moments = iter(now + timedelta(milliseconds=number) for number in range(1, 1000))
    store = RunStore(tmp_path, clock=lambda: next(moments))
    made = []
    for _ in range(12):  # ids end at random: by the id alone the last would be it once in twelve
        run = store.create("backfill", subject={}, options={}, operator=WHO)
        made.append(run.run_id)
        run.close()
    assert [run.run_id for run in store.runs()] == made
    assert store.find("last").run_id == made[-1]


HALF = "caf\udce9"
"""What Python makes of an argument that is no UTF-8."""


def test_half_a_surrogate_pair_in_an_option_or_a_fact_spoils_no_journal(store):
    with store.create("dlq discard", subject={}, options={"because": HALF}, operator=WHO) as made:
        made.select([{"id": "m-0", "reason": HALF}])
        made.freeze(cut_off=clock())
        made.record(ended([{"id": "m-0", "end": "DISCARDED", "why": HALF}]))
    with store.open("last") as again:
        assert again.options == {"because": HALF}
        assert again.ledger.get("m-0").detail["why"] == HALF
    assert make_report(store.find("last").path)["fates"] == {"DISCARDED": 1}
