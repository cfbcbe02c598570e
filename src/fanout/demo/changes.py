"""A changes file, JSON Lines or CSV: what is done to one customer of the Accounts table a line."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from customer_events.event import REASON_LENGTH_MAX, Status
from fanout.errors import WrongUse
from publisher.attribute_values import is_unicode

DATA = Path(__file__).resolve().parent / "data"
CUSTOMERS = DATA / "customers.jsonl"
CHANGES = DATA / "changes.jsonl"
"""The sample that ships: 200 customers and 1,000 changes."""
FIELDS = ("customer_id", "status", "reason", "op")
STATUSES = tuple(status.value for status in Status if status is not Status.REMOVED)
"""What a customer of the Accounts table can be; `REMOVED` is what a deletion becomes."""
LINE_LENGTH_MAX = 65_536
_CUSTOMER_ID_LENGTH_MAX = 200
_SHOWN_LENGTH_MAX = 40
_MORE_CELLS = "more cells"


class Op(StrEnum):
    """How the Accounts table is written."""

    PUT = "put"  # PutItem: the whole item, made or replaced
    UPDATE = "update"  # UpdateItem: status and reason, the other attributes stay
    TOUCH = "touch"  # UpdateItem of another attribute: the status stays
    DELETE = "delete"  # DeleteItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A write to play. `status` is set with `PUT` and `UPDATE` alone."""

    op: Op
    customer_id: str
    status: str | None = None
    reason: str | None = None


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


class BadChange(ValueError):
    """Says what was expected of a line, and where in it."""


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
    """Each change with the number of its line, from 1, in constant memory.

    Raises:
        WrongUse: as `check` does.
    """
    readers = {".jsonl": _json_lines, ".ndjson": _json_lines, ".csv": _csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise WrongUse(f"{path}: expected a name that ends in .jsonl (JSON Lines) or .csv.")
    if path.exists() and not path.is_file():
        raise WrongUse(f"{path} is no regular file; it is read twice, so a pipe will not do.")
    try:
        with path.open("rb") as file:
            lines = _Lines(file)
            try:
                for fields in reader(lines):
                    yield lines.number, _change(fields)
            except BadChange as error:
                raise _bad_line(path, lines.number, str(error)) from None
    except OSError as error:
        raise WrongUse(f"{path} can't be read: {error.strerror}.") from None


# Private functions


class _Lines:
    """The file's lines as text, each bounded, so that a file without line ends is no trap."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(LINE_LENGTH_MAX + 1):
            self.number += 1
            if len(line) > LINE_LENGTH_MAX:
                raise BadChange(f"expected at most {LINE_LENGTH_MAX:,} bytes")
            try:
                yield line.decode("utf-8-sig" if self.number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise BadChange("expected UTF-8 text") from None


def _json_lines(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for text in lines:
        if not text.strip():
            continue
        try:
            fields = json.loads(text, object_pairs_hook=_without_repeats)
        except BadChange:
            raise
        except (ValueError, RecursionError):
            raise BadChange(
                'expected one JSON object, such as {"customer_id": "c-1", "status": "ACTIVE"}'
            ) from None
        if not isinstance(fields, dict):
            raise BadChange(f"expected a JSON object, found {_shown(fields)}")
        yield fields


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadChange("a field is given twice")
    return fields


def _csv(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Each row by column; an empty cell counts as not given."""
    rows = csv.DictReader(lines, restkey=_MORE_CELLS, strict=True)
    try:
        names = [name.strip() for name in rows.fieldnames or ()]
        rows.fieldnames = names
        unknown = [name for name in names if name not in FIELDS]
        if unknown:
            raise BadChange(
                f"unknown column {_shown(unknown[0])}; expected a header with {', '.join(FIELDS)}"
            )
        if names and ("customer_id" not in names or len(set(names)) != len(names)):
            expected = f"customer_id and some of {', '.join(FIELDS)}"
            raise BadChange(f"expected each column once, {expected}")
        for row in rows:
            given = [cell for cell in row.values() if cell is not None]
            if _MORE_CELLS in row or len(given) != len(names):
                raise BadChange(f"expected {len(names)} cells, as the header has")
            yield {name: cell for name, cell in row.items() if cell != ""}
    except csv.Error as error:
        raise BadChange(f"expected CSV: {error}") from None


def _change(fields: Mapping[str, Any]) -> Change:
    """Read a line's fields; those that are absent or None count as not given."""
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown:
        raise BadChange(f"unknown field {_shown(unknown[0])}; expected {', '.join(FIELDS)}")
    given = {name: value for name, value in fields.items() if value is not None}
    status, reason = given.get("status"), given.get("reason")
    if status is None and "op" not in given:
        raise BadChange("expected status, or op touch or delete")
    op = given.get("op", Op.UPDATE.value)
    if op not in list(Op):
        raise BadChange(f"op: expected one of {', '.join(Op)}, found {_shown(op)}")
    if op in {Op.PUT, Op.UPDATE}:
        if status not in STATUSES:
            shown = "none" if status is None else _shown(status)
            raise BadChange(f"status: expected one of {', '.join(STATUSES)}, found {shown}")
    elif status is not None or reason is not None:
        raise BadChange(f"op {op} takes neither status nor reason")
    _expect_text("customer_id", given.get("customer_id"), _CUSTOMER_ID_LENGTH_MAX)
    if reason is not None:
        _expect_text("reason", reason, REASON_LENGTH_MAX)
    return Change(op=Op(op), customer_id=given["customer_id"], status=status, reason=reason)


def _expect_text(field: str, value: Any, length_max: int) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= length_max:
        raise BadChange(f"{field}: expected text of 1 to {length_max} characters")
    if not is_unicode(value):
        # JSON can spell half a surrogate pair, and no request could carry it to the table.
        raise BadChange(f"{field}: expected Unicode text, found half a surrogate pair")


def _shown(value: Any) -> str:
    """A value as an error shows it: quoted, and no longer than a glance."""
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH_MAX else f"{text[:_SHOWN_LENGTH_MAX]}…"


def _bad_line(path: Path, line: int, expected: str) -> WrongUse:
    return WrongUse(f"{path}, line {line}: {expected}. Nothing was written.")
