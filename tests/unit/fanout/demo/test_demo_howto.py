"""The changes files that the how-to shows."""

import re
from pathlib import Path

import pytest

from fanout.demo.changes import Op, read
from fanout.demo.run import STALL_SECONDS

PAGE = Path(__file__).parents[4] / "docs" / "howto" / "demo.md"


@pytest.fixture
def example(tmp_path):
    def write(kind):
        (text,) = re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
        path = tmp_path / f"example.{kind}"
        path.write_text(text)
        return [change for _, change in read(path)]

    return write


def test_the_examples_show_every_op_and_say_the_same_in_both_formats(example):
    assert example("jsonl") == example("csv")
    assert {change.op for change in example("jsonl")} == set(Op)


def test_the_page_says_how_long_the_demo_waits_for_something_to_move():
    assert STALL_SECONDS == 60
    assert f"gives up after {STALL_SECONDS} seconds" in PAGE.read_text()
