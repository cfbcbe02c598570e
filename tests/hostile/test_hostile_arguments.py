"""Command lines that nobody should type, in process: a documented exit code, and no stack trace."""

import sys

import pytest

from fanout import cli
from fanout.errors import ExitCode
from hostile.hostile_values import SCRIPTS, deep

ROUNDS = 40
# None of these starts anything, asks AWS, or writes into the checkout.
COMMANDS = (
    ("dlq",),
    ("publisher",),
    ("schema", "check"),
    ("schema", "lint-filter"),
    ("schema", "filter"),
    ("local", "status"),
    ("nonsense",),
)
OPTIONS = (
    "--where",
    "--limit",
    "--rate",
    "--older-than",
    "--newer-than",
    "--customer",
    "--group",
    "--message",
    "--version",
    "--where-reason",
    "--because",
    "--state",
    "--status",
    "--against",
    "--schemas",
    "--shard",
    "--from-sequence",
    "--endpoint-url",
    "--prefix",
    "--region",
    "--profile",
    "--latest-state",
    "--json",
    "--help",
    "--nonsense",
    "-",
    "--",
)
VALUES = (
    "",
    " ",
    "-1",
    "0",
    "1e999",
    "nan",
    "inf",
    "9" * 400,
    "٣",
    "2026-13-45",
    "99999999999999d",
    "..",
    "/dev/null",
    "/proc/self/mem",
    "~",
    "\x00",
    "a\nb",
    "[red]x[/]",
    "[/]",
    "%s%n{}",
    "s3://",
    "http://[::1",
    "body.x == ",
    "[?",
    "\udcff",
    "x" * 5_000,
    *SCRIPTS.values(),
)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command line where there is no AWS and nothing to break; its exit code."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "FANOUT_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-1",
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "*",
    }.items():
        monkeypatch.setenv(name, value)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["fanout", *arguments])
        try:
            cli.main()
        except SystemExit as end:
            printed = capsys.readouterr()
            assert "Traceback" not in printed.out + printed.err
            return end.code or 0
        return 0

    return call


@pytest.mark.slow
def test_arguments_at_random_end_with_a_documented_exit_code(run, chance):
    for _ in range(ROUNDS):
        words = list(chance.choice(COMMANDS))
        words += [
            chance.choice(OPTIONS if chance.random() < 0.5 else VALUES)
            for _ in range(chance.randrange(5))
        ]
        assert run(*words) in set(ExitCode), words


@pytest.mark.slow
@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value[:20]))
def test_a_file_that_is_none_is_refused(run, value):
    assert run("schema", "lint-filter", "--", value) == ExitCode.WRONG_USE


@pytest.mark.parametrize("text", [deep("[", "]"), deep('{"a":', "}"), "\ufeff{}", "{", "NaN"])
def test_a_filter_file_of_no_use_is_refused(run, tmp_path, text):
    path = tmp_path / "filter.json"
    path.write_text(text, encoding="utf-8")
    assert run("schema", "lint-filter", str(path)) == ExitCode.WRONG_USE
