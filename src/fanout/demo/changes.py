"""One line of a changes file: what is done to one customer in the Accounts table. Pure."""

import csv
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from customer_events.event import REASON_LENGTH_MAX, Status
from fanout.errors import WrongUse
from publisher.attribute_values import is_unicode

FIELDS = ("customer_id", "status", "reason", "op")
STATUSES = tuple(status.value for status in Status if status is not Status.REMOVED)
"""What a customer of the Accounts table can be; `REMOVED` is what a deletion becomes."""
_CUSTOMER_ID_LENGTH_MAX = 200
_SHOWN_LENGTH_MAX = 40


class Op(StrEnum):
    """How the Accounts table is written."""

    PUT = "put"  # PutItem: the whole item, made or replaced
    UPDATE = "update"  # UpdateItem: status and reason, the other attributes stay
    TOUCH = "touch"  # UpdateItem of another attribute: the status stays
    DELETE = "delete"  # DeleteItem


_WITH_STATUS = (Op.PUT, Op.UPDATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A write to play. `status` is set with `PUT` and `UPDATE` alone."""

    op: Op
    customer_id: str
    status: str | None = None
    reason: str | None = None


class BadChange(ValueError):
    """Says what was expected of a line, and where in it."""


def parse_change(fields: Mapping[str, Any]) -> Change:
    """Read a line's fields; those that are absent or None count as not given.

    Raises:
        BadChange: names the field and what was expected.
    """
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown:
        raise BadChange(f"unknown field {shown(unknown[0])}; expected {', '.join(FIELDS)}")
    given = {name: value for name, value in fields.items() if value is not None}
    op = _op(given)
    status, reason = given.get("status"), given.get("reason")
    if op in _WITH_STATUS:
        _expect_status(status)
    elif status is not None or reason is not None:
        raise BadChange(f"op {op} takes neither status nor reason")
    if reason is not None and not (
        isinstance(reason, str) and 1 <= len(reason) <= REASON_LENGTH_MAX
    ):
        raise BadChange(f"reason: expected text of 1 to {REASON_LENGTH_MAX} characters")
    _expect_unicode("reason", reason or "")
    return Change(op=op, customer_id=_customer_id(given), status=status, reason=reason)


def shown(value: Any) -> str:
    """A value as an error shows it: quoted, and no longer than a glance."""
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH_MAX else f"{text[:_SHOWN_LENGTH_MAX]}…"


def _op(given: Mapping[str, Any]) -> Op:
    if "op" not in given:
        if "status" not in given:
            raise BadChange("expected status, or op touch or delete")
        return Op.UPDATE
    try:
        return Op(given["op"])
    except ValueError:
        raise BadChange(
            f"op: expected one of {', '.join(Op)}, found {shown(given['op'])}"
        ) from None


def _expect_status(status: Any) -> None:
    if status not in STATUSES:
        found = "none" if status is None else shown(status)
        raise BadChange(f"status: expected one of {', '.join(STATUSES)}, found {found}")


def _expect_unicode(field: str, text: str) -> None:
    """JSON can spell half a surrogate pair, and no request could carry it to the table."""
    if not is_unicode(text):
        raise BadChange(f"{field}: expected Unicode text, found half a surrogate pair")


def _customer_id(given: Mapping[str, Any]) -> str:
    customer_id = given.get("customer_id")
    if not isinstance(customer_id, str) or not 1 <= len(customer_id) <= _CUSTOMER_ID_LENGTH_MAX:
        raise BadChange(f"customer_id: expected text of 1 to {_CUSTOMER_ID_LENGTH_MAX} characters")
    _expect_unicode("customer_id", customer_id)
    return customer_id


# Read a changes file, JSON Lines or CSV, line by line in constant memory


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


# The sample that ships: 200 customers and 1,000 changes, made once by a seeded generator


DATA = Path(__file__).resolve().parent / "data"
CUSTOMERS = DATA / "customers.jsonl"
CHANGES = DATA / "changes.jsonl"
_SEED = 20_261_123
_CUSTOMER_COUNT = 200
_CHANGE_COUNT = 1_000
_BURSTS = 12
_BURST_LENGTH = 8
_NEXT = {
    "PENDING": ("ACTIVE", "CLOSED"),
    "ACTIVE": ("SUSPENDED", "CLOSED", "SUSPENDED"),
    "SUSPENDED": ("ACTIVE", "CLOSED", "ACTIVE"),
    "CLOSED": ("PENDING", "ACTIVE"),
}
_REASONS = {
    "PENDING": ("KYC_STARTED",),
    "ACTIVE": ("KYC_PASSED", "DISPUTE_SETTLED", None),
    "SUSPENDED": ("CHARGEBACK", "FRAUD_SUSPECTED", "DOCUMENT_EXPIRED"),
    "CLOSED": ("CUSTOMER_REQUEST", "INACTIVE"),
}


def customers() -> list[Change]:
    """The customers to begin with, most of them active."""
    chance = random.Random(_SEED)  # noqa: S311 - a sample, the same each time
    return [
        _with_status(Op.PUT, f"customer-{number:03}", chance, chance.choice((*STATUSES, "ACTIVE")))
        for number in range(1, _CUSTOMER_COUNT + 1)
    ]


def changes() -> list[Change]:
    """What happens to them: a life each, with bursts, and with writes that change no status."""
    chance = random.Random(_SEED + 1)  # noqa: S311 - a sample, the same each time
    state: dict[str, Change | None] = {one.customer_id: one for one in customers()}
    played: list[Change] = []
    burst_at = set(chance.sample(range(_CHANGE_COUNT // 10, _CHANGE_COUNT * 9 // 10), _BURSTS))
    while len(played) < _CHANGE_COUNT:
        customer_id = chance.choice(list(state))
        length = _BURST_LENGTH if burst_at and len(played) >= min(burst_at) else 1
        if length > 1:
            burst_at.remove(min(burst_at))
        for _ in range(min(length, _CHANGE_COUNT - len(played))):
            change = _next_change(customer_id, state[customer_id], chance, burst=length > 1)
            state[customer_id] = _after(state[customer_id], change)
            played.append(change)
    return played


def write(customers_path: Path = CUSTOMERS, changes_path: Path = CHANGES) -> None:
    """Write both files."""
    customers_path.write_text("".join(_sample_lines(customers())), encoding="utf-8")
    changes_path.write_text("".join(_sample_lines(changes())), encoding="utf-8")


def _next_change(
    customer_id: str, now: Change | None, chance: random.Random, *, burst: bool
) -> Change:
    """A burst holds changes of status alone, so that they all count."""
    if now is None:
        return _with_status(Op.PUT, customer_id, chance, "PENDING")
    assert now.status is not None
    kind = 1.0 if burst else chance.random()
    if kind < 0.06:  # noqa: PLR2004 - shares of the sample
        return Change(op=Op.DELETE, customer_id=customer_id)
    if kind < 0.11:  # noqa: PLR2004
        return Change(op=Op.TOUCH, customer_id=customer_id)
    if kind < 0.17:  # noqa: PLR2004 - written again as it is: DynamoDB makes no record of it
        return Change(op=Op.UPDATE, customer_id=customer_id, status=now.status, reason=now.reason)
    if kind < 0.21:  # noqa: PLR2004 - another reason, the same status: a record, but no event
        return _with_status(Op.UPDATE, customer_id, chance, now.status)
    return _with_status(Op.UPDATE, customer_id, chance, chance.choice(_NEXT[now.status]))


def _with_status(op: Op, customer_id: str, chance: random.Random, status: str) -> Change:
    reason = chance.choice(_REASONS[status])
    return Change(op=op, customer_id=customer_id, status=status, reason=reason)


def _after(now: Change | None, change: Change) -> Change | None:
    if change.op is Op.DELETE:
        return None
    return now if change.op is Op.TOUCH else change


def _sample_lines(played: list[Change]) -> Iterator[str]:
    for change in played:
        fields = {
            "customer_id": change.customer_id,
            "status": change.status,
            "reason": change.reason,
            "op": None if change.op is Op.UPDATE else change.op.value,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        yield json.dumps(given) + "\n"


if __name__ == "__main__":
    write()
