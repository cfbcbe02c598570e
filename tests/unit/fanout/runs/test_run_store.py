"""The folder of runs: which one is meant."""

from datetime import UTC, datetime, timedelta

from fanout.runs.store import Operator, RunStore

OPERATOR = Operator(user="jo", host="laptop", pid=1, identity="unknown", account="unknown")


def test_of_two_runs_of_one_second_the_last_is_the_later_one(tmp_path):
    now = datetime(2026, 11, 26, 14, 24, 33, tzinfo=UTC)
    moments = iter(now + timedelta(milliseconds=number) for number in range(1, 1000))
    store = RunStore(tmp_path, clock=lambda: next(moments))
    made = []
    for _ in range(12):  # ids end at random: by the id alone the last would be it once in twelve
        run = store.create("backfill", subject={}, options={}, operator=OPERATOR)
        made.append(run.run_id)
        run.close()
    assert [run.run_id for run in store.runs()] == made
    assert store.find("last").run_id == made[-1]
