"""What holds for every command: how it starts, what its help costs, and how it ends."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from typer.core import TyperCommand

from fanout import cli
from fanout.aws import AwsTarget
from fanout.errors import ExitCode
from unit.fanout.local.test_local_deployment import DEPLOYMENT

FULL = Path("/dev/full")
RUN = (sys.executable, "-c", "import sys; from fanout.cli import main; sys.argv[0] = 'f'; main()")
HELP_PAGES = """
import sys
from fanout import cli

def help_of(*words):
    sys.argv = ["fanout", *words, "--help"]
    try:
        cli.main()
    except SystemExit as ended:
        assert ended.code == 0, words

help_of()
print("after the root:", *sorted(one for one in sys.modules if one.startswith("fanout.")))
for name in cli.COMMANDS:
    help_of(name)
    for below in getattr(cli.load(name), "commands", {}):
        help_of(name, below)
heavy = {"boto3", "greenery", "jinja2", "jsonschema", "ministack", "moto", "samtranslator"}
print("after all:", *sorted(heavy & sys.modules.keys()))
"""


@pytest.fixture
def call(monkeypatch, capsys):
    """Run the command line here: its exit code, and what it says on standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["fanout", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err

    return run


def test_no_help_page_imports_an_aws_client_and_the_first_one_no_command():
    done = subprocess.run(
        [sys.executable, "-c", HELP_PAGES], capture_output=True, text=True, check=True
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("after ")]
    assert said == [
        "after the root: fanout.aws fanout.cli fanout.console fanout.errors",
        "after all:",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["subscribe", "new", "x"], ["subscribers", "new", "x"]),
        (["subscribe", "remove", "x"], ["subscribers", "remove", "x"]),
        (["subscribers"], ["subscribers", "list"]),
        (["subscribers", "--json"], ["subscribers", "list", "--json"]),
        (["dlq", "runs"], ["runs", "list", "--of", "dlq"]),
        (["dlq", "report", "last"], ["runs", "show", "--of", "dlq", "last"]),
        (["dlq", "resume", "r"], ["runs", "resume", "--of", "dlq", "r"]),
        (["publisher", "failures", "runs"], ["runs", "list", "--of", "failures"]),
        (["publisher", "failures", "list"], ["failures", "list", "--check"]),
        (["publisher", "failures", "show", "k"], ["failures", "show", "k"]),
        (["schema", "registry", "--check"], ["schema", "generate", "registry", "--check"]),
        (["schema", "asyncapi"], ["schema", "generate", "asyncapi"]),
        (["schema", "docs"], ["schema", "generate", "docs"]),
        (["schema", "check", "--record", "--json"], ["schema", "record", "--json"]),
    ],
    ids=" ".join,
)
def test_an_old_name_works_and_says_the_new_one(old, new, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(cli, "load", lambda name: seen.append(name) or Recorder(seen))
    monkeypatch.setattr(sys, "argv", ["fanout", *old])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, seen) == (0, new)
    notice = " ".join(capsys.readouterr().err.split())
    assert f"`fanout {' '.join(old)}` is now `fanout {' '.join(new)}`" in notice


class Recorder(TyperCommand):
    """A command that takes whatever follows."""

    def __init__(self, seen):
        super().__init__("any", callback=lambda: None)
        self.seen = seen

    def make_context(self, _name, args, parent=None, **_):
        self.seen += args
        args.clear()
        return super().make_context("any", [], parent=parent)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--prefix", "p", "--region", "r", "schema", "filter"],
        ["schema", "filter", "--prefix", "p", "--region", "r"],
        ["schema", "--prefix=p", "filter", "--region=r"],
    ],
    ids=" ".join,
)
def test_global_options_may_stand_before_or_after_the_command(arguments, monkeypatch):
    targets = []
    monkeypatch.setattr(cli, "AwsTarget", lambda **given: targets.append(given))
    monkeypatch.setattr(sys, "argv", ["fanout", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    [target] = targets
    assert (target["prefix"], target["region"]) == ("p", "r")


def test_a_global_option_without_a_value_is_wrong_use(call):
    code, says = call("dlq", "list", "--prefix")
    assert code == ExitCode.WRONG_USE
    assert "--prefix: a value has to follow" in says


@pytest.mark.parametrize("prefix", ["/", "../../x", "/fanout", "no blanks", ""])
def test_a_prefix_that_no_deployment_has_is_wrong_use(call, prefix):
    code, says = call("runs", "list", "--prefix", prefix)
    assert code == ExitCode.WRONG_USE
    assert f"--prefix {prefix!r}: expected letters" in says


@pytest.mark.parametrize("option", ["--version", "-h"])
def test_version_and_short_help_need_no_command(call, option):
    assert call(option) == (0, "")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_root_lists_a_command_with_its_own_first_sentence(name):
    own = " ".join((cli.load(name).help or "").split("\n\n")[0].split())
    assert cli.HELP[name] == own


def test_the_embedded_aws_needs_nothing_of_the_persons_settings(monkeypatch, tmp_path):
    broken = tmp_path / "config"
    broken.write_text("[profile")
    monkeypatch.setenv("AWS_PROFILE", "nope")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(broken))
    target = replace(DEPLOYMENT, prefix=tmp_path.name).target()
    assert target.client("sqs").meta.endpoint_url == DEPLOYMENT.endpoint_url


@pytest.mark.parametrize(
    ("variable", "value", "exit_code"),
    [
        ("AWS_ENDPOINT_URL", "nonsense", ExitCode.WRONG_USE),
        ("AWS_ENDPOINT_URL_SSM", "nonsense", ExitCode.WRONG_USE),
        ("AWS_PROFILE", "nope", ExitCode.REFUSED),
        ("AWS_REGION", "no such region", ExitCode.WRONG_USE),
        ("AWS_CONFIG_FILE", __file__, ExitCode.REFUSED),
        ("AWS_DEFAULTS_MODE", "nonsense", ExitCode.REFUSED),
        ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "nonsense", ExitCode.REFUSED),
    ],
)
def test_a_wrong_aws_setting_is_a_sentence_and_an_exit_code(
    call, monkeypatch, variable, value, exit_code
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv(variable, value)
    code, says = call("subscribers", "list", "--json")
    assert code == exit_code
    assert says.startswith("fanout: ")
    assert value in says


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [["dlq", "list", "--help"], ["schema", "filter", "--status", "ACTIVE", "--latest-state"]],
    ids=" ".join,
)
def test_a_full_standard_output_is_a_sentence_and_an_exit_code(arguments):
    with FULL.open("wb") as full:
        done = subprocess.run(
            [*RUN, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr == f"fanout: The machine refused: {os.strerror(errno.ENOSPC)}.\n"
    assert done.returncode == ExitCode.REFUSED


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_a_full_standard_error_leaves_the_exit_code_as_it_is(tmp_path):
    status = [*RUN, "local", "status", "--state", str(tmp_path)]
    with FULL.open("wb") as full:
        done = subprocess.run(status, stdout=full, stderr=full, check=False)
    assert done.returncode == ExitCode.FOUND


def test_a_command_gives_up_on_a_failing_service_after_five_tries(monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    target = AwsTarget(region="eu-west-1", endpoint_url="http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "50")
    sqs, tries = target.client("sqs"), []

    def fail(request, **_):
        tries.append(request)
        response = AWSResponse(request.url, 500, {}, None)
        response._content = b"{}"
        return response

    sqs.meta.events.register("before-send", fail)
    with pytest.raises(ClientError):
        sqs.list_queues()
    assert len(tries) == 5


def test_a_command_waits_longer_than_a_long_poll_and_gives_up_on_silence_within_minutes(
    monkeypatch,
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    config = AwsTarget(region="eu-west-1").client("sqs").meta.config
    assert 20 < config.read_timeout <= 60  # a long poll lasts 20 seconds
    assert 1 < config.connect_timeout <= 10


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["dl"], ["dlq"]),
        (["dlq", "repl"], ["replay"]),
        (["dlq", "--prefix", "mine", "repl"], ["replay"]),
        (["--prefix", ""], []),
        (["dlq", "list", "--prefix", ""], []),
    ],
)
def test_a_shell_completes_commands_and_survives_an_option_without_its_value(
    typed, offered, monkeypatch, capsys
):
    monkeypatch.setenv("_F_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(["f", *typed]))
    monkeypatch.setenv("COMP_CWORD", str(len(typed)))
    monkeypatch.setattr(sys, "argv", ["f"])
    monkeypatch.setattr(sys.modules["__main__"], "__package__", None)  # it is no `python -m`
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out.split(), said.err) == (0, offered, "")
