"""A changes file, JSON Lines or CSV: what is done to one customer of the Accounts table a line."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from customer_events.event import REASON_LENGTH_MAX
from fanout.errors import WrongUse

DATA = Path(__file__).resolve().parent / "data"
CUSTOMERS = DATA / "customers.jsonl"
CHANGES = DATA / "changes.jsonl"
"""The sample that ships: 200 customers and 1,000 changes."""
LINE_LENGTH_MAX = 65_536
_SHOWN_LENGTH_MAX = 40
AccountStatus = Literal["PENDING", "ACTIVE", "SUSPENDED", "CLOSED"]
STATUSES: tuple[AccountStatus, ...] = get_args(AccountStatus)
"""What a customer of the Accounts table can be; `REMOVED` is what a deletion becomes."""


class Op(StrEnum):
    """How the Accounts table is written."""

    PUT = "put"  # PutItem: the whole item, made or replaced
    UPDATE = "update"  # UpdateItem: status and reason, the other attributes stay
    TOUCH = "touch"  # UpdateItem of another attribute: the status stays
    DELETE = "delete"  # DeleteItem


class Change(BaseModel):
    """A write to play, as a line of the file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    customer_id: Annotated[str, Field(min_length=1, max_length=200)]
    status: AccountStatus | None = None
    reason: Annotated[str, Field(min_length=1, max_length=REASON_LENGTH_MAX)] | None = None
    op: Op = Op.UPDATE

    @model_validator(mode="after")
    def _has_what_its_op_writes(self) -> Self:
        if self.op in {Op.PUT, Op.UPDATE}:
            if self.status is None:
                raise ValueError("expected a status, or op touch or delete")
        elif self.status is not None or self.reason is not None:
            raise ValueError(f"op {self.op} takes neither status nor reason")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesFile:
    """A file whose every line was found good; `length` is how many changes it holds."""

    path: Path
    length: int

    def __iter__(self) -> Iterator[Change]:
        """Read the changes once more, in the order of the lines."""
        return (change for _, change in read(self.path))


def check(path: Path, *, only: Op | None = None) -> ChangesFile:
    """Read the whole file (.jsonl, .ndjson or .csv) to see that every line is good.

    `only` is the one op that the lines may have.

    Raises: WrongUse: names the file, the first line at fault, and what was expected.
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
    """Each change with the number of its line, from 1, in constant memory; raises as `check`."""
    readers = {".jsonl": _json_lines, ".ndjson": _json_lines, ".csv": _csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise WrongUse(f"{path}: expected a name that ends in .jsonl (JSON Lines) or .csv.")
    if path.exists() and not path.is_file():
        raise WrongUse(f"{path} is no regular file; it is read twice, so a pipe will not do.")
    number = 0

    def lines(file: IO[bytes]) -> Iterator[str]:
        """Each bounded, so that a file without line ends is no trap."""
        nonlocal number
        while line := file.readline(LINE_LENGTH_MAX + 1):
            number += 1
            if len(line) > LINE_LENGTH_MAX:
                raise ValueError(f"expected at most {LINE_LENGTH_MAX:,} bytes")
            yield line.decode("utf-8-sig")

    try:
        with path.open("rb") as file:
            for change in reader(lines(file)):
                yield number, change
    except (ValueError, csv.Error) as error:
        raise _bad_line(path, number, _expected(error)) from None
    except OSError as error:
        raise WrongUse(f"{path} can't be read: {error.strerror}.") from None


# Private functions


def _json_lines(lines: Iterable[str]) -> Iterator[Change]:
    return (Change.model_validate_json(line) for line in lines if line.strip())


def _csv(lines: Iterable[str]) -> Iterator[Change]:
    """Each row by column; an empty cell counts as not given."""
    rows = csv.DictReader(lines, strict=True)
    header = [name.strip() for name in rows.fieldnames or ()]
    known = list(Change.model_fields)
    if len(set(header)) != len(header) or not set(header) <= set(known):
        raise ValueError(f"expected a header with each column once, out of {', '.join(known)}")
    rows.fieldnames = header
    for cells in rows:
        if None in cells or None in cells.values():  # more cells, or fewer
            raise ValueError(f"expected {len(header)} cells, as the header has")
        yield Change.model_validate({name: cell for name, cell in cells.items() if cell})


def _expected(error: ValueError | csv.Error) -> str:
    """What was expected of a line, and what stands there in its place."""
    if isinstance(error, UnicodeDecodeError):
        return "expected UTF-8 text"
    if isinstance(error, csv.Error):
        return f"expected CSV: {error}"
    if not isinstance(error, ValidationError):
        return str(error)
    fault = error.errors(include_url=False)[0]
    if fault["type"] in {"json_invalid", "model_type"}:
        return 'expected one JSON object, such as {"customer_id": "c-1", "status": "ACTIVE"}'
    said = fault["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    if not fault["loc"]:
        return said
    found = "" if fault["type"] == "missing" else f", found {_short(repr(fault['input']))}"
    return f"{_short(str(fault['loc'][0]))}: {said}{found}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_LENGTH_MAX else f"{text[:_SHOWN_LENGTH_MAX]}…"


def _bad_line(path: Path, line: int, expected: str) -> WrongUse:
    return WrongUse(f"{path}, line {line}: {expected}. Nothing was written.")
