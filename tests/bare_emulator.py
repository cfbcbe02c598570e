"""MiniStack as we start it, with nothing deployed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout.aws import AwsTarget
from fanout.local import emulator
from fanout.local.deployment import local_target
from fanout.local.state_folder import StateFolder

REGION = "us-east-1"


@contextmanager
def emulator_in(
    path: Path, *, iam: bool = False, region: str = REGION, prefix: str = "bare"
) -> Iterator[AwsTarget]:
    """Run it in this folder until the block ends; `iam` checks permissions."""
    folder = StateFolder(path)
    folder.prepare()
    port = emulator.choose_port(None)
    try:
        with emulator.started(folder, port=port, region=region, iam=iam) as process:
            emulator.await_ready(process, port=port, folder=folder)
            yield local_target(f"http://{emulator.HOST}:{port}", region, prefix)
    finally:
        folder.remove()
