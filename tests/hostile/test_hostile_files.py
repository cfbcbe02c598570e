"""Files that nobody should hand over: one sentence that names the file, never a stack trace."""

import json
from pathlib import Path

import pytest
import yaml

from fanout.demo import changes as changes_file
from fanout.dlq import import_
from fanout.errors import WrongUse
from fanout.failures import records as documents
from fanout.runs import journal
from fanout.runs import journal as records
from fanout.runs.journal import Entry, Journal, Kind
from fanout.runs.ledger import Ledger
from fanout.runs.report import make_report
from fanout.sqs.message import from_line, to_line
from hostile.hostile_values import SCRIPTS, deep, spoiled
from sentinel.contract import filter_lint
from sentinel.contract.filters import Transport
from sentinel.contract.folder import Source, contract_of, read_contract

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 150
NO_TEXT = {
    "no UTF-8": b'{"customer_id": "\xff\xfe"}\n',
    "UTF-16": '{"customer_id": "c"}\n'.encode("utf-16"),
    "zeros": b"\0" * 4_096,
    "empty": b"",
    "blank": b"\n\r\n \t\n",
    "no line end": b'{"customer_id":' + b" " * 200_000,
    "deep array": deep("[", "]").encode() + b"\n",
    "deep object": (deep('{"a":', "}") + "\n").encode(),
    "deep and open": deep("[", "").encode() + b"\n",
    "huge number": b'{"n": 1e999, "customer_id": ' + b"9" * 5_000 + b"}\n",
    "infinity": b'{"n": Infinity, "receive_count": 1e999}\n',
    "list": b"[1, 2]\n",
    "number": b"5\n",
    "half a pair": b'{"customer_id": "\\ud800", "status": "ACTIVE"}\n',
}


def refused(work):
    """What came of it: None where it was well, and the sentence of the documented error."""
    try:
        work()
    except WrongUse as error:
        sentence = str(error)
        assert len(sentence) < 1_000
        assert "Traceback" not in sentence
        return sentence
    return None


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("name", NO_TEXT)
def test_a_changes_file_of_no_use_is_refused_by_name(tmp_path, name, suffix):
    path = tmp_path / f"changes{suffix}"
    path.write_bytes(NO_TEXT[name])
    assert str(path) in refused(lambda: changes_file.check(path))


def test_a_spoiled_changes_file_is_read_or_refused(tmp_path, chance):
    path = tmp_path / "changes.jsonl"
    line = {"customer_id": "c-1", "status": "ACTIVE", "reason": "KYC", "op": "put"}
    for _ in range(ROUNDS):
        path.write_text(json.dumps(line) + "\n" + json.dumps(spoiled(chance, line)) + "\n")
        sentence = refused(lambda: changes_file.check(path))
        assert sentence is None or f"{path}, line 2" in sentence


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_a_changes_file_in_any_script_comes_through_unchanged(tmp_path, text):
    path = tmp_path / "changes.jsonl"
    path.write_text(json.dumps({"customer_id": text, "status": "ACTIVE"}, ensure_ascii=False))
    assert [one.customer_id for one in changes_file.check(path)] == [text]


def a_run(path):
    """A journal of a run with one item that was done."""
    operator = {"user": "jo", "host": "laptop", "pid": 1, "identity": "arn", "account": "1"}
    header = {
        "format": records.FORMAT,
        "run_id": "r",
        "command": "dlq replay",
        "subject": {},
        "operator": operator,
    }
    made = Journal.create(path, Entry(kind=Kind.RUN, fields=header | {"options": {}}))
    made.append(records.selected([{"id": "a", "x": 1}, {"id": "b"}]))
    frozen = {"cut_off": "2026-11-23T09:30:00Z", "count": 2, "left_out": []}
    made.append(Entry(kind=Kind.FROZEN, fields=frozen))
    made.append(records.intent("send", ["a"]), records.done("send", [{"id": "a", "ok": True}]))
    made.append(records.ended([{"id": "a", "end": "applied"}]))
    made.close()
    return path.read_bytes().splitlines()


def everything(path):
    ledger = Ledger.of(journal.read(path))
    ledger.close()
    make_report(path)


@pytest.mark.parametrize("name", sorted(NO_TEXT.keys() - {"empty", "no line end"}))
def test_a_file_that_is_no_journal_is_refused_by_name(tmp_path, name):
    path = tmp_path / "run.jsonl"
    path.write_bytes(NO_TEXT[name])
    if b"\n" in NO_TEXT[name]:
        assert str(path) in refused(lambda: list(journal.read(path)))


def test_a_spoiled_journal_is_read_or_refused(tmp_path, chance):
    lines = a_run(tmp_path / "good.jsonl")
    path = tmp_path / "bad.jsonl"
    for _ in range(ROUNDS):
        made = [json.loads(line) for line in lines]
        place = chance.randrange(len(made))
        made[place] = spoiled(chance, made[place])
        path.write_text("".join(json.dumps(one) + "\n" for one in made))
        sentence = refused(lambda: everything(path))
        assert sentence is None or str(path) in sentence


def test_half_a_surrogate_pair_in_a_journals_id_is_refused_by_its_line(tmp_path):
    path = tmp_path / "bad.jsonl"
    lines = a_run(tmp_path / "good.jsonl")
    lines[3] = lines[3].replace(b'"a"', b'"\\uD800"')
    path.write_bytes(b"\n".join([*lines, b""]))
    assert f"{path}, line 4" in refused(lambda: everything(path))


def test_a_journal_cut_anywhere_is_read_as_far_as_it_is_whole(tmp_path, chance):
    a_run(tmp_path / "good.jsonl")
    whole = (tmp_path / "good.jsonl").read_bytes()
    path = tmp_path / "cut.jsonl"
    for length in chance.sample(range(len(whole)), 100):
        path.write_bytes(whole[:length])
        assert len(list(journal.read(path))) == whole[:length].count(b"\n")


@pytest.mark.parametrize("name", sorted(NO_TEXT.keys() - {"empty"}))
def test_a_file_that_is_no_export_is_refused_by_name(tmp_path, name):
    path = tmp_path / "dead.jsonl"
    path.write_bytes(NO_TEXT[name])
    assert str(path) in refused(lambda: list(import_.read(path)))


def test_a_spoiled_export_is_read_or_refused(tmp_path, chance):
    line = {
        "message_id": "m",
        "sent_at": "2026-11-23T09:30:00Z",
        "first_received_at": "2026-11-23T09:30:00Z",
        "receive_count": 1,
        "attributes": {
            "parked": {"DataType": "String", "StringValue": "{}"},
            "raw": {"DataType": "Binary", "BinaryValue": "AAEC"},
        },
        "body": "{}",
    }
    path = tmp_path / "dead.jsonl"
    for _ in range(ROUNDS):
        path.write_text(json.dumps(spoiled(chance, line)) + "\n")
        sentence = refused(lambda: list(import_.read(path)))
        assert sentence is None or f"{path}, line 1" in sentence


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_an_exported_body_in_any_script_comes_back_unchanged(tmp_path, text):
    line = {
        "message_id": "m",
        "sent_at": "2026-11-23T09:30:00Z",
        "first_received_at": "2026-11-23T09:30:00Z",
        "receive_count": 1,
        "attributes": {},
        "body": text,
    }
    path = tmp_path / "dead.jsonl"
    assert journal.write_lines(path, [to_line(from_line(line))]) == 1
    assert [one.body for one in import_.read(path)] == [text]


@pytest.mark.parametrize("prefix", ["parked/x.json", "aws/lambda/x"])
@pytest.mark.parametrize("name", NO_TEXT)
def test_an_object_of_the_failure_store_that_nobody_knows_is_unreadable_and_stays(name, prefix):
    found = documents.read(prefix, NO_TEXT[name])
    assert (found.reason, found.records) == (documents.UNREADABLE, None)


def test_a_spoiled_object_of_the_failure_store_is_read_or_unreadable(chance):
    batch = {
        "timestamp": "2026-11-23T09:30:00.123Z",
        "requestContext": {"condition": "RecordAgeExceeded"},
        "responseContext": {"functionError": "Unhandled"},
        "DDBStreamBatchInfo": {
            "streamArn": "arn",
            "shardId": "s",
            "startSequenceNumber": "1",
            "endSequenceNumber": "9",
        },
        "payload": json.dumps({"Records": [{"dynamodb": {"Keys": {"customer_id": {"S": "c"}}}}]}),
    }
    for _ in range(ROUNDS):
        found = documents.read("aws/lambda/x", json.dumps(spoiled(chance, batch)).encode())
        for record in found.records or ():
            documents.sequence_of(record)
            documents.customer_of(record, "customer_id")


@pytest.mark.parametrize("transport", Transport)
def test_a_spoiled_filter_is_good_or_has_findings(chance, transport):
    contract = read_contract(ROOT / "schemas")
    filters = [
        {"type": ["a"], "transition": [{"prefix": "ACTIVE>"}, {"suffix": ">ACTIVE"}]},
        {"$or": [{"status": ["ACTIVE"]}, {"schema_version": [{"numeric": [">", 1, "<=", 2]}]}]},
        {"status": [{"anything-but": ["CLOSED"]}, {"exists": False}, {"wildcard": "A*E"}]},
        {"detail": {"data": {"status": ["ACTIVE"]}}, "detail-type": ["CustomerStatusChanged"]},
    ]
    for _ in range(ROUNDS):
        document = spoiled(chance, chance.choice(filters))
        filter_lint.transport_of(document)
        for latest_state in (True, False):
            found = filter_lint.lint(
                document, contract, transport=transport, latest_state=latest_state
            )
            assert all(one.sentence for one in found)


def registry_folder(folder, text):
    event = folder / "customer_status_changed"
    event.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / "schemas" / "customer_status_changed").glob("*.schema.json"):
        (event / path.name).write_bytes(path.read_bytes())
    (event / "registry.yaml").write_text(text, encoding="utf-8")
    return folder


READERS = [lambda folder: contract_of(Source(folder=folder), complete=False), read_contract]


@pytest.mark.parametrize("filters", [{"status": "x" * 5_000}, {"other": {}}, {"other": ["x"]}])
@pytest.mark.parametrize("read", READERS, ids=["check", "contract"])
def test_filters_of_a_registry_with_a_long_name_or_one_too_many_are_read_or_refused(
    tmp_path, read, filters
):
    source = (ROOT / "schemas/customer_status_changed/registry.yaml").read_text(encoding="utf-8")
    registry = yaml.safe_load(source)
    for version in registry["versions"]:
        version["filters"] |= filters
    refused(lambda: read(registry_folder(tmp_path, yaml.safe_dump(registry))))


@pytest.mark.parametrize("read", READERS, ids=["check", "contract"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "versions: 2026-13-45",
        "versions: !!int x",
        "versions: !!bool x",
        "? [a]\n: b",
        "&a [*a]",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nversions: *c",
        "versions: [{major: 1, schema: ../../../etc/passwd}]",
        "versions: [{major: 1, schema: [x]}]",
        "versions: [{major: {}, schema: v1.schema.json}]",
        "\x00",
        "\t- x",
        "!!python/object/apply:os.getcwd []",
        deep("[", "]", levels=1_500),
        deep("{a: ", "}", levels=1_500),
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_a_registry_of_no_use_is_refused(tmp_path, text, read):
    assert refused(lambda: read(registry_folder(tmp_path, text)))
