"""The folder of journals: one file per run, named by the run's id."""

import getpass
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from botocore.exceptions import BotoCoreError, ClientError

from customer_events.instants import from_wire
from fanout.aws import AwsTarget
from fanout.errors import WrongUse
from fanout.runs import journal
from fanout.runs import journal as records
from fanout.runs.journal import FORMAT, Entry, Journal, Kind, Record, header, read
from fanout.runs.ledger import Ledger, State

# Who is at work: the person on this machine, and whom AWS takes them for


UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """`identity` is the ARN that AWS knows them by, or `unknown` where AWS doesn't say."""

    user: str
    host: str
    pid: int
    identity: str
    account: str

    def to_document(self) -> dict[str, str | int]:
        """One JSON object with every field."""
        return asdict(self)

    def __str__(self) -> str:
        """`jo@laptop (arn:aws:sts::…)`, for a sentence."""
        return f"{self.user}@{self.host} ({self.identity})"


def find_operator(target: AwsTarget) -> Operator:
    """Ask AWS and this machine. No answer is no error: a run needs no right to ask."""
    try:
        caller = target.client("sts").get_caller_identity()
        identity, account = caller["Arn"], caller["Account"]
    except (BotoCoreError, ClientError):
        identity = account = UNKNOWN
    return Operator(
        user=_user(),
        host=socket.gethostname(),
        pid=os.getpid(),
        identity=identity,
        account=account,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return UNKNOWN


# A run at work: every line goes to its journal first, and then into its ledger


SELECTED_PER_LINE = 500
"""Ids in one line of the selection: one flush to the disk for that many."""


class Copy(Protocol):
    """A copy of the lines. It may lag behind; a failure to copy stops nothing."""

    def offer(self, lines: Iterable[Record]) -> None:
        """Take lines that are already in the journal."""
        ...

    def catch_up(self, records: Iterable[Record]) -> None:
        """Take, of all lines of the journal, those that an earlier process did not bring."""
        ...

    def flush(self) -> None:
        """Bring everything offered there now."""
        ...


CopyTo = Callable[[str], Copy]
"""Makes the copy of a run by the run's id."""


class Run:
    """One run, opened for work; see the package's docstring for the order of calls.

    Attributes:
        header: the fields of the first line; `options` are among them.
        cut_off: when the selection was frozen; None: it is not. `left_out`: what it could not see.
        starts: how many stretches of work have begun; `was_started`: whether one has.
        ledger: where each item stands.
    """

    def __init__(self, journal: Journal, *, copy: Copy | None = None) -> None:
        self._journal = journal
        self._copy = copy
        first = header(journal.path)
        assert first is not None, "a journal is made with its header"
        self.header: Mapping[str, Any] = first.fields
        self.cut_off: datetime | None = None
        self.left_out: tuple[str, ...] = ()
        self.starts = 0
        self.options: dict[str, Any] = dict(self.header.get("options", {}))
        self.ledger = Ledger.of(self._remember(record) for record in read(journal.path))

    @property
    def was_started(self) -> bool:
        """Whether work has ever begun."""
        return self.starts > 0

    @property
    def run_id(self) -> str:
        """What a person types to name it."""
        return str(self.header["run_id"])

    def __enter__(self) -> Self:
        """Work on it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the file."""
        self.close()

    def record(self, *entries: Entry) -> None:
        """Write lines; they are on the disk when this returns, and may be acted upon."""
        written = self._journal.append(*entries)
        for record in written:
            self.ledger.apply(self._remember(record))
        if self._copy is not None:
            self._copy.offer(written)

    def select(self, items: Iterable[Mapping[str, Any]]) -> int:
        """Add items to the selection, each with an `id`; returns how many."""
        count = 0
        line: list[Mapping[str, Any]] = []
        for item in items:
            line.append(item)
            count += 1
            if len(line) == SELECTED_PER_LINE:
                self.record(records.selected(line))
                line = []
        if line:
            self.record(records.selected(line))
        return count

    def freeze(self, *, cut_off: datetime, left_out: Iterable[str] = ()) -> None:
        """Close the selection."""
        count = self.ledger.count()
        self.record(records.frozen(cut_off=cut_off, count=count, left_out=tuple(left_out)))
        self._flush()

    @property
    def is_frozen(self) -> bool:
        """Whether the selection was closed; where it was not, nothing has been done yet."""
        return self.cut_off is not None

    def start(self, operator: Operator, **about: Any) -> None:
        """Work begins, for the first time or again. Steps that were under way become `unsure`."""
        self.record(
            Entry(kind=Kind.STARTED, fields={"operator": operator.to_document(), **about}),
        )

    def note(self, text: str) -> None:
        """Put a sentence into the timeline."""
        self.record(records.note(text))

    def pause(self, why: str) -> None:
        """Work stops with items left; a resume goes on with them."""
        left = self.ledger.count() - self.ledger.count(State.ENDED)
        self.record(Entry(kind=Kind.PAUSED, fields={"why": why, "left": left}))
        self._flush()

    def finish(self) -> None:
        """Every item has been dealt with."""
        self.record(Entry(kind=Kind.FINISHED, fields={}))
        self._flush()

    def drop(self) -> None:
        """Close it and remove its journal: nothing was selected, so there is nothing to resume."""
        self._copy = None
        self.close()
        self._journal.path.unlink()

    def close(self) -> None:
        """Let go of the file; the journal stays."""
        self._flush()
        self._journal.close()
        self.ledger.close()

    # Private functions

    def _remember(self, record: Record) -> Record:
        if record.kind is Kind.FROZEN:
            self.cut_off = from_wire(record.fields["cut_off"])
            self.left_out = tuple(record.fields["left_out"])
        self.starts += record.kind is Kind.STARTED
        return record

    def _flush(self) -> None:
        if self._copy is not None:
            with suppress(Exception):  # the file is the journal; its copy warns by itself
                self._copy.flush()


def clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


Clock = Callable[[], datetime]


_SECOND_LENGTH = len("20261126-142433")
"""A run's id begins with the second in which it was made."""
_SUFFIX = ".jsonl"
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
LAST = "last"
"""Names the newest run wherever a run id is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run's file and its header; `header` is None where it was killed while it was made."""

    run_id: str
    path: Path
    header: Record | None

    def is_of(self, group: str) -> bool:
        """Whether its command is this one, or begins so."""
        return self.header is not None and self.header.fields["command"].startswith(group)


class RunStore:
    """Every run that this person has made on this machine for one deployment."""

    def __init__(self, folder: Path, *, clock: Clock = clock) -> None:
        self.folder = folder
        self._clock = clock

    def create(
        self,
        command: str,
        *,
        subject: Mapping[str, Any],
        options: Mapping[str, Any],
        operator: Operator,
        copy_to: CopyTo | None = None,
    ) -> Run:
        """Make a new run.

        Args:
            command: what makes it, such as `dlq replay`; a resume goes by this.
            subject: what it works on: `prefix`, `subscriber`, ARNs; a resume checks these.
            options: everything that a resume needs to go on in the same way.
            operator: who makes it.
            copy_to: makes a copy of its lines.
        """
        now = self._clock()
        verb = command.rpartition(" ")[2]
        run_id = f"{now:%Y%m%d-%H%M%S}-{verb}-{secrets.token_hex(2)}"
        fields = {
            "format": FORMAT,
            "run_id": run_id,
            "command": command,
            "subject": dict(subject),
            "options": dict(options),
            "operator": operator.to_document(),
        }
        path = self.folder / f"{run_id}{_SUFFIX}"
        first = Entry(kind=Kind.RUN, fields=fields)
        journal_file = Journal.create(path, first, clock=self._clock)
        return self._run(journal_file, run_id, copy_to)

    def open(self, name: str, *, copy_to: CopyTo | None = None) -> Run:
        """Open a run to go on with it.

        Raises:
            WrongUse: there is none of this name, or another process is at work on it.
        """
        found = self.find(name)
        return self._run(Journal(found.path, clock=self._clock), found.run_id, copy_to)

    def find(self, name: str, *, group: str = "") -> StoredRun:
        """A run by its id, by an unambiguous part of it, or `last`: of the commands that begin so.

        Raises:
            WrongUse: none, or more than one, is called so.
        """
        runs = [stored for stored in self.runs() if stored.header is not None]
        if name == LAST:
            runs = [one for one in runs if one.is_of(group)]
            if runs:
                return runs[-1]
        exact = [one for one in runs if one.run_id == name]
        found = exact or [one for one in runs if _ID.fullmatch(name) and name in one.run_id]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(match.run_id for match in found[:5])
            raise WrongUse(f"More than one run is called {name!r}: {names}. Give more of its id.")
        known = ", ".join(one.run_id for one in runs[-5:]) or "none"
        raise WrongUse(f"No run {name!r} in {self.folder}; the latest are: {known}.")

    def runs(self) -> list[StoredRun]:
        """Every run, oldest first; by the header's instant where two began in one second."""
        runs = []
        for path in self.folder.glob(f"*{_SUFFIX}"):
            run_id = path.name.removesuffix(_SUFFIX)
            runs.append(StoredRun(run_id=run_id, path=path, header=journal.header(path)))
        return sorted(runs, key=_age)

    def records(self, name: str) -> Iterator[Record]:
        """The lines of a run, one by one."""
        return journal.read(self.find(name).path)

    # Private functions

    def _run(self, file: Journal, run_id: str, copy_to: CopyTo | None) -> Run:
        copy = copy_to(run_id) if copy_to else None
        if copy is not None:
            copy.catch_up(journal.read(file.path))
        return Run(file, copy=copy)


def _age(run: StoredRun) -> tuple[str, float, str]:
    """By the second in its id, then by its header's instant."""
    at = run.header.at.timestamp() if run.header else 0.0
    return run.run_id[:_SECOND_LENGTH], at, run.run_id
