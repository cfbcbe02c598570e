"""The folder of journals: one file per run, named by the run's id."""

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout.errors import WrongUse
from fanout.runs import journal
from fanout.runs.journal import Journal
from fanout.runs.operator import Operator
from fanout.runs.records import FORMAT, Entry, Kind, Record
from fanout.runs.run import Clock, CopyTo, Run, clock

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


def state_folder(prefix: str) -> Path:
    """Where this person's state for a deployment lives, by the XDG base directories."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "fanout" / prefix


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
            copy_to: makes a second place for its lines.
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

    def find(self, name: str) -> StoredRun:
        """A run by its id, by an unambiguous beginning of it, or `last`.

        Raises:
            WrongUse: none, or more than one, is called so.
        """
        runs = [one for one in self.runs() if one.header is not None]
        if name == LAST and runs:
            return runs[-1]
        exact = [one for one in runs if one.run_id == name]
        found = exact or [one for one in runs if _ID.fullmatch(name) and name in one.run_id]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(one.run_id for one in found[:5])
            raise WrongUse(f"More than one run is called {name!r}: {names}. Give more of its id.")
        known = ", ".join(one.run_id for one in runs[-5:]) or "none"
        raise WrongUse(f"No run {name!r} in {self.folder}; the latest are: {known}.")

    def runs(self) -> Iterator[StoredRun]:
        """Every run, oldest first."""
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            yield StoredRun(
                run_id=path.name.removesuffix(_SUFFIX), path=path, header=journal.header(path)
            )

    def records(self, name: str) -> Iterator[Record]:
        """The lines of a run, one by one."""
        return journal.read(self.find(name).path)

    # Private functions

    def _run(self, file: Journal, run_id: str, copy_to: CopyTo | None) -> Run:
        copy = copy_to(run_id) if copy_to else None
        if copy is not None:
            copy.catch_up(journal.read(file.path))
        return Run(file, copy=copy)
