"""What `fanout local status` says of the publisher's lag, and whom `up --detach` shows it to."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from fanout.aws import AwsTarget
from fanout.local import commands
from fanout.local.deployment import LocalDeployment
from fanout.streams.poller import PollerStatus
from unit.fanout.local.test_local_deployment import DEPLOYMENT

SQS = SimpleNamespace(get_queue_attributes=lambda **_: {"Attributes": {}})
STUCK = PollerStatus(pending_records=30, oldest_pending_at=1_000.0, records_succeeded=70)


@pytest.mark.parametrize(
    ("poller", "seconds", "shown"),
    [
        (STUCK, 60.0, "60.0 s"),
        (PollerStatus(is_caught_up=True), 0.0, "0.0 s"),
        (PollerStatus(), None, "unknown: not read to the end"),
    ],
    ids=["none moves", "all is done", "not read to the end"],
)
def test_the_lag_is_the_age_of_the_oldest_pending_record(
    monkeypatch, capsys, poller, seconds, shown
):
    monkeypatch.setattr(type(DEPLOYMENT), "client", lambda *_: SQS)
    status = commands.read_status(DEPLOYMENT, poller, now=1_060.0)
    commands._show_status(status)
    [row] = [line for line in capsys.readouterr().out.splitlines() if "lag" in line]
    assert status["lag_seconds"] == seconds
    assert shown in row


def test_what_runs_on_does_not_end_because_nobody_reads_its_names_to_the_end(monkeypatch, tmp_path):
    """`fanout local up --detach | head -1`"""
    ended = []

    @contextmanager
    def running(_state, *, keep, **_):
        assert keep
        try:
            yield DEPLOYMENT
        except BaseException:
            ended.append("it")
            raise

    def show(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr(commands.runtime, "running", running)
    monkeypatch.setattr(commands, "_show", show)
    context = SimpleNamespace(obj=AwsTarget(prefix="fanout"))
    with pytest.raises(BrokenPipeError):
        commands.up(context, state=tmp_path / "state", detach=True)
    assert ended == []


def test_where_nothing_was_deployed_the_status_names_no_queue(capsys):
    bare = LocalDeployment(
        endpoint_url="http://127.0.0.1:4566",
        region="eu-west-1",
        prefix="prod",
        state_dir="/state",
        supervisor_pid=1,
        emulator_pid=2,
        started_at="2026-11-23T09:30:00Z",
    )
    status = commands.read_status(bare, PollerStatus(records_read=5), now=0.0)
    commands._show_status(status)
    commands._show(bare, as_json=False)
    assert (status["queue"], status["dlq"]) == (None, None)
    shown = capsys.readouterr().out
    assert "queue" not in shown
    assert "put-item" not in shown
    assert "FANOUT_PREFIX=prod" in shown
