"""What `fanout local status` says of the publisher's lag."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from fanout.local import commands
from fanout.local.state_folder import StateFolder
from fanout.streams.poller import PollerStatus
from unit.fanout.local.test_local_deployment import DEPLOYMENT

SQS = SimpleNamespace(get_queue_attributes=lambda **_: {"Attributes": {}})
STUCK = PollerStatus(pending_records=30, oldest_pending_at=1_000.0, records_succeeded=70)


@pytest.fixture
def lag(tmp_path, monkeypatch, capsys):
    """The lag at second 1060, in seconds and as a person reads it."""
    monkeypatch.setattr(type(DEPLOYMENT), "client", lambda *_: SQS)

    def read(report):
        if report is not None:
            StateFolder(tmp_path).write_poller_report(asdict(report))
        deployment = replace(DEPLOYMENT, state_dir=str(tmp_path))
        status = commands.read_status(deployment, now=1_060.0)
        commands._show_status(status)
        [row] = [line for line in capsys.readouterr().out.splitlines() if "lag" in line]
        return status["lag_seconds"], row

    return read


def test_the_lag_is_the_age_of_the_oldest_pending_record_although_none_moves(lag):
    seconds, row = lag(STUCK)
    assert seconds == 60.0
    assert "60.0 s" in row


def test_there_is_no_lag_once_all_that_the_stream_holds_is_done(lag):
    assert lag(PollerStatus(is_caught_up=True))[0] == 0.0


@pytest.mark.parametrize("report", [None, PollerStatus()], ids=["no report", "not at the end"])
def test_the_lag_is_unknown_where_the_stream_was_not_read_to_its_end(lag, report):
    seconds, row = lag(report)
    assert seconds is None
    assert "unknown" in row
