"""Start workers and the AWS stub, and take a worker's findings."""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import certificate
from bench.sides import ENVIRONMENT

ROOT = Path(__file__).parents[1]
_BOOT = (
    "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from bench.worker import main; main()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """The stub, and what has been asked of it. `bundle`: the CA bundle that trusts it, over TLS."""

    url: str
    bundle: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """How a worker reaches it."""
        trust = {"AWS_CA_BUNDLE": str(self.bundle)} if self.bundle else {}
        return {"AWS_ENDPOINT_URL": self.url, **trust}

    def counts(self) -> dict[str, int]:
        return self._get("counts")

    def messages(self) -> list[tuple[str, dict[str, str]]]:
        return self._get("messages")

    def _get(self, what: str) -> Any:
        trust = ssl.create_default_context(cafile=self.bundle) if self.bundle else None
        with urllib.request.urlopen(f"{self.url}/{what}", context=trust) as answer:
            return json.load(answer)


def environment() -> dict[str, str]:
    """A worker's: nothing of the person's."""
    return ENVIRONMENT | {"PATH": os.environ.get("PATH", "")}


@contextmanager
def aws(*, delay_ms: float = 0, tls: bool = True) -> Iterator[Aws]:
    """The stub, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="fanout-bench-") as folder:
        made = certificate.make(Path(folder)) if tls else None
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "bench.aws_stub",
                str(delay_ms),
                *([made.server] if made else []),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            address = f"127.0.0.1:{int(process.stdout.readline())}"
            if made:
                yield Aws(url=f"https://{address}", bundle=made.bundle)
            else:
                yield Aws(url=f"http://{address}", bundle=None)
        finally:
            process.communicate()


def work(stub: Aws, *, paths: list[Path] | None = None, **job: Any) -> dict[str, Any]:
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
        env=environment() | stub.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{job['which']}, {job['side']}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
