"""Throw dead messages away: into a file first, on the disk, and only then out of the DLQ."""

from collections.abc import Iterator, Sequence

from fanout.dlq.export_file import ExportFile
from fanout.dlq.message import DeadMessage
from fanout.dlq.moving import Deleting, Moved
from fanout.dlq.ports import BATCH_MAX
from fanout.dlq.score import DISCARDED
from fanout.runs.records import done, intent
from fanout.runs.run import Run

EXPORT, DELETE = "export", "delete"


class Discarding:
    """The port `Mover` of a discard.

    A message whose export was begun before a crash is exported again: the file may hold it twice,
    and an import takes it once.
    """

    step = EXPORT

    def __init__(self, run: Run, file: ExportFile, deleting: Deleting) -> None:
        self._run = run
        self._file = file
        self._deleting = deleting

    def batches(self, messages: Sequence[DeadMessage]) -> Iterator[list[DeadMessage]]:
        """See `Mover.batches`."""
        for start in range(0, len(messages), BATCH_MAX):
            yield list(messages[start : start + BATCH_MAX])

    def move(self, messages: Sequence[DeadMessage]) -> Moved:
        """See `Mover.move`."""
        ids = [one.message_id for one in messages]
        self._run.record(intent(EXPORT, ids))
        self._file.append(messages)
        results = [{"id": one, "ok": True, "outcome": DISCARDED} for one in ids]
        self._run.record(done(EXPORT, results), intent(DELETE, ids))
        return self._deleting.delete(messages, {one: {"end": DISCARDED} for one in ids})
