"""A replay through the queue on moto, with a consumer that handles each batch as it is sent."""

import json
from datetime import UTC, datetime
from threading import Lock

import pytest

from customer_events.instants import to_wire
from fanout.aws import AwsTarget
from fanout.dlq import replay
from fanout.runs.pace import Stopping
from integration.dlq_on_moto import depth, kill_messages, make_subscriber
from unit.fanout.dlq.dlq_fakes import text

pytestmark = pytest.mark.slow

EXECUTE = ("--execute", "--watch", "0.5s")
FIFO = {"queue_suffix": ".fifo", "dlq_suffix": ".fifo"}
IN_A_GROUP = {"MessageGroupId": "g", "MessageDeduplicationId": "dead-{}"}


class Consumer:
    """Parks each `nth` message of its queue again, and applies the others."""

    def __init__(self, sqs, subscriber, nth):
        self.sqs, self.subscriber, self.nth = sqs, subscriber, nth
        self.handled = 0
        self.one_at_a_time = Lock()

    def work(self, **_):
        """Called from the thread of each send; moto gives one message to two threads at once."""
        with self.one_at_a_time:
            self._work()

    def _work(self):
        while messages := self.sqs.receive_message(
            QueueUrl=self.subscriber.queue,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
        ).get("Messages"):
            for one in messages:
                self.handled += 1
                if self.handled % self.nth == 0:
                    self.park(one)
                self.sqs.delete_message(
                    QueueUrl=self.subscriber.queue, ReceiptHandle=one["ReceiptHandle"]
                )

    def park(self, message):
        note = json.loads(message["MessageAttributes"]["replayed"]["StringValue"])
        note |= {"field": "", "expected": "", "parked_at": to_wire(datetime.now(UTC))}
        group = message["Attributes"].get("MessageGroupId")
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": message["MessageId"]}
        self.sqs.send_message(
            QueueUrl=self.subscriber.dlq,
            MessageBody=message["Body"],
            MessageAttributes={
                "parked_reason": text("UnknownStatus"),
                "parked": text(json.dumps(note)),
            },
            **(fifo if group else {}),
        )


@pytest.fixture
def consumes(aws, monkeypatch):
    """Let a consumer work as soon as a batch was sent to its queue."""

    def begin(subscriber, *, nth):
        consumer = Consumer(aws.client("sqs"), subscriber, nth)
        made = AwsTarget.client

        def client(self, service):
            found = made(self, service)
            if service == "sqs":
                found.meta.events.register(
                    "after-call.sqs.SendMessageBatch", consumer.work, unique_id="consumer"
                )
            return found

        monkeypatch.setattr(AwsTarget, "client", client)
        return consumer

    return begin


@pytest.mark.parametrize("kind", [{}, FIFO], ids=["standard", "fifo"])
def test_a_replay_through_the_queue_stops_once_too_many_came_back(aws, fanout, consumes, kind):
    subscriber = make_subscriber(aws, **kind)
    kill_messages(aws, subscriber, 35, **(IN_A_GROUP if kind else {}))
    consumer = consumes(subscriber, nth=1)
    ended = fanout("dlq", "replay", "payments", *EXECUTE, "--json")
    assert ended.code == 1
    assert consumer.handled == 10
    assert set(json.loads(ended.out)["fates"]) <= {"waiting", "SENT" if kind else "CAME_BACK"}
    assert sum(depth(aws, subscriber.dlq)) == 35


def test_a_replay_through_the_queue_goes_on_while_few_come_back(aws, subscriber, fanout, consumes):
    kill_messages(aws, subscriber, 45)
    consumer = consumes(subscriber, nth=20)
    ended = fanout("dlq", "replay", "payments", *EXECUTE, "--json")
    assert ended.code == 1
    assert consumer.handled == 45
    assert json.loads(ended.out)["fates"] == {"SENT": 43, "CAME_BACK": 2}


def test_what_comes_back_later_in_a_replay_stops_it_as_well(
    aws, subscriber, fanout, consumes, monkeypatch
):
    monkeypatch.setattr(replay, "_STAGE_GROWTH", 9)
    kill_messages(aws, subscriber, 110)
    consumer = consumes(subscriber, nth=10**6)
    ended_well = consumer.park

    def from_the_21st_on(message):
        consumer.nth = 1
        ended_well(message)

    consumer.nth, consumer.park = 21, from_the_21st_on
    ended = fanout("dlq", "replay", "payments", *EXECUTE, "--json")
    assert ended.code == 1
    assert consumer.handled == 100  # 10, 90, and the share of those is too high
    assert json.loads(ended.out)["fates"] == {"waiting": 10, "SENT": 20, "CAME_BACK": 80}


@pytest.mark.parametrize("within", [False, True])
def test_interrupted_in_the_last_watch_it_is_not_done_and_a_resume_watches(
    aws, subscriber, *, fanout, consumes, monkeypatch, within
):
    kill_messages(aws, subscriber, 3)
    consumer = consumes(subscriber, nth=1)
    once, asked, park = iter([True]), [], consumer.park
    monkeypatch.setattr(Stopping, "asked", lambda _: bool(asked))
    if within:
        monkeypatch.setattr(Stopping, "wait", lambda *_: asked.extend(once))
    else:
        consumer.park = lambda message: (park(message), asked.extend(once))
    ended = fanout("dlq", "replay", "payments", "--execute", "--watch", "1s", "--json")
    assert ended.code == 130
    report = json.loads(ended.out)
    assert (report["status"], report["fates"]) == ("paused", {"SENT": 3})
    assert "which of 3 sent messages come back" in report["timeline"][-1]["text"]
    asked.clear()
    resumed = fanout("runs", "resume", "last", "--json")
    assert resumed.code == 1
    assert json.loads(resumed.out)["fates"] == {"CAME_BACK": 3}


def test_what_cannot_be_read_now_is_left_out_of_a_replay(aws, subscriber, fanout, consumes):
    for _ in range(20):
        aws.client("sqs").send_message(QueueUrl=subscriber.dlq, MessageBody="{")
    kill_messages(aws, subscriber, 40)
    consumes(subscriber, nth=10**6)
    planned = fanout("dlq", "replay", "payments")
    assert "20 of them are left out" in planned.err
    assert "NotJson 20" in planned.err
    assert "--even-if-unreadable" in planned.err
    ended = fanout("runs", "resume", "last", "--execute", "--json")
    assert ended.code == 1
    report = json.loads(ended.out)
    assert report["fates"] == {"SENT": 40, "UNREADABLE": 20}
    assert "(20 were left out)" in report["timeline"][-1]["text"]
    assert depth(aws, subscriber.dlq) == (20, 0)
    discard = fanout("dlq", "discard", "payments", "--all", "--because", "no events")
    assert (discard.code, discard.err.count("20 of them")) == (0, 0)


def test_a_limit_counts_what_is_replayed_and_not_what_is_left_out(aws, subscriber, fanout):
    for _ in range(5):
        aws.client("sqs").send_message(QueueUrl=subscriber.dlq, MessageBody="{")
    kill_messages(aws, subscriber, 5)
    planned = fanout("dlq", "replay", "payments", "--limit", "3", "--json")
    assert json.loads(planned.out)["to_do"] == 3


def test_an_edit_leaves_out_what_it_does_not_fit_and_sends_the_rest(
    aws, subscriber, fanout, tmp_path
):
    for _ in range(5):
        aws.client("sqs").send_message(QueueUrl=subscriber.dlq, MessageBody="{")
    kill_messages(aws, subscriber, 15)
    patch = tmp_path / "patch.json"
    patch.write_text('[{"op": "add", "path": "/data/reason", "value": "CORRECTED"}]')
    how = ("--where", "`0`", "--patch", str(patch), "--execute", "--watch", "0s")
    ended = fanout("dlq", "edit", "payments", *how, "--json")
    assert ended.code == 1
    assert json.loads(ended.out)["fates"] == {"SENT": 15, "REFUSED": 5}


@pytest.mark.parametrize(
    "command",
    [
        ("replay", "payments", "--where-reason", "Nope", "--execute"),
        ("replay", "payments", "--where", "reason == 'Nope'"),
        ("edit", "payments", "--where-reason", "Nope", "--patch", "PATCH"),
        ("discard", "payments", "--where-reason", "Nope", "--because", "test"),
    ],
    ids=lambda command: f"{command[0]} {command[2]}",
)
def test_a_selection_of_nothing_is_said_and_leaves_no_journal(
    aws, subscriber, fanout, tmp_path, command
):
    kill_messages(aws, subscriber, 2)
    patch = tmp_path / "patch.json"
    patch.write_text('[{"op": "remove", "path": "/data/reason"}]')
    called = [str(patch) if one == "PATCH" else one for one in command]
    ended = fanout("dlq", *called)
    assert ended.code == 1
    assert "Nothing is selected" in ended.err
    assert "UnknownStatus (2)" in ended.err
    assert json.loads(fanout("runs", "list", "--json").out) == {"runs": []}
    assert depth(aws, subscriber.dlq) == (2, 0)


@pytest.mark.usefixtures("subscriber")
def test_an_empty_dlq_is_no_failure_and_leaves_no_journal(fanout):
    ended = fanout("dlq", "replay", "payments", "--execute", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["selected"] == 0
    assert json.loads(fanout("runs", "list", "--json").out) == {"runs": []}
