"""Edit, export, import and discard on moto: what is sent, what is kept, what is refused."""

import json

import pytest

from fanout.sqs.message import to_line
from integration.dlq_on_moto import depth, kill_messages, make_subscriber
from unit.fanout.dlq.dlq_fakes import body, dead, text

pytestmark = pytest.mark.slow

AT_ONCE = ("--watch", "0s")


def kill_broken(aws, subscriber, numbers):
    for number in numbers:
        aws.client("sqs").send_message(
            QueueUrl=subscriber.dlq,
            MessageBody=body(number, data={"change": "updated", "note": "kept"}),
            MessageAttributes={"parked_reason": text("SchemaViolation"), "tenant": text("eu")},
        )


def patch_file(tmp_path, *operations):
    path = tmp_path / "patch.json"
    path.write_text(json.dumps(operations or [replace("/data/change", "changed")]))
    return str(path)


def replace(path, value):
    return {"op": "replace", "path": path, "value": value}


def received(aws, url):
    found = []
    while (
        messages := aws.client("sqs")
        .receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=600,
        )
        .get("Messages", [])
    ):
        found.extend(messages)
    return found


def test_a_patch_mends_a_group_and_the_new_messages_name_their_originals(
    aws, subscriber, fanout, tmp_path
):
    kill_broken(aws, subscriber, range(1, 13))
    kill_messages(aws, subscriber, 3)
    dead = {one["id"] for one in _selected(fanout, tmp_path, "SchemaViolation")}
    arguments = ("--where-reason", "SchemaViolation", "--patch", patch_file(tmp_path), *AT_ONCE)
    planned = json.loads(fanout("dlq", "edit", "payments", *arguments, "--json").out)
    assert (planned["selected"], planned["readable_now"], planned["unreadable"]) == (12, 12, {})
    assert depth(aws, subscriber.dlq) == (15, 0)
    done = fanout("runs", "resume", planned["run_id"], "--execute", "--json")
    assert json.loads(done.out)["fates"] == {"SENT": 12}
    assert depth(aws, subscriber.dlq) == (3, 0)
    sent = received(aws, subscriber.queue)
    documents = [json.loads(one["Body"]) for one in sent]
    assert {(one["data"]["change"], one["data"]["note"]) for one in documents} == {
        ("changed", "kept")
    }
    marks = [json.loads(one["MessageAttributes"]["edited_from"]["StringValue"]) for one in sent]
    assert {one["original_message_id"] for one in marks} == dead
    assert {one["run"] for one in marks} == {planned["run_id"]}
    assert set(sent[0]["MessageAttributes"]) == {"edited_from", "replayed", "tenant"}


def _selected(fanout, tmp_path, reason):
    path = tmp_path / f"{reason}.jsonl"
    fanout("dlq", "export", "payments", "--to", str(path), "--where-reason", reason)
    return [{"id": json.loads(line)["message_id"]} for line in path.read_text().splitlines()]


def test_each_run_is_shown_by_itself_as_a_page_and_as_lines(aws, subscriber, fanout, tmp_path):
    kill_broken(aws, subscriber, range(1, 4))
    kill_messages(aws, subscriber, 2)
    patch = patch_file(tmp_path)
    edit = ("dlq", "edit", "payments", "--version", "2", "--patch", patch, *AT_ONCE)
    edited = json.loads(fanout(*edit, "--execute", "--json").out)
    page, fates = tmp_path / "report.html", tmp_path / "fates.jsonl"
    shown = fanout("runs", "show", edited["run_id"], "--html", str(page), "--messages", str(fates))
    assert shown.code == 1
    assert "2 | It can't be sent so" in shown.out.replace("│", "|").replace("┃", "|")
    ends = [json.loads(line)["fate"] for line in fates.read_text().splitlines()]
    assert sorted(ends) == ["REFUSED"] * 2 + ["SENT"] * 3
    assert edited["run_id"] in page.read_text()


def test_the_journal_brings_an_edits_originals_back(aws, subscriber, fanout, tmp_path):
    kill_broken(aws, subscriber, [1])
    kept, again = tmp_path / "kept.jsonl", tmp_path / "again.jsonl"
    fanout("dlq", "export", "payments", "--to", str(kept))
    arguments = ("--where-reason", "SchemaViolation", "--patch", patch_file(tmp_path), "--execute")
    assert fanout("dlq", "edit", "payments", *arguments, *AT_ONCE).code == 0
    fanout("runs", "show", "last", "--originals", str(again))
    first, second = json.loads(kept.read_text()), json.loads(again.read_text())
    assert first.pop("receive_count") < second.pop("receive_count")
    assert first == second


@pytest.mark.parametrize(
    ("operations", "why"),
    [
        ([replace("/data/change", "renamed")], "StillInvalid: SchemaViolation"),
        ([{"op": "remove", "path": "/data/nothing"}], "PatchDoesNotFit"),
        ([replace("/data/change", "updated")], "Unchanged"),
        (
            [
                replace("/data/change", "changed"),
                *[replace(path, "c-9") for path in ("/subject", "/partitionkey")],
                replace("/data/customer_id", "c-9"),
            ],
            "OtherCustomer",
        ),
    ],
    ids=["not-valid", "does-not-fit", "no-change", "other-customer"],
)
def test_what_the_edit_does_not_mend_stays_as_it_is(
    aws, subscriber, *, fanout, tmp_path, operations, why
):
    kill_broken(aws, subscriber, [1, 2])
    arguments = ("--where-reason", "SchemaViolation", "--patch", patch_file(tmp_path, *operations))
    done = fanout("dlq", "edit", "payments", *arguments, *AT_ONCE, "--execute", "--json")
    assert done.code == 1
    assert json.loads(done.out)["fates"] == {"REFUSED": 2}
    assert depth(aws, subscriber.dlq) == (2, 0)
    assert depth(aws, subscriber.queue) == (0, 0)
    fates = tmp_path / "fates.jsonl"
    fanout("runs", "show", "last", "--messages", str(fates))
    assert why in fates.read_text()


def test_on_fifo_what_follows_does_not_overtake_what_the_edit_did_not_mend(aws, fanout, tmp_path):
    subscriber = make_subscriber(aws, queue_suffix=".fifo", dlq_suffix=".fifo")
    for number, data in enumerate([{"change": "updated", "status": "GONE"}, {"change": "updated"}]):
        aws.client("sqs").send_message(
            QueueUrl=subscriber.dlq,
            MessageBody=body(number + 1, customer_id="c-1", data=data),
            MessageGroupId="c-1",
            MessageDeduplicationId=str(number),
        )
    arguments = ("--customer", "c-1", "--patch", patch_file(tmp_path), "--execute", *AT_ONCE)
    ended = fanout("dlq", "edit", "payments", *arguments, "--hold", "5s", "--json")
    assert ended.code == 1
    assert json.loads(ended.out)["fates"].get("SENT") is None
    assert received(aws, subscriber.queue) == []


def editor(tmp_path, monkeypatch, program):
    path = tmp_path / "editor.sh"
    path.write_text(f"#!/bin/sh\n{program}\n")
    path.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(path))


def test_one_message_is_edited_by_hand(aws, subscriber, fanout, tmp_path, monkeypatch):
    kill_broken(aws, subscriber, [1])
    editor(tmp_path, monkeypatch, """sed -i 's/"updated"/"changed"/' "$1" """)
    [one] = _selected(fanout, tmp_path, "SchemaViolation")
    arguments = ("--message", one["id"], "--editor", *AT_ONCE, "--execute", "--json")
    done = fanout("dlq", "edit", "payments", *arguments)
    assert json.loads(done.out)["options"]["edit"]["patch"] == [replace("/data/change", "changed")]
    [sent] = received(aws, subscriber.queue)
    assert json.loads(sent["Body"])["data"]["change"] == "changed"
    assert depth(aws, subscriber.dlq) == (0, 0)


def test_a_body_that_is_no_json_can_be_written_anew(aws, subscriber, fanout, tmp_path, monkeypatch):
    aws.client("sqs").send_message(QueueUrl=subscriber.dlq, MessageBody='{"hello"')
    (tmp_path / "new.json").write_text(body(7))
    editor(tmp_path, monkeypatch, f'cp {tmp_path / "new.json"} "$1"')
    [one] = _selected(fanout, tmp_path, "NotJson")
    arguments = ("--message", one["id"], "--editor", *AT_ONCE, "--execute")
    assert fanout("dlq", "edit", "payments", *arguments).code == 0
    [sent] = received(aws, subscriber.queue)
    assert json.loads(sent["Body"]) == json.loads(body(7))


@pytest.mark.parametrize(
    ("program", "code", "sentence"),
    [
        ("true", 2, "Nothing was changed"),
        ("exit 1", 3, "set EDITOR"),
        ('echo "{" > "$1"', 2, "NotJson"),
        ("""sed -i 's/"updated"/"renamed"/' "$1" """, 2, "data.change"),
    ],
    ids=["unchanged", "editor-fails", "no-json", "not-valid"],
)
def test_an_edit_by_hand_that_leads_nowhere_says_so_and_sends_nothing(
    aws, subscriber, *, fanout, tmp_path, monkeypatch, program, code, sentence
):
    kill_broken(aws, subscriber, [1])
    editor(tmp_path, monkeypatch, program)
    [one] = _selected(fanout, tmp_path, "SchemaViolation")
    ended = fanout("dlq", "edit", "payments", "--message", one["id"], "--editor", "--execute")
    assert ended.code == code
    assert sentence in ended.err
    assert depth(aws, subscriber.dlq) == (1, 0)


def test_discarded_messages_are_in_the_file_and_can_be_brought_back(
    aws, subscriber, fanout, tmp_path
):
    kill_broken(aws, subscriber, range(1, 13))
    kill_messages(aws, subscriber, 2)
    path = tmp_path / "gone.jsonl"
    arguments = ("--where-reason", "SchemaViolation", "--because", "test data", "--to", str(path))
    assert fanout("dlq", "discard", "payments", *arguments).code == 0
    assert depth(aws, subscriber.dlq) == (14, 0)
    assert not path.exists()
    done = fanout("runs", "resume", "last", "--execute", "--json")
    report = json.loads(done.out)
    assert (report["fates"], report["options"]["because"]) == ({"DISCARDED": 12}, "test data")
    assert depth(aws, subscriber.dlq) == (2, 0)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text().splitlines()) == 12
    path.write_text(path.read_text() * 2)  # as after a crash between export and delete
    back = fanout("dlq", "import", "payments", "--from", str(path), "--execute", "--json")
    assert json.loads(back.out)["fates"] == {"IMPORTED": 12}
    groups = json.loads(fanout("dlq", "show", "payments", "--json").out)["groups"]
    assert [(one["reason"], one["count"]) for one in groups] == [
        ("SchemaViolation", 12),
        ("UnknownStatus", 2),
    ]


def test_an_export_is_complete_and_takes_nothing_away(aws, subscriber, fanout, tmp_path):
    aws.client("sqs").send_message(
        QueueUrl=subscriber.dlq,
        MessageBody="höflich\n\u2028x",
        MessageAttributes={
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
            "number": {"DataType": "Number", "StringValue": "7"},
        },
    )
    path = tmp_path / "all.jsonl"
    assert fanout("dlq", "export", "payments", "--to", str(path)).code == 0
    assert depth(aws, subscriber.dlq) == (1, 0)
    done = fanout("dlq", "import", "payments", "--from", str(path), "--through", "queue")
    assert done.code == 0
    assert depth(aws, subscriber.queue) == (0, 0)
    assert fanout("runs", "resume", "last", "--execute").code == 0
    [sent] = received(aws, subscriber.queue)
    assert sent["Body"] == "höflich\n\u2028x"
    assert sent["MessageAttributes"]["raw"]["BinaryValue"] == b"\x00\xff"
    assert sent["MessageAttributes"]["number"]["StringValue"] == "7"
    assert fanout("dlq", "export", "payments", "--to", str(path)).code == 2


def test_on_fifo_what_the_queue_never_takes_holds_up_nothing_behind_it(aws, fanout, tmp_path):
    subscriber = make_subscriber(aws, queue_suffix=".fifo", MaximumMessageSize="2048")
    path = tmp_path / "all.jsonl"
    kill_messages(aws, subscriber, 4)
    fanout("dlq", "export", "payments", "--to", str(path))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[2:]:
        line["group_id"] = "g"  # the first two have none, as of a standard queue
    lines[2]["body"] = "x" * 4_000
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = ("--from", str(path), "--through", "queue", "--execute", "--json")
    report = json.loads(fanout("dlq", "import", "payments", *arguments).out)
    assert (report["fates"], report["status"]) == ({"REFUSED": 3, "IMPORTED": 1}, "finished")


def test_an_import_whose_file_was_changed_meanwhile_sends_nothing(
    aws, subscriber, fanout, tmp_path
):
    kill_messages(aws, subscriber, 2)
    path = tmp_path / "all.jsonl"
    fanout("dlq", "export", "payments", "--to", str(path))
    fanout("dlq", "import", "payments", "--from", str(path))
    path.write_text(path.read_text().replace("customer", "somebody"))
    ended = fanout("runs", "resume", "last", "--execute")
    assert ended.code == 2
    assert "was changed since" in ended.err
    assert depth(aws, subscriber.dlq) == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("discard", "payments", "--all", "--because", " "), "--because is missing"),
        (("discard", "payments", "--because", "x"), "Say which messages"),
        (
            ("discard", "payments", "--because", "x", "--all", "--where-reason", "NotJson"),
            "Say which",
        ),
        (("discard", "payments", "--because", "x", "--all", "--to", "{here}"), "exists"),
        (("edit", "payments", "--group", "1"), "Give either --patch"),
        (("edit", "payments", "--editor"), "Give either --patch"),
        (
            ("edit", "payments", "--where-reason", "NotJson", "--patch", "{here}"),
            "is no JSON Patch",
        ),
        (("edit", "payments", "--where-reason", "NotJson", "--patch", "{none}"), "can't be read"),
        (("edit", "payments", "--patch", "{patch}"), "Say which messages"),
        (("import", "payments", "--from", "{none}"), "can't be read"),
        (("import", "payments", "--from", "{here}"), "line 1, is no exported message"),
        (("import", "payments", "--from", "{half}"), "line 1, is no exported message"),
    ],
)
@pytest.mark.usefixtures("subscriber")
def test_wrong_use_of_the_file_and_edit_commands_is_one_sentence(
    fanout, tmp_path, arguments, sentence
):
    (tmp_path / "here").write_text('{"message_id": 1}\n')
    half_a_pair = to_line(dead(1)) | {"body": "\ud800"}
    (tmp_path / "half").write_text(json.dumps(half_a_pair) + "\n")
    names = {name: tmp_path / name for name in ("here", "half", "none")}
    names["patch"] = patch_file(tmp_path)
    ended = fanout("dlq", *(one.format(**names) for one in arguments))
    assert ended.code == 2
    assert sentence in ended.err
    assert "Traceback" not in ended.err
    assert json.loads(fanout("runs", "list", "--json").out) == {"runs": []}, "nothing to resume"
