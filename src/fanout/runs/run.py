"""A run at work: every line goes to its journal first, and then into its ledger."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

from customer_events.instants import from_wire
from fanout.runs import records
from fanout.runs.journal import Journal, header, read
from fanout.runs.ledger import Ledger, State
from fanout.runs.operator import Operator
from fanout.runs.records import Entry, Kind, Record

SELECTED_PER_LINE = 500
"""Ids in one line of the selection: one flush to the disk for that many."""


class Copy(Protocol):
    """A second place for the lines. It may lag behind; a failure to copy stops nothing."""

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
"""Makes the second place of a run by the run's id."""


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
            with suppress(Exception):  # the file is the journal; its copy tells of its own failure
                self._copy.flush()


def clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


Clock = Callable[[], datetime]
