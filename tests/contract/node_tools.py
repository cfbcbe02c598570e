"""Other people's validators from npm: installed once, by the lock in `node/`, below `build/`."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

NODE = Path(__file__).parent / "node"
BUILD = Path(__file__).parents[2] / "build"
INSTALL_SECONDS_MAX = 300
RUN_SECONDS_MAX = 60


def node_folder() -> Path:
    """The folder with the scripts and what they need.

    Skips the test, with the reason, where there is no Node, or npm can't install.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js and npm are not installed here; they run Ajv and the AsyncAPI parser")
    names = sorted(path for path in NODE.iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in names)).hexdigest()[:16]
    folder = BUILD / f"contract-node-{digest}"
    if not folder.is_dir():
        _install(names, folder)
    return folder


def run(script: str, text: str) -> Any:
    """Run a script with `text` on its standard input; answers its JSON."""
    answer = subprocess.run(
        ["node", script],
        cwd=node_folder(),
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS_MAX,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def _install(files: list[Path], folder: Path) -> None:
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        for path in files:
            shutil.copy(path, made)
        answer = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=made,
            env=os.environ | {"npm_config_update_notifier": "false"},
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS_MAX,
        )
        if answer.returncode != 0:
            pytest.skip(f"npm can't install what the lock names: {answer.stderr.strip()[-300:]}")
        try:
            made.rename(folder)
        except OSError:
            assert folder.is_dir(), "another worker was faster"
