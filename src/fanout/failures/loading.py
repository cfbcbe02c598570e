"""Get an object's records: from the object itself, or, where it holds only a range, the stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fanout.errors import Refused
from fanout.failures.documents import Failure, Kind, Record, StreamRange
from fanout.failures.object_store import ObjectStore
from fanout.failures.stream_range import hours_left

RANGE_PREFIX = "stream/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """`records`, or None and a sentence that says why there are none."""

    records: Sequence[Record] | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """How a run gets at records.

    Args:
        store: the failure store.
        read_range: reads a range of the stream; raises `Refused` where it is gone.
        named: a range that a person named, or None.
        from_stream: whether ranges of objects without records are read as well.
    """

    store: ObjectStore
    read_range: Callable[[StreamRange], list[Record]]
    named: StreamRange | None
    from_stream: bool

    def load(self, item_id: str) -> Loaded:
        """The records of an item of a run, by its id."""
        if self.named is not None and item_id == id_of(self.named):
            return self._from_stream(self.named)
        found = self.store.read(item_id)
        if found is None:
            return Loaded(records=None, why="no longer there: recovered or discarded by someone")
        return self.of(found)

    def of(self, failure: Failure) -> Loaded:
        """The records of an object that was read."""
        if failure.records is not None:
            return Loaded(records=failure.records)
        wanted = failure.stream_range
        if wanted is None:
            return Loaded(records=None, why="its content can't be read: see `failures show`")
        if not self.from_stream:
            return Loaded(records=None, why=f"only a range, read with --from-stream{left(wanted)}")
        return self._from_stream(wanted)

    def named_failure(self) -> Failure | None:
        """The named range as if it were an object."""
        if self.named is None:
            return None
        return Failure(
            key=id_of(self.named), kind=Kind.RANGE, reason="NamedRange", stream_range=self.named
        )

    # Private functions

    def _from_stream(self, wanted: StreamRange) -> Loaded:
        try:
            return Loaded(records=self.read_range(wanted))
        except Refused as refusal:
            return Loaded(records=None, why=str(refusal))


def id_of(wanted: StreamRange) -> str:
    """A range as the id of an item of a run."""
    return f"{RANGE_PREFIX}{wanted.shard_id}/{wanted.first}-{wanted.last}"


def left(wanted: StreamRange) -> str:
    """`, 3.5 hours left`; nothing where the range does not say when it arrived."""
    if wanted.arrived_at is None:
        return ""
    return f", {hours_left(wanted.arrived_at, datetime.now(UTC)):.1f} hours left"
