"""`fanout backfill` in a process of its own: watched, killed, and resumed."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.fanout_command import Fanout
from e2e.second_subscriber import SecondSubscriber
from fanout.sqs.queue import read_depth
from seed_at_scale.memory import Memory, MemoryWatch
from seed_at_scale.watching import Settings, Show, looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """What came of it: customers read and sent in both runs, the memory of each command, and the
    most messages that were seen waiting in the subscriber's queue.
    """

    read: int
    sent: int
    killed: Memory
    resumed: Memory
    deepest: int


class Backfill:
    """One backfill of one subscriber.

    Args:
        fanout: the command, with no other run in its folder.
        subscriber: whose.
        folder: where the command's output goes.
    """

    def __init__(
        self, settings: Settings, fanout: Fanout, subscriber: SecondSubscriber, *, folder: Path
    ) -> None:
        self._settings = settings
        self._fanout = fanout
        self._subscriber = subscriber
        self._output = folder / "backfill.json"
        self._deepest = 0

    def killed_and_resumed(self, show: Show) -> Seeded:
        """Begin, kill it as `kill -9` does, and go on to the end."""
        end = self._settings.customers * self._settings.killed_at
        with self._running() as watch:
            for read in looks(self.read):
                self._show_progress(read, show)
                if read >= end or watch.has_ended():
                    break
            watch.process.send_signal(signal.SIGKILL)
            killed = watch.ended()
        assert watch.process.returncode == -signal.SIGKILL, "it ended before it could be killed"
        [journal] = self._journals()
        with self._running("--resume", journal.stem) as watch:
            for read in looks(self.read):
                self._show_progress(read, show)
                if watch.has_ended():
                    break
            resumed = watch.ended()
        printed = self._output.read_text(encoding="utf-8")
        assert watch.process.returncode == 0, printed
        done = json.loads(printed)
        return Seeded(
            read=done["scanned"],
            sent=done["sent"],
            killed=killed,
            resumed=resumed,
            deepest=self._deepest,
        )

    def read(self) -> int:
        """Customers read and sent, as the journal has it: each segment's last entry counts."""
        by_segment: dict[str, int] = {}
        for journal in self._journals():
            for line in journal.read_text(encoding="utf-8").splitlines(keepends=True):
                if '"scanned":' in line and line.endswith("\n"):
                    entry = json.loads(line)
                    for one in entry.get("results", entry.get("items", ())):
                        by_segment[one["id"]] = one["scanned"]
        return sum(by_segment.values())

    # Private functions

    def _show_progress(self, read: int, show: Show) -> None:
        sqs = self._subscriber.client("sqs")
        depth = read_depth(sqs, self._subscriber.queue_url).waiting
        self._deepest = max(self._deepest, depth)
        show(f"seeding: {read:,} read, {depth:,} waiting in the queue")

    def _journals(self) -> list[Path]:
        return list(self._fanout.runs.glob("*-backfill-*.jsonl"))

    @contextmanager
    def _running(self, *arguments: str) -> Iterator[MemoryWatch]:
        settings = self._settings
        process = self._fanout.start(
            *("backfill", self._subscriber.name, "--no-wait", "--execute", "--read-units", "0"),
            *("--max-depth", str(settings.depth_max), "--page-size", str(settings.page_size)),
            *arguments,
            output=self._output,
        )
        watch = MemoryWatch(process, self.read)
        try:
            yield watch
        finally:
            if process.returncode is None:
                process.kill()
                watch.ended()
