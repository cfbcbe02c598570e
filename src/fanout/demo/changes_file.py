"""Read a changes file, JSON Lines or CSV, line by line in constant memory.

A file is read twice: once to check every line before anything is written, once to play it.
`docs/howto/demo.md` describes the format.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fanout.demo.changes import FIELDS, BadChange, Change, Op, parse_change, shown
from fanout.errors import WrongUse

LINE_LENGTH_MAX = 65_536
_JSON_LINES = (".jsonl", ".ndjson")
_CSV = ".csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesFile:
    """A file whose every line was found good.

    `path` names the file as the person did; `length` is how many changes it holds.
    """

    path: Path
    length: int

    def __iter__(self) -> Iterator[Change]:
        """Read the changes once more, in the order of the lines."""
        return (change for _, change in read(self.path))


def check(path: Path, *, only: Op | None = None) -> ChangesFile:
    """Read the whole file to see that every line is good.

    Args:
        path: The file; its name ends in .jsonl, .ndjson or .csv.
        only: The one op that the lines may have.

    Raises:
        WrongUse: names the file, the first line at fault, and what was expected.
    """
    length = 0
    for line, change in read(path):
        if only is not None and change.op is not only:
            raise _bad_line(path, line, f"expected op {only} alone, found {change.op}")
        length += 1
    if length == 0:
        raise WrongUse(f"{path} holds no change; expected one in each line.")
    return ChangesFile(path=path, length=length)


def read(path: Path) -> Iterator[tuple[int, Change]]:
    """Each change with the number of its line, from 1.

    Raises:
        WrongUse: as `check` does.
    """
    suffix = path.suffix.lower()
    if suffix not in (*_JSON_LINES, _CSV):
        raise WrongUse(f"{path}: expected a name that ends in .jsonl (JSON Lines) or .csv.")
    if path.exists() and not path.is_file():
        raise WrongUse(f"{path} is no regular file; it is read twice, so a pipe will not do.")
    try:
        with path.open("rb") as file:
            yield from _csv(path, file) if suffix == _CSV else _json_lines(path, file)
    except OSError as error:
        raise WrongUse(f"{path} can't be read: {error.strerror}.") from None


# Private functions


def _json_lines(path: Path, file: IO[bytes]) -> Iterator[tuple[int, Change]]:
    for line, text in enumerate(_lines(path, file), start=1):
        if not text.strip():
            continue
        try:
            yield line, parse_change(_json_object(text))
        except BadChange as error:
            raise _bad_line(path, line, str(error)) from None


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadChange):
            raise
        raise BadChange(
            'expected one JSON object, such as {"customer_id": "c-1", "status": "ACTIVE"}'
        ) from None
    if not isinstance(found, dict):
        raise BadChange(f"expected a JSON object, found {shown(found)}")
    return found


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadChange("a field is given twice")
    return found


def _csv(path: Path, file: IO[bytes]) -> Iterator[tuple[int, Change]]:
    rows = csv.reader(_lines(path, file), strict=True)
    header: list[str] | None = None
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise _bad_line(path, rows.line_num, f"expected CSV: {error}") from None
        try:
            if header is None:
                header = _header(row)
            elif row:
                yield rows.line_num, parse_change(_fields(header, row))
        except BadChange as error:
            raise _bad_line(path, rows.line_num, str(error)) from None


def _header(row: list[str]) -> list[str]:
    names = [name.strip() for name in row]
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        raise BadChange(
            f"unknown column {shown(unknown[0])}; expected a header with {', '.join(FIELDS)}"
        )
    if "customer_id" not in names or len(set(names)) != len(names):
        raise BadChange(f"expected each column once, customer_id and some of {', '.join(FIELDS)}")
    return names


def _fields(header: list[str], row: list[str]) -> dict[str, str]:
    """A row by column; an empty cell counts as not given."""
    if len(row) != len(header):
        raise BadChange(f"expected {len(header)} cells, as the header has, found {len(row)}")
    return {name: cell for name, cell in zip(header, row, strict=True) if cell != ""}


def _lines(path: Path, file: IO[bytes]) -> Iterator[str]:
    """The file's lines as text, each bounded, so that a file without line ends is no trap."""
    line = 0
    while found := file.readline(LINE_LENGTH_MAX + 1):
        line += 1
        if len(found) > LINE_LENGTH_MAX:
            raise _bad_line(path, line, f"expected at most {LINE_LENGTH_MAX:,} bytes")
        try:
            yield found.decode("utf-8-sig" if line == 1 else "utf-8")
        except UnicodeDecodeError:
            raise _bad_line(path, line, "expected UTF-8 text") from None


def _bad_line(path: Path, line: int, expected: str) -> WrongUse:
    return WrongUse(f"{path}, line {line}: {expected}. Nothing was written.")
