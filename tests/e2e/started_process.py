"""A command of ours as a process of its own, which no failing test leaves running."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def started(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    stdout: int | IO[str] | None = None,
    stderr: int | IO[str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Start it; when the block fails, kill it rather than wait for its end.

    Ctrl-C reaches it even where the tests run in a shell's background, which has it ignored.
    """
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdout=stdout,
        stderr=stderr,
        text=True,
        preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - it sets one signal and takes no lock
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


# Private functions


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
