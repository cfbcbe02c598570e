"""The dlq commands on moto: an account, a subscriber in it, and the command line."""

from types import SimpleNamespace

import pytest

from aws_parts import REGION, moto_account
from fanout import cli
from fanout.aws import AwsTarget
from integration.dlq_on_moto import make_subscriber


@pytest.fixture
def aws(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with moto_account():
        yield AwsTarget(region=REGION)


@pytest.fixture
def subscriber(aws):
    return make_subscriber(aws)


@pytest.fixture
def fanout(monkeypatch, capsys):
    """Run the command line; its exit code, output and what it says on standard error."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["fanout", *arguments])
        monkeypatch.setattr(cli.ERR, "_file", None)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return SimpleNamespace(code=ended.value.code or 0, out=said.out, err=said.err)

    return run
