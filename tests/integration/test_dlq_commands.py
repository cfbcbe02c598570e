"""The dlq commands on moto: real client answers, calls counted, errors in one sentence."""

import json
from collections import Counter
from contextlib import contextmanager

import pytest

from fanout import console
from fanout.aws import AwsTarget
from fanout.runs.lock import Lock
from fanout.runs.store import Operator
from integration.dlq_on_moto import depth, kill_messages, make_subscriber
from unit.fanout.dlq.dlq_fakes import body

pytestmark = pytest.mark.slow

AT_ONCE = ("--watch", "0s")
ELSEWHERE = Operator(user="ada", host="another-machine", pid=1, identity="arn:ada", account="1")
HERE = Operator(user="jo", host="this-machine", pid=2, identity="arn:jo", account="1")


@contextmanager
def counted_calls(monkeypatch):
    calls = Counter()
    made = AwsTarget.client

    def client(self, service):
        found = made(self, service)
        if not getattr(found, "_counted", False):
            found._counted = True
            found.meta.events.register(
                "before-call.*.*", lambda model, **_: calls.update([model.name])
            )
        return found

    monkeypatch.setattr(AwsTarget, "client", client)
    yield calls


def test_the_whole_way_from_listing_to_the_report(aws, subscriber, fanout, monkeypatch):
    monkeypatch.setattr(console, "LINES_SECONDS", 0.005)
    kill_messages(aws, subscriber, 23)
    assert fanout("dlq", "list").code == 0
    assert fanout("dlq", "list", "--check").code == 1
    shown = json.loads(fanout("dlq", "show", "payments", "--json").out)
    assert [(one["reason"], one["count"], one["group"]) for one in shown["groups"]] == [
        ("UnknownStatus", 23, 1)
    ]
    assert depth(aws, subscriber.dlq) == (23, 0)
    planned = fanout("dlq", "replay", "payments", "--group", "1", *AT_ONCE, "--json")
    assert planned.code == 0
    assert "selecting: 23 of 23 (" in planned.err
    assert depth(aws, subscriber.dlq) == (23, 0)
    done = fanout("runs", "resume", "last", "--execute", "--json")
    assert done.code == 0
    assert json.loads(done.out)["fates"] == {"SENT": 23}
    assert "replay: 23 of 23 (" in done.err
    assert (depth(aws, subscriber.dlq), depth(aws, subscriber.queue)) == ((0, 0), (23, 0))


def test_each_step_takes_a_tenth_of_the_messages_in_calls(aws, subscriber, fanout, monkeypatch):
    kill_messages(aws, subscriber, 95)
    with counted_calls(monkeypatch) as calls:
        ended = fanout("dlq", "replay", "payments", "--execute", *AT_ONCE)
    assert ended.code == 0
    assert calls["SendMessageBatch"] == calls["DeleteMessageBatch"] == 10
    assert calls["ChangeMessageVisibilityBatch"] == 0
    assert calls["ReceiveMessage"] <= 10 + 2  # and find the end


def test_a_replayed_message_keeps_its_body_and_its_first_delivery_and_loses_its_marks(
    aws, subscriber, fanout
):
    kill_messages(aws, subscriber, 1)
    fanout("dlq", "replay", "payments", "--execute", *AT_ONCE)
    sent = aws.client("sqs").receive_message(
        QueueUrl=subscriber.queue, MessageAttributeNames=["All"]
    )["Messages"][0]
    assert sent["Body"] == body(1)
    assert set(sent["MessageAttributes"]) == {"replayed"}
    assert set(json.loads(sent["MessageAttributes"]["replayed"]["StringValue"])) == {
        "original_message_id",
        "first_received_at",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("show", "nobody"), 2, "No subscriber 'nobody'"),
        (("replay", "payments", "--where", "["), 2, "no JMESPath"),
        (("replay", "payments", "--group", "9"), 2, "No group '9'"),
        (("replay", "payments", "--older-than", "soon"), 2, "expected an age"),
        (("replay", "payments", "--through", "consumer"), 2, "names no function"),
        (("resume", "nothing"), 2, "No run 'nothing'"),
        (("show", "payments", "--message", "none"), 1, "Nothing in the DLQ"),
    ],
)
@pytest.mark.usefixtures("subscriber")
def test_wrong_use_is_said_in_one_sentence(fanout, arguments, code, sentence):
    ended = fanout("dlq", *arguments)
    assert ended.code == code
    assert sentence in ended.err
    assert "Traceback" not in ended.err


def test_a_queue_that_is_not_there_is_named(aws, subscriber, fanout):
    aws.client("sqs").delete_queue(QueueUrl=subscriber.dlq)
    ended = fanout("dlq", "show", "payments")
    assert ended.code == 3
    assert "There is no queue" in ended.err
    assert subscriber.dlq in ended.err


def test_a_standard_dlq_of_a_fifo_queue_is_refused_with_what_to_do(aws, fanout):
    subscriber = make_subscriber(aws, queue_suffix=".fifo")
    kill_messages(aws, subscriber, 1)
    ended = fanout("dlq", "replay", "payments", "--execute")
    assert ended.code == 2
    assert "Replay --through consumer" in ended.err
    assert depth(aws, subscriber.dlq) == (1, 0)


def test_a_message_above_the_queues_limit_is_left_with_its_size_named(aws, fanout, tmp_path):
    subscriber = make_subscriber(aws, MaximumMessageSize="1024")
    aws.client("sqs").send_message(QueueUrl=subscriber.dlq, MessageBody="x" * 2000)
    ended = fanout("dlq", "replay", "payments", "--even-if-unreadable", "--execute", *AT_ONCE)
    assert ended.code == 1
    fanout("runs", "show", "last", "--messages", str(tmp_path / "fates"))
    fate = json.loads((tmp_path / "fates").read_text())
    assert fate["fate"] == "REFUSED"
    assert "takes 1,024" in fate["why"]
    assert depth(aws, subscriber.dlq) == (1, 0)


def test_a_fifo_group_is_replayed_in_order_with_new_dedup_ids(aws, fanout):
    subscriber = make_subscriber(aws, queue_suffix=".fifo", dlq_suffix=".fifo")
    kill_messages(aws, subscriber, 12, MessageGroupId="g", MessageDeduplicationId="d-{}")
    ended = fanout("dlq", "replay", "payments", "--execute", *AT_ONCE)
    assert ended.code == 0
    assert "FIFO" in ended.err
    bodies = []
    while (
        got := aws.client("sqs")
        .receive_message(QueueUrl=subscriber.queue, MaxNumberOfMessages=10)
        .get("Messages")
    ):
        for one in got:
            bodies.append(one["Body"])
            aws.client("sqs").delete_message(
                QueueUrl=subscriber.queue, ReceiptHandle=one["ReceiptHandle"]
            )
    assert bodies == [body(number) for number in range(1, 13)]


def test_another_operator_is_named_and_nothing_is_moved(aws, subscriber, fanout):
    kill_messages(aws, subscriber, 2)
    about = {"target": aws, "name": "dlq/payments", "operator": ELSEWHERE}
    with Lock(**about, run_id="their-run", report=print):
        ended = fanout("dlq", "replay", "payments", "--execute", *AT_ONCE)
    assert ended.code == 3
    assert "ada@another-machine" in ended.err
    assert "their-run" in ended.err
    assert depth(aws, subscriber.dlq) == (2, 0)
    assert fanout("runs", "resume", "last", "--json").code == 0


def test_old_options_work_for_a_release_and_say_what_they_are_called_now(aws, subscriber, fanout):
    kill_messages(aws, subscriber, 1)
    old = ("--reason", "UnknownStatus", "--watch-seconds", "0", "--hold-seconds", "30")
    replayed = fanout("dlq", "replay", "payments", *old)
    assert replayed.code == 0
    said = " ".join(replayed.err.split())
    for notice in ("`--where-reason` now", "write 0s", "write 30s"):
        assert notice in said
    discarded = fanout("dlq", "discard", "payments", "--cause", "NotJson", "--reason", "why")
    assert discarded.code == 1
    assert "`--because` now" in " ".join(discarded.err.split())
    assert fanout("dlq", "show", "payments", "--hold", "2m").code == 2


def test_a_group_is_shown_with_ids_and_how_many_of_them_at_80_columns(
    aws, subscriber, fanout, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    kill_messages(aws, subscriber, 25)
    shown = fanout("dlq", "show", "payments").out
    assert "UnknownStatus" in shown
    assert "showing 3 of 25" in shown
    table = [line for line in shown.splitlines() if line[:1] in "┏┃┡│└"]
    assert max(map(len, table)) <= 80
    group = fanout("dlq", "show", "payments", "--group", "1").out
    assert "showing 10 of 25" in group
    named = group.split("messages:")[1].split()[0]
    assert fanout("dlq", "show", "payments", "--message", named).code == 0
