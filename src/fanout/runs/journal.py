"""An append-only JSON Lines file whose lines are on the disk before anything else happens.

A crash can only tear the last line. A torn line says nothing that was acted upon, since acting
waits for the line to be on the disk; so readers pass over it and the next writer cuts it off.
"""

import fcntl
import json
import math
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from fanout.errors import WrongUse
from fanout.runs.line_shapes import fault_of
from fanout.runs.records import FORMAT, Entry, Kind, Record, from_document

_SAID_LENGTH_MAX = 200
_MODE = 0o600  # an edit's journal holds the original message


class Journal:
    """One run's file, held by one process at a time.

    Args:
        path: the file; it exists.
        clock: the time now, in UTC.

    Raises:
        WrongUse: another process holds it, or it is no journal.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime] | None = None) -> None:
        self.path = path
        self._clock = clock or _now
        self._file: BinaryIO = path.open("r+b")
        try:
            self._lock()
            self._count = self._cut_torn_line()
        except BaseException:
            self._file.close()
            raise

    @classmethod
    def create(
        cls, path: Path, header: Entry, *, clock: Callable[[], datetime] | None = None
    ) -> Self:
        """Make a new file with its first line; both are on the disk when this returns.

        Raises:
            FileExistsError: there is one already.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _MODE))
        journal = cls(path, clock=clock)
        journal.append(header)
        _sync_folder(path.parent)
        return journal

    def append(self, *entries: Entry) -> list[Record]:
        """Write the lines, and return when they are on the disk.

        Raises:
            OSError: the disk refuses them; nothing may be acted upon.
        """
        at = self._clock()
        records = [
            Record(n=self._count + index, at=at, kind=entry.kind, fields=entry.fields)
            for index, entry in enumerate(entries, start=1)
        ]
        lines = "".join(_line(record) for record in records)
        self._file.write(lines.encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._count += len(records)
        return records

    def close(self) -> None:
        """Let another process have it."""
        self._file.close()

    # Private functions

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WrongUse(
                f"Another process on this machine is at work on {self.path}: let it end, then "
                "repeat the command."
            ) from None

    def _cut_torn_line(self) -> int:
        """How many whole lines there are, with the file cut and positioned behind them."""
        count = 0
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            count += 1
            whole += len(line)
        self._file.truncate(whole)
        self._file.seek(whole)
        return count


def read(path: Path) -> Iterator[Record]:
    """The lines of a journal one by one, in the memory of one; a torn last line is passed over.

    Raises:
        WrongUse: the file is no journal, or was written by a newer version of this tool.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            yield _record(path, number, line)


def header(path: Path) -> Record | None:
    """The first line; None where the process was killed before it was whole.

    Raises:
        WrongUse: as `read` does.
    """
    return next(read(path), None)


# Private functions


def _record(path: Path, number: int, line: bytes) -> Record:
    try:
        record = from_document(json.loads(line, parse_constant=_refuse, parse_float=_finite))
    except (ValueError, RecursionError) as error:
        said = str(error)[:_SAID_LENGTH_MAX]
        raise WrongUse(f"{path}, line {number}, can't be read: {said}") from None
    if record.n != number or (number == 1) != (record.kind is Kind.RUN):
        raise WrongUse(f"{path}, line {number}, is out of place: the file was changed by hand.")
    if number == 1 and record.fields.get("format") != FORMAT:
        raise WrongUse(f"{path} was written by another version of this tool: use that one.")
    if fault := fault_of(record.kind.value, record.fields):
        raise WrongUse(f"{path}, line {number}, can't be read: {fault}.")
    return record


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    """No JSON that is made of the line again may hold an Infinity."""
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _line(record: Record) -> str:
    return json.dumps(record.to_document(), separators=(",", ":"), default=str) + "\n"


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _now() -> datetime:
    return datetime.now(UTC)
