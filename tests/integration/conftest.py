"""On moto: an account, a subscriber in it, the command line, and the Payments consumer."""

from types import SimpleNamespace

import pytest

from aws_parts import REGION, moto_account
from fanout import cli
from fanout.aws import AwsTarget
from integration.dlq_on_moto import make_subscriber
from integration.payments_on_moto import payments_on_moto


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


@pytest.fixture(scope="module")
def build():
    """Make a Payments consumer, each time on queues and a table of its own."""
    with payments_on_moto() as make:
        yield make


@pytest.fixture(scope="module")
def shared(build):
    return build()


@pytest.fixture
def payments(shared):
    """The module's Payments consumer, with nothing stored and nothing dead."""
    shared.forget()
    shared.dead()
    return shared
