"""SQS's own move task, against recorded shapes.

Neither MiniStack 1.5.33 nor moto 5.2 has StartMessageMoveTask, ListMessageMoveTasks or
CancelMessageMoveTask; botocore's Stubber holds what is sent and answered to the API's model.
"""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber

from fanout.dlq.move_task import MoveTasks
from fanout.dlq.redrive_commands import watch
from fanout.errors import Refused
from fanout.runs.pace import Stopping

DLQ = "arn:aws:sqs:eu-west-1:123456789012:payments-dlq"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:payments"
HANDLE = "eyJ0YXNrSWQiOiJkYzE2"
RUNNING = {
    "TaskHandle": HANDLE,
    "Status": "RUNNING",
    "SourceArn": DLQ,
    "DestinationArn": QUEUE,
    "MaxNumberOfMessagesPerSecond": 50,
    "ApproximateNumberOfMessagesMoved": 120,
    "ApproximateNumberOfMessagesToMove": 500,
    "StartedTimestamp": 1_795_428_000_000,
}
COMPLETED = {
    "Status": "COMPLETED",
    "SourceArn": DLQ,
    "DestinationArn": QUEUE,
    "ApproximateNumberOfMessagesMoved": 500,
    "ApproximateNumberOfMessagesToMove": 500,
    "StartedTimestamp": 1_795_428_000_000,
}
FAILED = COMPLETED | {
    "Status": "FAILED",
    "FailureReason": "AWS.SimpleQueueService.NonExistentQueue",
    "ApproximateNumberOfMessagesMoved": 3,
}
LISTED = {"SourceArn": DLQ, "MaxResults": 10}


@pytest.fixture
def sqs():
    client = boto3.client(
        "sqs", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stubber:
        yield SimpleNamespace(client=client, stubber=stubber, tasks=MoveTasks(client, DLQ))
        stubber.assert_no_pending_responses()


def test_it_always_names_the_destination(sqs):
    wanted = {"SourceArn": DLQ, "DestinationArn": QUEUE, "MaxNumberOfMessagesPerSecond": 50}
    sqs.stubber.add_response("start_message_move_task", {"TaskHandle": HANDLE}, wanted)
    assert sqs.tasks.start(QUEUE, rate=50) == HANDLE


def test_a_task_is_followed_until_it_ends(sqs):
    for one in (RUNNING, COMPLETED):
        sqs.stubber.add_response("list_message_move_tasks", {"Results": [one]}, LISTED)
    shown = []
    stopping = SimpleNamespace(asked=lambda: False, wait=lambda _seconds: None)
    ended = watch(sqs.tasks, stopping, lambda task: shown.append((task.moved, task.to_move)))
    assert ended.status == "COMPLETED"
    assert shown == [(120, 500), (500, 500)]


def test_somebody_who_stops_watching_leaves_the_task_running(sqs):
    sqs.stubber.add_response("list_message_move_tasks", {"Results": [RUNNING]}, LISTED)
    stopping = Stopping()
    stopping.ask()
    assert watch(sqs.tasks, stopping, lambda _task: None).status == "RUNNING"


def test_a_running_task_is_cancelled_by_its_handle(sqs):
    sqs.stubber.add_response("list_message_move_tasks", {"Results": [RUNNING]}, LISTED)
    sqs.stubber.add_response(
        "cancel_message_move_task",
        {"ApproximateNumberOfMessagesMoved": 130},
        {"TaskHandle": HANDLE},
    )
    assert sqs.tasks.cancel(sqs.tasks.latest()) == 130


def test_a_failed_task_tells_why(sqs):
    sqs.stubber.add_response("list_message_move_tasks", {"Results": [FAILED]}, LISTED)
    task = sqs.tasks.latest()
    assert (task.status, task.moved) == ("FAILED", 3)
    assert task.failure == "AWS.SimpleQueueService.NonExistentQueue"
    assert task.started_at == datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AWS.SimpleQueueService.UnsupportedOperation", "needs no source queue"),
        ("InvalidAction", "has no message move tasks"),
    ],
)
def test_a_refusal_says_what_to_use_instead(sqs, code, sentence):
    sqs.stubber.add_client_error("start_message_move_task", code, "It is no DLQ.")
    with pytest.raises(Refused, match=sentence):
        sqs.tasks.start(QUEUE, rate=None)


def test_what_is_shown_to_a_program_is_json(sqs):
    sqs.stubber.add_response("list_message_move_tasks", {"Results": [RUNNING]}, LISTED)
    document = json.loads(json.dumps(sqs.tasks.latest().to_document()))
    assert (document["moved"], document["destination_arn"]) == (120, QUEUE)
