"""Write a zip whose bytes depend on nothing but the files' names and contents."""

import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fanout.errors import Refused

_TIME: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o100644
_UNIX: Final = 3
_LEVEL: Final = 6  # 9 takes three times as long and saves less than a hundredth


def write(path: Path, files: Mapping[str, Path]) -> int:
    """Write `files` (name in the archive to file) to `path`, all or nothing.

    Returns:
        The unpacked size in bytes.

    Raises:
        Refused: the folder can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    except OSError as error:
        raise Refused(
            f"The output folder {path.parent} can't be written ({error.strerror}): "
            "make it writable or name another with --output."
        ) from None
    try:
        with os.fdopen(handle, "wb") as stream:
            size = _fill(zipfile.ZipFile(stream, "w"), files)
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)
    return size


# Private functions


def _fill(archive: zipfile.ZipFile, files: Mapping[str, Path]) -> int:
    size = 0
    with archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_TIME)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE << 16
            content = files[name].read_bytes()
            size += len(content)
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, _LEVEL)
    return size
