"""Folders that are filled once, all or nothing, and shared by later builds."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fanout.errors import Refused


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder to fill, on the same file system as the cache; gone at the end unless settled.

    Raises:
        Refused: the cache can't be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(
            dir=parent, prefix="partial-", ignore_cleanup_errors=True
        )
    except OSError as error:
        raise Refused(
            f"The build cache {parent} can't be written ({error.strerror}): make it writable."
        ) from None
    with folder as name:
        yield Path(name)


def settle(filled: Path, folder: Path) -> None:
    """Give a filled folder its final name; where another build came first, its equal one stays."""
    try:
        filled.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
