"""Start workers and the AWS stub, and take a worker's findings."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.sides import ENVIRONMENT

ROOT = Path(__file__).parents[1]
_BOOT = (
    "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from bench.worker import main; main()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """The stub, and what has been asked of it."""

    url: str

    def counts(self) -> dict[str, int]:
        return self._get("counts")

    def messages(self) -> list[str]:
        return self._get("messages")

    def _get(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/{what}") as answer:
            return json.load(answer)


def environment() -> dict[str, str]:
    """A worker's: nothing of the person's."""
    return ENVIRONMENT | {"PATH": os.environ.get("PATH", "")}


@contextmanager
def aws(*, delay_ms: float = 0) -> Iterator[Aws]:
    """The stub, for as long as the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.aws_stub", str(delay_ms)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Aws(url=f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.communicate()


def work(url: str, *, paths: list[Path] | None = None, **job: Any) -> dict[str, float]:
    """Let a worker do a job (`bench.worker.Job`); its findings.

    Args:
        paths: all that it may import from, without this environment's packages; by default the
            environment as it is.
    """
    start = ["-m", "bench.worker"]
    if paths is not None:
        start = ["-S", "-c", _BOOT, ":".join(str(path) for path in paths)]
    done = subprocess.run(
        [sys.executable, *start, json.dumps(job)],
        cwd=ROOT,
        env=environment() | {"AWS_ENDPOINT_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{job['which']}, {job['side']}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
