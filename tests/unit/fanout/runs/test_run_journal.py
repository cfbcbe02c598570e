"""The journal: on the disk before anything else happens, whole after a crash, one writer."""

import json
import stat

import pytest

from fanout.errors import WrongUse
from fanout.runs import journal
from fanout.runs.journal import Entry, Journal, Kind, done, ended, intent, selected

OPERATOR = {"user": "jo", "host": "laptop", "pid": 1, "identity": "unknown", "account": "unknown"}
HEADER = Entry(
    kind=Kind.RUN,
    fields={"format": 1, "run_id": "r", "command": "dlq replay", "operator": OPERATOR}
    | {"subject": {}, "options": {}},
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "r.jsonl"


def written(path, *entries):
    file = Journal.create(path, HEADER)
    for entry in entries:
        file.append(entry)
    file.close()


def test_what_was_appended_is_read_back_in_order(path):
    written(path, selected([{"id": "a"}]), intent("send", ["a"]), done("send", []), ended([]))
    kinds = [record.kind for record in journal.read(path)]
    assert kinds == [Kind.RUN, Kind.SELECTED, Kind.INTENT, Kind.DONE, Kind.ENDED]
    assert [record.n for record in journal.read(path)] == [1, 2, 3, 4, 5]


def test_only_its_owner_can_read_it(path):
    written(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_torn_last_line_is_passed_over_and_cut_off_by_the_next_writer(path):
    written(path, Entry(kind=Kind.NOTE, fields={"text": "whole"}))
    with path.open("ab") as file:
        file.write(b'{"n":3,"at":"2026')
    assert [record.n for record in journal.read(path)] == [1, 2]
    again = Journal(path)
    again.append(Entry(kind=Kind.NOTE, fields={"text": "next"}))
    again.close()
    assert [record.fields.get("text") for record in journal.read(path)] == [None, "whole", "next"]


def test_two_processes_cannot_write_the_same_run(path):
    held = Journal.create(path, HEADER)
    with pytest.raises(WrongUse, match="Another process on this machine"):
        Journal(path)
    held.close()
    Journal(path).close()


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["nothing"], "line 1, can't be read"),
        (['{"n":2,"at":"2026-11-23T12:00:00Z","kind":"run","format":1}'], "changed by hand"),
        (['{"n":1,"at":"2026-11-23T12:00:00Z","kind":"note","text":"x"}'], "changed by hand"),
        (['{"n":1,"at":"2026-11-23T12:00:00Z","kind":"run","format":9}'], "another version"),
        (['{"n":1,"at":"yesterday","kind":"run","format":1}'], "can't be read"),
    ],
)
def test_what_is_no_journal_is_refused_with_the_line_at_fault(tmp_path, lines, sentence):
    path = tmp_path / "odd.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(WrongUse, match=sentence):
        list(journal.read(path))


def test_a_line_is_on_the_disk_when_append_returns(path, monkeypatch):
    synced = []
    monkeypatch.setattr(journal.os, "fsync", lambda _: synced.append(path.read_bytes()))
    file = Journal.create(path, HEADER)
    synced.clear()
    file.append(
        Entry(kind=Kind.NOTE, fields={"text": "one"}), Entry(kind=Kind.NOTE, fields={"text": "two"})
    )
    file.close()
    assert len(synced) == 1
    assert [json.loads(line)["n"] for line in synced[0].splitlines()] == [1, 2, 3]
