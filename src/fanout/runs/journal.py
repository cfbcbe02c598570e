"""An append-only JSON Lines file whose lines are on the disk before anything else happens.

A crash can only tear the last line. A torn line says nothing that was acted upon, since acting
waits for the line to be on the disk; so readers pass over it and the next writer cuts it off.
"""

import fcntl
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, BinaryIO, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

from customer_events.instants import from_wire, to_wire
from fanout.errors import Refused, WrongUse

Clock = Callable[[], datetime]


def clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


FORMAT = 1  # version of the lines; a reader refuses a newer one
PRIVATE_MODE = 0o600  # of a file that holds messages, as an edit's journal does
MALFORMED = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What reading a line of somebody else's JSON may raise."""
_SAID_LENGTH_MAX = 200

# The lines of a journal: one JSON object each, made by the functions here


class Kind(StrEnum):
    """What a line says."""

    RUN = "run"
    SELECTED = "selected"
    FROZEN = "frozen"
    STARTED = "started"
    INTENT = "intent"
    DONE = "done"
    ENDED = "ended"
    NOTE = "note"
    PAUSED = "paused"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line that is yet to be written: its kind and its own fields."""

    kind: Kind
    fields: Mapping[str, Any]

    @property
    def says_nothing(self) -> bool:
        """Whether it is about items, and about none."""
        return [] in (self.fields.get(name) for name in ("items", "ids", "results"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Entry):
    """A line of a journal. `n` counts from 1."""

    n: int
    at: datetime


def selected(items: Sequence[Mapping[str, Any]]) -> Entry:
    """Items of the selection, each with an `id` and facts for the report."""
    return Entry(kind=Kind.SELECTED, fields={"items": list(items)})


def intent(step: str, ids: Iterable[str], **about: Any) -> Entry:
    """A step is about to be done to these items. `about` holds what a resume needs to know."""
    return Entry(kind=Kind.INTENT, fields={"step": step, "ids": list(ids), **about})


def done(step: str, results: Iterable[Mapping[str, Any]]) -> Entry:
    """A step's end: for each item its `id`, `ok`, and either what came of it or `why` not."""
    return Entry(kind=Kind.DONE, fields={"step": step, "results": list(results)})


def ended(endings: Iterable[Mapping[str, Any]]) -> Entry:
    """How items ended, for good: for each its `id`, `end` (a short code), and details."""
    return Entry(kind=Kind.ENDED, fields={"items": list(endings)})


# What each kind of line must hold; a file that was changed by hand is refused


def _whole(text: str) -> str:
    text.encode()  # SQLite can't store half a surrogate pair
    return text


def _items(**fields: Any) -> Any:
    return GenericAlias(list, _model(id=_Text, alias=(_Text | None, None), **fields))


_Text = Annotated[str, AfterValidator(_whole)]
_model = partial(create_model, "Line", __config__=ConfigDict(strict=True))
_OPERATOR = _model(user=str, host=str, identity=(str | None, None))
_OBJECT = dict[str, Any]
_MODELS: Mapping[Kind, type[BaseModel]] = {
    Kind.RUN: _model(run_id=str, command=str, subject=_OBJECT, options=_OBJECT, operator=_OPERATOR),
    Kind.SELECTED: _model(items=_items()),
    Kind.FROZEN: _model(
        cut_off=Annotated[str, AfterValidator(from_wire)],
        count=Annotated[int, Field(ge=0)],
        left_out=list[str],
    ),
    Kind.STARTED: _model(operator=_OPERATOR),
    Kind.INTENT: _model(step=_Text, ids=list[_Text]),
    Kind.DONE: _model(step=_Text, results=_items(ok=bool)),
    Kind.ENDED: _model(items=_items(end=_Text)),
    Kind.NOTE: _model(text=str),
    Kind.PAUSED: _model(why=str),
    Kind.FINISHED: _model(why=(str, "")),
}


class Journal:
    """One run's file, held by one process at a time. Raises: WrongUse: another process holds it."""

    def __init__(self, path: Path, *, clock: Clock = clock) -> None:
        self.path = path
        self._clock = clock
        self._file: BinaryIO = path.open("r+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise WrongUse(
                f"Another process on this machine is at work on {path}: let it end, then repeat "
                "the command."
            ) from None
        self._count = size = 0
        for line in self._file:
            if line.endswith(b"\n"):  # all but a torn last one
                self._count, size = self._count + 1, size + len(line)
        self._file.truncate(size)
        self._file.seek(size)

    @classmethod
    def create(cls, path: Path, header: Entry, *, clock: Clock = clock) -> Self:
        """Make a file with its first line, on the disk. Raises: FileExistsError: there is one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE))
        journal = cls(path, clock=clock)
        journal.append(header)
        sync_folder(path.parent)
        return journal

    def append(self, *entries: Entry) -> list[Record]:
        """Write the lines, to the disk. Raises: OSError: it refuses; nothing may be acted upon."""
        at = self._clock()
        records = [
            Record(n=self._count + index, at=at, kind=entry.kind, fields=entry.fields)
            for index, entry in enumerate(entries, start=1)
        ]
        for record in records:
            document = {"n": record.n, "at": to_wire(at), "kind": record.kind, **record.fields}
            line = json.dumps(document, separators=(",", ":"), default=str)
            self._file.write(f"{line}\n".encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._count += len(records)
        return records

    def close(self) -> None:
        """Let another process have it."""
        self._file.close()


def read(path: Path) -> Iterator[Record]:
    """The lines of a journal, in the memory of one; a torn last line is left out.

    Raises: WrongUse: the file is no journal, or was written by a newer version of this tool.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            yield _record(path, number, line)


def _record(path: Path, number: int, line: bytes) -> Record:
    where = f"{path}, line {number}"
    try:
        fields = json.loads(line, parse_constant=_finite, parse_float=_finite)
        n, at, kind = int(fields.pop("n")), from_wire(fields.pop("at")), Kind(fields.pop("kind"))
    except MALFORMED as error:
        raise WrongUse(f"{where}, can't be read: {str(error)[:_SAID_LENGTH_MAX]}") from None
    if n != number or (number == 1) != (kind is Kind.RUN):
        raise WrongUse(f"{where}, is out of place: the file was changed by hand.")
    if number == 1 and fields.get("format") != FORMAT:
        raise WrongUse(f"{path} was written by another version of this tool: use that one.")
    try:
        _MODELS[kind].model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise WrongUse(f"{where}, can't be read: {kind} line, {name}: {first['msg']}.") from None
    return Record(n=n, at=at, kind=kind, fields=fields)


def _finite(text: str) -> float:
    """No JSON that is made of the line again may hold an Infinity."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is no finite number")
    return number


# Files that are written whole or not at all


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> int:
    """Write a file whole or not at all; how many lines. Raises: WrongUse: it exists; Refused."""
    if path.exists():
        raise WrongUse(f"{path} exists: name a new file.")
    part = path.with_name(f"{path.name}.part")
    count = 0
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise file_refusal(path, error) from None
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)
    return count


def sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_refusal(path: Path, error: OSError) -> Refused:
    """What to raise where a file can't be written."""
    return Refused(f"{path} can't be written: {error.strerror}. Nothing was deleted for it.")
