"""`fanout dlq blocked` on moto: who waits for what, and who waits for something that is gone."""

import json

import pytest

from aws_parts import create_table
from event_consumer.parked_groups import ParkedGroupsTable
from fanout.runs.journal import intent
from fanout.runs.store import RunStore
from integration.dlq_on_moto import make_subscriber
from unit.fanout.dlq.dlq_fakes import body, text

pytestmark = pytest.mark.slow

LOST, FIRST = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
BEHIND = "00000000-0000-0000-0000-00000000000c"
HOLD = ("--hold", "5s")
BLOCKED = ("dlq", "blocked", "payments", *HOLD)


@pytest.fixture
def notes(aws):
    subscriber = make_subscriber(aws, queue_suffix=".fifo", dlq_suffix=".fifo")
    create_table(aws.client("dynamodb"), "notes", "message_group", "place")
    name = "/fanout/subscribers/payments"
    ssm = aws.client("ssm")
    document = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    ssm.put_parameter(
        Name=name,
        Type="String",
        Overwrite=True,
        Value=json.dumps(document | {"parked_groups_table": "notes"}),
    )
    made = ParkedGroupsTable(aws.client("dynamodb"), "notes")
    made.subscriber = subscriber
    made.add("A", LOST, sequence_number="1")
    made.add("A", BEHIND, sequence_number="2")
    made.add("B", FIRST, sequence_number="3")
    for group, original in (("A", BEHIND), ("B", FIRST)):
        park(aws, subscriber, group, original)
    return made


def park(aws, subscriber, group, original):
    note = {"original_message_id": original, "first_received_at": "2026-11-23T12:00:00Z"}
    aws.client("sqs").send_message(
        QueueUrl=subscriber.dlq,
        MessageBody=body(1),
        MessageGroupId=group,
        MessageDeduplicationId=original,
        MessageAttributes={
            "parked_reason": text("BehindParkedEvent"),
            "parked": text(json.dumps(note)),
        },
    )


def test_who_is_blocked_by_something_that_is_gone_is_found(notes, fanout):
    assert fanout(*BLOCKED, "--check").code == 1
    found = fanout(*BLOCKED, "--json")
    assert found.code == 0
    groups = {one["message_group"]: one for one in json.loads(found.out)["waiting"]}
    assert (groups["A"]["first"], groups["A"]["in_dlq"], groups["A"]["count"]) == (LOST, False, 2)
    assert (groups["B"]["first"], groups["B"]["in_dlq"], groups["B"]["count"]) == (FIRST, True, 1)
    assert "not shown by the DLQ" in fanout(*BLOCKED).out


def test_unblocking_frees_those_behind_and_is_in_the_journal(notes, fanout):
    why = ("--unblock", LOST, "--because", "expired in the DLQ")
    planned = fanout(*BLOCKED, *why)
    assert (planned.code, notes.first("A").message_id) == (0, LOST)
    assert fanout(*BLOCKED, *why, "--execute").code == 0
    assert notes.first("A").message_id == BEHIND
    assert fanout(*BLOCKED, "--check").code == 0
    report = json.loads(fanout("runs", "show", "last", "--json").out)
    assert report["fates"] == {"RELEASED": 1}
    assert report["options"]["because"] == "expired in the DLQ"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--unblock", FIRST, "--because", "x"), 3, "is in the DLQ: replay it"),
        (("--unblock", BEHIND, "--because", "x"), 2, "blocks nobody"),
        (("--unblock", LOST), 2, "--because is missing"),
    ],
)
def test_what_is_not_lost_is_not_unblocked(notes, fanout, arguments, code, sentence):
    refused = fanout(*BLOCKED, *arguments, "--execute")
    assert refused.code == code
    assert sentence in " ".join(refused.err.split())
    assert notes.first("A").message_id == LOST


def test_what_may_still_be_in_the_queue_is_not_unblocked(aws, notes, fanout):
    aws.client("sqs").send_message(
        QueueUrl=notes.subscriber.queue,
        MessageBody="{}",
        MessageGroupId="A",
        MessageDeduplicationId="x",
    )
    refused = fanout(*BLOCKED, "--unblock", LOST, "--because", "x", "--execute")
    assert refused.code == 3
    assert "may be in the queue" in " ".join(refused.err.split())


def test_a_plan_that_is_resumed_asks_again_whether_the_message_is_lost(aws, notes, fanout):
    planned = fanout(*BLOCKED, "--unblock", LOST, "--because", "expired")
    assert planned.code == 0
    park(aws, notes.subscriber, "A", LOST)  # it was hidden, or came from a file
    refused = fanout("runs", "resume", "last", "--execute")
    assert refused.code == 3
    assert "is in the DLQ: replay it" in " ".join(refused.err.split())
    assert notes.first("A").message_id == LOST


def test_a_release_that_was_begun_is_completed_whatever_is_blocked_now(notes, fanout, tmp_path):
    fanout(*BLOCKED, "--unblock", LOST, "--because", "expired")
    [path] = (tmp_path / "fanout" / "fanout" / "runs").glob("*.jsonl")
    with RunStore(path.parent).open(path.stem) as run:
        run.record(intent("release", [LOST]))
    notes.withdraw("A", LOST)  # as a process that was killed then
    assert fanout("runs", "resume", "last", "--execute").code == 0
    assert notes.first("A").message_id == BEHIND


def test_a_subscriber_that_does_not_park_by_customer_has_nobody_blocked(subscriber, fanout):
    refused = fanout(*BLOCKED)
    assert refused.code == 2
    assert "nobody is blocked" in refused.err


def test_the_old_name_and_its_options_work_with_a_notice(notes, fanout):
    old = fanout("dlq", "waiting", "payments", "--release", LOST, "--reason", "lost", "--execute")
    assert old.code == 0
    assert "is now `fanout dlq blocked --check payments --unblock" in old.err
    assert notes.first("A").message_id == BEHIND
