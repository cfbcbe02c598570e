"""How wide what a command shows may be."""

import subprocess
import sys

import pytest

SHOW = (
    "from fanout.console import OUT, table; found = table('T', 'Name');"
    "found.add_row('a ' * 60 + 'z'); OUT.print(found)"
)


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
