"""`fanout dlq redrive` from the outside; SQS's move calls answer in recorded shapes.

moto has no message move tasks, so those three calls are replaced; everything else is moto's.
"""

import json

import pytest

from fanout.dlq.move_task import MoveTasks
from integration.dlq_on_moto import kill_messages
from unit.fanout.dlq.test_dlq_redrive import COMPLETED, FAILED, HANDLE, QUEUE, RUNNING

pytestmark = pytest.mark.slow


@pytest.fixture
def answers(monkeypatch):
    """Answers by operation; what was asked is kept under `asked`."""
    given = {"start_message_move_task": {"TaskHandle": HANDLE}, "asked": []}

    def asked(_tasks, operation, **arguments):
        given["asked"].append((operation, arguments))
        return given[operation]

    monkeypatch.setattr(MoveTasks, "_asked", asked)
    return given


def test_without_execute_it_warns_and_moves_nothing(aws, subscriber, fanout, answers):
    kill_messages(aws, subscriber, 3)
    ended = fanout("dlq", "redrive", "payments", "--to", QUEUE, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["messages"] == 3
    assert "no filter, no edit" in ended.err
    assert "no source queue to go back to" in ended.err
    assert answers["asked"] == []


@pytest.mark.parametrize(("task", "code"), [(COMPLETED, 0), (FAILED, 1)])
@pytest.mark.usefixtures("subscriber")
def test_it_moves_and_the_journal_says_who_and_where(fanout, answers, task, code):
    answers["list_message_move_tasks"] = {"Results": [task]}
    ended = fanout("dlq", "redrive", "payments", "--to", QUEUE, "--execute", "--json")
    assert ended.code == code
    assert json.loads(ended.out)["status"] == task["Status"]
    report = json.loads(fanout("dlq", "report", "last", "--json").out)
    told = " ".join(one["text"] for one in report["timeline"])
    assert f"move everything to {QUEUE}" in told
    assert f"SQS says: {task['Status']}" in told


@pytest.mark.usefixtures("subscriber")
def test_a_running_one_can_be_looked_at_and_cancelled(fanout, answers):
    answers["list_message_move_tasks"] = {"Results": [RUNNING]}
    answers["cancel_message_move_task"] = {"ApproximateNumberOfMessagesMoved": 121}
    assert "RUNNING" in fanout("dlq", "redrive", "payments").out
    cancelled = fanout("dlq", "redrive", "payments", "--cancel", "--json")
    assert json.loads(cancelled.out) == {"cancelled": True, "moved": 121}
    answers["list_message_move_tasks"] = {"Results": [COMPLETED]}
    assert fanout("dlq", "redrive", "payments", "--cancel").code == 1


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("payments", "is no queue's ARN"),
        ("arn:aws:sqs:eu-west-1:123456789012:payments-dlq", "the DLQ itself"),
        (QUEUE + ".fifo", "is FIFO"),
    ],
)
@pytest.mark.usefixtures("subscriber", "answers")
def test_a_destination_that_can_not_be_is_refused(fanout, to, sentence):
    ended = fanout("dlq", "redrive", "payments", "--to", to, "--execute")
    assert ended.code == 2
    assert sentence in ended.err
