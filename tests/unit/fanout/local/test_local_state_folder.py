import json
import os

import pytest

from fanout.errors import WrongUse
from fanout.local.state_folder import RecordedProcess, RecordedState, StateFolder
from fanout.streams.poller import PollerStatus
from unit.fanout.local.test_local_deployment import DEPLOYMENT

MYSELF = RecordedProcess.of(os.getpid())
STARTING = RecordedState(supervisor=MYSELF)


@pytest.fixture
def folder(tmp_path):
    prepared = StateFolder(tmp_path / "state")
    prepared.prepare()
    return prepared


def test_the_state_reads_back_as_it_was_written(folder):
    state = RecordedState(
        supervisor=MYSELF,
        emulator=MYSELF,
        deployment=DEPLOYMENT,
        poller=PollerStatus(records_read=3),
    )
    folder.write(state)
    assert folder.read() == state


def test_only_the_first_supervisor_gets_the_folder(folder):
    assert folder.claim(STARTING)
    assert not folder.claim(STARTING)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"deployment": null}'])
def test_a_state_that_a_crash_left_unreadable_counts_as_none(folder, text):
    (folder.files / "state.json").write_text(text)
    assert folder.read() is None


def test_removing_takes_every_file_of_ours_and_the_folder(folder):
    folder.claim(STARTING)
    folder.write(STARTING)
    for log in (folder.emulator_log, folder.supervisor_log):
        log.write_text("line\n")
    (folder.temporary / "deep" / "er").mkdir(parents=True)
    folder.packages.mkdir()
    folder.remove()
    assert not folder.path.exists()


def test_removing_leaves_what_is_not_ours(folder):
    folder.claim(STARTING)
    (folder.path / "notes.txt").write_text("mine")
    folder.remove()
    assert [entry.name for entry in folder.path.iterdir()] == ["notes.txt"]


def test_removing_what_is_not_there_is_done_already(tmp_path):
    StateFolder(tmp_path / "nowhere").remove()


def test_a_path_below_a_file_is_refused_with_the_systems_reason(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WrongUse, match=r"can't be written \(Not a directory\)"):
        StateFolder(tmp_path / "file" / "state").prepare()


def test_the_logs_end_is_told_without_the_rest(folder):
    folder.supervisor_log.write_text("\n".join(f"line {number}" for number in range(100)))
    folder.emulator_log.write_text("emulator")
    tail = folder.log_tail().splitlines()
    assert (tail[0], tail[-2], tail[-1], len(tail)) == ("line 85", "line 99", "emulator", 16)


def test_a_reader_never_sees_half_a_state(folder):
    folder.write(STARTING)
    assert sorted(entry.name for entry in folder.files.iterdir()) == ["state.json", "tmp"]
    assert json.loads((folder.files / "state.json").read_text())["deployment"] is None
