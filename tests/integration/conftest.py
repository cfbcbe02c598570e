"""The dlq commands on moto: an account, a subscriber in it, and the command line."""

from types import SimpleNamespace

import pytest
from moto import mock_aws

from fanout import cli
from fanout.aws import AwsTarget
from integration.dlq_on_moto import make_subscriber


@pytest.fixture
def aws(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield AwsTarget(region="eu-west-1")


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
