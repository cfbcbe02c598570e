"""What data holds reaches no terminal as it is: every command that shows some of it, on moto."""

import json

import pytest

from integration.dlq_on_moto import make_subscriber
from integration.test_failures_commands import function, store  # noqa: F401 (fixtures)
from unit.fanout.dlq.dlq_fakes import body, text
from unit.fanout.failures.failures_in_memory import batch_object, parked_object
from unit.publisher.stream_record_samples import record

pytestmark = pytest.mark.slow

HOSTILE = "x\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2066[/bold][link=http://x]\u200b"
"""Escape sequences, C1 controls, text that turns its direction or is not seen, Rich's markup."""


def assert_safe(ended):
    assert ended.code in {0, 1, 2}, ended.err
    assert "Traceback" not in ended.err
    for shown in (ended.out, ended.err):
        assert all(one.isprintable() or one in "\n\t" for one in shown)


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_no_dlq_command_lets_a_message_steer_the_terminal(aws, fanout, as_json, tmp_path):
    subscriber = make_subscriber(aws)
    note = {"field": HOSTILE, "expected": HOSTILE, "consumer": HOSTILE}
    document = json.loads(body(1)) | {"subject": HOSTILE, HOSTILE: {HOSTILE: HOSTILE}}
    sent = aws.client("sqs").send_message(
        QueueUrl=subscriber.dlq,
        MessageBody=json.dumps(document),
        MessageAttributes={"parked_reason": text(HOSTILE), "parked": text(json.dumps(note))},
    )
    patch = tmp_path / "patch.json"
    patch.write_text(json.dumps([{"op": "add", "path": f"/data/{HOSTILE}", "value": HOSTILE}]))
    one = ("payments", "--message", sent["MessageId"])
    for command in (
        ("show", "payments"),
        ("show", *one),
        ("show", *one, "--reveal"),
        ("replay", "payments"),
        ("replay", "payments", "--where-reason", "Nope"),
        ("replay", "payments", "--execute", "--even-if-unreadable", "--watch", "0s"),
        ("edit", "payments", "--where", "`true`", "--patch", str(patch)),
        ("report", "last"),
        ("runs",),
    ):
        assert_safe(fanout("dlq", *command, *as_json))


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_no_command_on_failures_lets_an_object_steer_the_terminal(store, fanout, as_json):  # noqa: F811
    key = f"parked/{HOSTILE}"
    made = record("ACTIVE", {"S": HOSTILE}, customer_id=HOSTILE, note={"S": HOSTILE})
    store.put(key, parked_object(made, HOSTILE, field=HOSTILE))
    store.put(f"aws/lambda/{HOSTILE}", batch_object([made | {HOSTILE: HOSTILE}]))
    for command in (
        ("failures", "list"),
        ("failures", "show", key),
        ("failures", "show", key, "--reveal"),
        ("failures", "recover"),
        ("failures", "recover", "--execute"),
        ("runs", "show", "last"),
        ("runs", "list"),
    ):
        assert_safe(fanout(*command, *as_json))
