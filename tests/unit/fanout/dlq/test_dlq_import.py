"""What an import sends of a file, and what a discard makes of a file that a crash has torn."""

import json
from types import SimpleNamespace

import pytest

from customer_events.decoder import from_document
from fanout.dlq.import_ import DlqImport, checksum
from fanout.dlq.steps import Discarding
from fanout.errors import Refused
from fanout.runs.operation import Selecting, Work
from fanout.runs.store import RunStore
from fanout.sqs.message import to_line
from fanout.sqs.subscription import Subscription
from sentinel.pace import Pace
from unit.fanout.dlq.dlq_bench import WHO
from unit.fanout.dlq.dlq_fakes import FakeQueue, parked


@pytest.fixture
def queue():
    return FakeQueue(fifo=True)


@pytest.fixture
def imported(tmp_path, queue):
    """Import messages 1, 2 and 3 of group A and 4 of B; returns the step and the end of each."""

    def go(keep_lock=lambda: None):
        path = tmp_path / "dead.jsonl"
        messages = [parked(n, group_id=group) for n, group in enumerate("AAAB", start=1)]
        path.write_text("".join(json.dumps(to_line(each)) + "\n" for each in messages))
        subscription = Subscription(
            subscriber=SimpleNamespace(name="payments"),
            queue=queue,
            dlq=FakeQueue(fifo=True),
            folder=tmp_path,
            reader=from_document,
        )
        operation = DlqImport(None, subscription)
        options = {"through": "queue", "file": str(path), "sha256": checksum(path)}
        work = Work(
            stopping=SimpleNamespace(asked=lambda: False),
            keep_lock=keep_lock,
            pace=Pace(None, wait=print),
            progress=lambda _done, _failed: None,
            say=print,
        )
        store = RunStore(tmp_path / "runs")
        with store.create("dlq import", subject={}, options=options, operator=WHO) as run:
            operation.select(run, Selecting())
            operation.steps(run)(work)
            return [(item.step, item.end) for item in run.ledger.items()]

    return go


def test_on_fifo_what_follows_a_failed_send_waits_for_a_resume(imported, queue):
    queue.refuses.add(parked(1).message_id)
    assert imported() == [("send", ""), ("", ""), ("", ""), ("send", "IMPORTED")]


def test_who_lost_the_lock_sends_nothing(imported, queue):
    def lost():
        raise Refused("another operator has it")

    with pytest.raises(Refused):
        imported(keep_lock=lost)
    assert queue.sent == []


def test_a_discard_cuts_off_the_line_that_a_crash_has_torn(tmp_path):
    path = tmp_path / "discarded.jsonl"
    path.write_text('{"whole": 1}\n{"to')
    Discarding(None, path)
    assert path.read_text() == '{"whole": 1}\n'
