"""Run the `fanout` command on a deployment, here or in a process of its own."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fanout import cli
from fanout.aws import AwsTarget

_CLIENTS: dict[str, dict[str, Any]] = {}
"""By endpoint; to make them anew for each command would take longer than most commands do."""


def run_here(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """In this process, since most commands take less time than the start of another."""
    command, out, err = ["fanout", *arguments], io.StringIO(), io.StringIO()
    clients = _CLIENTS.setdefault(environment["AWS_ENDPOINT_URL"], {})
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(cli, "AwsTarget", partial(AwsTarget, _clients=clients)),
        patch.object(sys, "argv", command),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fanout:
    """The command, with a state folder of its own."""

    deployment: Any
    state: Path
    is_process: bool = False

    def __call__(self, *arguments: str, expect: int = 0, timeout: float = 400) -> dict[str, Any]:
        """Run to the end; the command's JSON document."""
        done = self.ended(*arguments, timeout=timeout)
        assert done.returncode == expect, done.stdout + done.stderr
        return json.loads(done.stdout)

    def ended(self, *arguments: str, timeout: float = 400) -> subprocess.CompletedProcess[str]:
        """Run to the end, however that is; only a process has a time limit."""
        if not self.is_process:
            return run_here(*arguments, "--json", environment=self.environment())
        return subprocess.run(
            self._command(*arguments),
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def start(self, *arguments: str, output: Path | None = None) -> subprocess.Popen[bytes]:
        """Run without waiting; `output`: a file for the JSON document."""
        with (output or Path(os.devnull)).open("wb") as file:
            return subprocess.Popen(
                self._command(*arguments),
                env=self.environment(),
                stdout=file,
                stderr=subprocess.DEVNULL,
            )

    @property
    def runs(self) -> Path:
        return self.state / "fanout" / self.deployment.prefix / "runs"

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", "from fanout.cli import main; main()", *arguments, "--json"]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.state),
            "XDG_STATE_HOME": str(self.state),
            "NO_PROXY": "127.0.0.1",
            **self.deployment.environment(),
        }
