"""The folder of journals: one file per run, named by the run's id."""

import getpass
import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from customer_events.instants import to_wire
from fanout.aws import AwsTarget
from fanout.errors import WrongUse
from fanout.runs import journal as records
from fanout.runs.journal import FORMAT, Clock, Entry, Journal, Kind, Record, clock
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
    user = UNKNOWN
    with suppress(KeyError, OSError):
        user = getpass.getuser()
    host, pid = socket.gethostname(), os.getpid()
    return Operator(user=user, host=host, pid=pid, identity=identity, account=account)


# A run at work: every line goes to its journal first, and then into its ledger


SELECTED_PER_LINE = 500  # ids in one line of the selection: one flush to the disk for that many


class Run:
    """One run, opened for work; see the package's docstring for the order of calls."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.ledger = Ledger.of(records.read(journal.path))
        self.header = self.ledger.header
        self.options: dict[str, Any] = dict(self.header["options"])

    @property
    def run_id(self) -> str:
        """What a person types to name it."""
        return str(self.header["run_id"])

    @property
    def is_frozen(self) -> bool:
        """Whether the selection was closed; where it was not, nothing has been done yet."""
        return self.ledger.cut_off is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record(self, *entries: Entry) -> None:
        """Write lines, but none about no item; they are on the disk when this returns."""
        if lines := [entry for entry in entries if not entry.says_nothing]:
            for record in self._journal.append(*lines):
                self.ledger.apply(record)

    def select(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Add items to the selection, each with an `id`."""
        rest = iter(items)
        while line := list(islice(rest, SELECTED_PER_LINE)):
            self.record(records.selected(line))

    def freeze(self, *, cut_off: datetime, left_out: Iterable[str] = ()) -> None:
        """Close the selection; `left_out` are sentences on what could not be seen, and why."""
        fields = {"cut_off": to_wire(cut_off), "left_out": list(left_out)}
        self.record(Entry(kind=Kind.FROZEN, fields={**fields, "count": self.ledger.count()}))

    def start(self, operator: Operator) -> None:
        """Work begins, for the first time or again. Steps that were under way become `unsure`."""
        self.record(Entry(kind=Kind.STARTED, fields={"operator": asdict(operator)}))

    def pause(self, why: str) -> None:
        """Work stops with items left, which a resume does."""
        left = self.ledger.count() - self.ledger.count(State.ENDED)
        self.record(Entry(kind=Kind.PAUSED, fields={"why": why, "left": left}))

    def finish(self, complaint: str = "") -> None:
        """Every item has been dealt with; `complaint` says what is wrong all the same."""
        self.record(Entry(kind=Kind.FINISHED, fields={"why": complaint} if complaint else {}))

    def drop(self) -> None:
        """Close it and remove its journal: nothing was selected, so there is nothing to resume."""
        self.close()
        self._journal.path.unlink()

    def close(self) -> None:
        """Let go of the file; the journal stays."""
        self._journal.close()
        self.ledger.close()


_SECOND_LENGTH = len("20261126-142433")  # a run's id begins with the second in which it was made
_SUFFIX = ".jsonl"
LAST = "last"  # names the newest run wherever a run id is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run's file and its first line."""

    run_id: str
    path: Path
    header: Record

    def is_of(self, command: str) -> bool:
        """Whether it is a run of this command or group, such as `dlq replay` or `dlq`."""
        own = self.header.fields["command"].removeprefix("publisher ")  # as people type it today
        return f"{own} ".startswith(f"{command} " if command else "")


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
    ) -> Run:
        """Make a new run.

        A resume goes by the `command`, such as `dlq replay`, checks the `subject` (what it works
        on: `prefix`, `subscriber`, ARNs), and continues by the `options`.
        """
        verb = command.rpartition(" ")[2]
        run_id = f"{self._clock():%Y%m%d-%H%M%S}-{verb}-{secrets.token_hex(2)}"
        header = {
            "format": FORMAT,
            "run_id": run_id,
            "command": command,
            "subject": dict(subject),
            "options": dict(options),
            "operator": asdict(operator),
        }
        first, path = Entry(kind=Kind.RUN, fields=header), self.folder / f"{run_id}{_SUFFIX}"
        return Run(Journal.create(path, first, clock=self._clock))

    def open(self, name: str) -> Run:
        """Open a run to resume it. Raises: WrongUse: none, or a process is at work on it."""
        return Run(Journal(self.find(name).path, clock=self._clock))

    def find(self, name: str, *, of: str = "") -> StoredRun:
        """A run by its id, an unambiguous part of it, or `last`; `of` a command or a group.

        Raises: WrongUse: no run, or more than one, is called so.
        """
        runs = [run for run in self.runs() if run.is_of(of)]
        if name == LAST and runs:
            return runs[-1]
        exact = [run for run in runs if run.run_id == name]
        matching = exact or [run for run in runs if name and name in run.run_id]
        if len(matching) == 1:
            return matching[0]
        if matching:
            names = ", ".join(run.run_id for run in matching[:5])
            raise WrongUse(f"More than one run is called {name!r}: {names}. Give more of its id.")
        known = ", ".join(run.run_id for run in runs[-5:]) or "none"
        raise WrongUse(f"No run {name!r} in {self.folder}; the latest are: {known}.")

    def runs(self) -> list[StoredRun]:
        """Every run, oldest first; by the header's instant where two began in one second.

        One that was killed while it was made has no header, and is passed over.
        """
        runs = [
            StoredRun(run_id=path.stem, path=path, header=header)
            for path in self.folder.glob(f"*{_SUFFIX}")
            if (header := next(records.read(path), None))
        ]
        return sorted(
            runs, key=lambda run: (run.run_id[:_SECOND_LENGTH], run.header.at, run.run_id)
        )
