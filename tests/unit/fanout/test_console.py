"""How wide what a command shows may be, and what of it reaches a terminal as it is."""

import io
import json
import subprocess
import sys

import pytest
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from fanout import console
from fanout.console import OUT, print_json, table

IMPORT = "from fanout.console import OUT, table"
SHOW = f"{IMPORT}; found = table('T', 'Name');found.add_row('a ' * 60 + 'z'); OUT.print(found)"


@pytest.mark.parametrize(
    ("environment", "whole"), [({}, True), ({"COLUMNS": "80"}, False)], ids=["pipe", "COLUMNS"]
)
def test_a_table_in_a_pipe_keeps_its_cells_whole(environment, whole):
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("a " * 60 + "z" in done.stdout) is whole


@pytest.mark.parametrize("environment", [{}, {"COLUMNS": "80"}], ids=["pipe", "COLUMNS"])
def test_a_paragraph_in_a_pipe_keeps_every_word(environment):
    words = [f"word{number}" for number in range(100)]
    done = subprocess.run(
        [sys.executable, "-c", f"{IMPORT}; OUT.print({' '.join(words)!r}, soft_wrap=False)"],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == words


HOSTILE = "a\x1b[2J\x1b]0;owned\x07b\x9bc\u202ed\u200be\u2066f\x7fg\rh\ue000"
"""Escape sequences, C1 controls, text that turns its direction or is not seen."""
SHOWN = r"a\x1b[2J\x1b]0;owned\x07b\x9bc\u202ed\u200be\u2066f\x7fg\rh\ue000"  # as it is to be read


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_nothing_from_data_reaches_a_terminal_unescaped(terminal):
    written = io.StringIO()
    console = type(OUT)(
        file=written, force_terminal=terminal, width=300, emoji=False, color_system=None
    )
    rows = table(escape(HOSTILE), "name")
    rows.add_row(escape(HOSTILE))
    rows.add_row(Text(HOSTILE))
    for shown in (escape(HOSTILE), Text(HOSTILE), Panel(Text(HOSTILE)), rows):
        console.print(shown)
    console.print(HOSTILE, markup=False)
    text = written.getvalue()
    assert text.count(SHOWN) == 4  # Rich itself drops some of what a Text of its own holds
    assert all(one.isprintable() or one == "\n" for one in text)


def test_an_escaped_cell_keeps_its_table_straight():
    written = io.StringIO()
    rows = table("T", "name", "next")
    rows.add_row(escape(HOSTILE), "1")
    rows.add_row("plain", "2")
    type(OUT)(file=written, width=300).print(rows)
    assert len({len(line) for line in written.getvalue().splitlines()[1:]}) == 1


def test_json_for_a_program_is_ascii_that_prints(capsys):
    print_json({"id": HOSTILE})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"id": HOSTILE}
    assert all(one.isascii() and (one.isprintable() or one == "\n") for one in shown)


def test_long_work_in_a_pipe_says_every_few_seconds_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(console, "LINES_SECONDS", 0.001)
    said = ""
    with console.working("comparing", 2_000) as compared:
        compared(1_500)
        while "comparing: 1,500 of 2,000 (0 s)" not in said:
            said += capsys.readouterr().err
    assert "\x1b" not in said


def test_short_work_in_a_pipe_says_nothing(capsys):
    with console.working("comparing", 2_000) as compared:
        compared(1_500)
    assert capsys.readouterr().err == ""


def test_a_line_comes_often_enough_to_be_seen_and_seldom_enough_for_a_log():
    assert 5 <= console.LINES_SECONDS <= 30


def test_a_reader_who_has_gone_does_not_end_the_work(monkeypatch):
    def gone(*_arguments, **_how):
        raise BrokenPipeError

    monkeypatch.setattr(console, "LINES_SECONDS", 0.001)
    monkeypatch.setattr(console.ERR, "print", gone)
    with console.working("comparing", 2_000) as compared:
        compared(2_000)
