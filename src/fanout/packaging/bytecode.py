"""Compile to `.pyc` with the target's Python: without them a cold start takes twice as long.

The files say `unchecked-hash`, so Lambda never compares them with the source, and no build time or
machine path is in them. Each call compiles in fresh processes with a fixed hash seed, since what
marshal writes depends on what else the process has loaded.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout.errors import WrongUse
from fanout.packaging.target import running_version

_WORKER: Final = Path(__file__).with_name("compile_worker.py")
_ABOUT: Final = (
    "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2], sys.version)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A CPython that can compile for a target; `build` is its full version text."""

    path: str
    build: str


def find(python_version: str) -> Interpreter | None:
    """The running interpreter if its version fits, else `pythonX.Y` on the PATH, else None."""
    if python_version == running_version():
        return Interpreter(path=sys.executable, build=sys.version)
    path = shutil.which(f"python{python_version}")
    if path is None:
        return None
    answer = subprocess.run(  # noqa: S603 - an interpreter from the PATH, no shell
        [path, "-I", "-c", _ABOUT], capture_output=True, text=True, check=False
    )
    about = answer.stdout.strip()
    fits = answer.returncode == 0 and about.startswith(f"cpython {python_version} ")
    return Interpreter(path=path, build=about) if fits else None


def compile_tree(root: Path, groups: Sequence[Sequence[str]], interpreter: Interpreter) -> None:
    """Write a `.pyc` beside each source; `groups` are paths below `root`, one process for each.

    Raises:
        WrongUse: a source that the interpreter can't compile.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        failures = list(pool.map(lambda names: _compile(root, names, interpreter), groups))
    for failure in filter(None, failures):
        raise WrongUse(f"A source does not compile with {interpreter.path}: {failure}.")


# Private functions


def _compile(root: Path, names: Sequence[str], interpreter: Interpreter) -> str:
    answer = subprocess.run(  # noqa: S603 - an interpreter that we chose, no shell
        [interpreter.path, "-P", "-s", "-S", "-B", "-W", "ignore", str(_WORKER), str(root)],
        input=json.dumps(sorted(names)),
        env={"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if answer.returncode == 0 else answer.stderr.strip().splitlines()[-1]
