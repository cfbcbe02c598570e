"""Start, find and stop the embedded AWS, from tests, from `fanout demo` and from the commands."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fanout.local.deployment import LocalDeployment


@contextmanager
def running(
    state_dir: Path,
    *,
    port: int | None = None,
    parameters: Mapping[str, str] | None = None,
    prefix: str = "fanout",
    region: str = "us-east-1",
    iam: bool = False,
) -> Iterator[LocalDeployment]:
    """Run a deployment for the length of a `with` block; leave no process and no file behind.

    Args:
        state_dir: Where state, logs and temporary files go; made if missing, removed at the end.
        port: A loopback port, or None for a free one.
        parameters: Overrides of the template's parameters, by name, such as PublishVersions.
        iam: Whether the embedded AWS checks permissions, as AWS does.

    Raises:
        WrongUse: the port is taken, the folder can't be written or holds other things, or a
            deployment already runs on it.
        Refused: the embedded AWS, or the deployment of the template, failed; says why.
    """
    raise NotImplementedError
    yield
