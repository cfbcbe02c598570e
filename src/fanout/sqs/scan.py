"""Read a whole DLQ once without consuming it.

SQS has no way to look: a message that is read is hidden for a while. So each is hidden for
`hold_seconds` only, and hidden again while the sweep goes on, so that the next call brings others.
At the end, however it comes, all are shown again; if the process is killed, they show up by
themselves after `hold_seconds`. What is held is noted on the disk, not in memory. A sweep may keep
messages there too: while they are hidden they need no second receive.

SQS hides at most 120,000 messages of a queue at a time, and of a FIFO queue it shows only the
first messages of each group; a sweep sees no further, and its user says so.
"""

import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import chain
from typing import Self

from fanout.overlap import CALLS_MAX, overlap
from fanout.sqs.message import DeadMessage, from_line, to_line
from fanout.sqs.queue import BATCH_MAX, Receipt, SqsQueue

_RENEW_CHUNK = 1000


class HeldMessages:
    """Which messages a sweep has seen and holds, on the disk.

    A row's `until` is the monotonic time at which it becomes visible; NULL once it is gone. `line`
    is the message itself, where it is kept. `count`: how many are held.
    """

    def __init__(self) -> None:
        # A temporary database on the disk, gone once it is closed
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -500;"
            "CREATE TABLE held (id TEXT PRIMARY KEY, handle TEXT, until REAL, line TEXT);"
            "CREATE INDEX by_until ON held (until);"
        )
        self.count = 0

    def add(self, message: DeadMessage, until: float) -> bool:
        """Hold a message; whether it is seen for the first time."""
        row = (message.message_id, message.receipt_handle, until)
        insert = "INSERT OR IGNORE INTO held VALUES (?, ?, ?, NULL)"
        is_new = self._base.execute(insert, row).rowcount
        if not is_new:
            self._base.execute("UPDATE held SET handle = ?2, until = ?3 WHERE id = ?1", row)
        self.count += is_new
        return bool(is_new)

    def keep(self, message: DeadMessage) -> None:
        """Keep the message itself, for `take`."""
        line = json.dumps(to_line(message))
        self._base.execute("UPDATE held SET line = ? WHERE id = ?", (line, message.message_id))

    def take(self, count: int, after: float) -> list[DeadMessage]:
        """Up to so many of the kept messages that stay hidden until after then; once each."""
        rows = self._base.execute(
            "SELECT id, line FROM held WHERE line IS NOT NULL AND until > ? ORDER BY until LIMIT ?",
            (after, count),
        ).fetchall()
        self._base.executemany(
            "UPDATE held SET line = NULL WHERE id = ?", [(message_id,) for message_id, _ in rows]
        )
        return [from_line(json.loads(line)) for _, line in rows]

    def get(self, message_id: str) -> tuple[Receipt, float] | None:
        """What is held of a message, and until when."""
        row = self._base.execute(
            "SELECT handle, until FROM held WHERE id = ? AND until IS NOT NULL", (message_id,)
        ).fetchone()
        return (Receipt(message_id, row[0]), row[1]) if row else None

    def extend(self, receipts: Sequence[Receipt], until: float) -> None:
        """They are hidden for longer now."""
        rows = [(until, receipt.message_id) for receipt in receipts]
        self._base.executemany("UPDATE held SET until = ? WHERE id = ?", rows)

    def drop(self, message_ids: Sequence[str]) -> None:
        """They are gone: there is nothing to show again, but they count as seen."""
        for message_id in message_ids:
            self.count -= self._base.execute(
                "UPDATE held SET until = NULL WHERE id = ? AND until IS NOT NULL", (message_id,)
            ).rowcount

    def hidden(self, now: float, *, before: float = math.inf) -> Iterator[list[Receipt]]:
        """What is still hidden, and shows up before then. Some at a time, and not the expired.

        An old handle might show a message that somebody else has now.
        """
        last = ""
        while rows := self._base.execute(
            "SELECT id, handle FROM held WHERE id > ? AND until > ? AND until < ?"
            " ORDER BY id LIMIT ?",
            (last, now, before, _RENEW_CHUNK),
        ).fetchall():
            yield [Receipt(*row) for row in rows]
            last = rows[-1][0]

    def close(self) -> None:
        """Remove the file."""
        self._base.close()


HOLD_SECONDS = 45  # how long a message stays hidden after a kill; the promise is a minute at most
HOLD_SECONDS_MIN = 5
"""A thorough receive takes a second, in which nothing may show up again that is held."""
HELD_MAX = 100_000
"""Below SQS's limit of 120,000 hidden messages per queue, which others need a part of."""
KEPT_BYTES_MAX = 100_000_000
"""Of messages on the disk: more than can be moved while they are hidden."""
_PAGE_BYTES_MAX = 8_000_000
"""What several receives may bring at a time, if the next are like the last."""
_REPEATS_MAX = 200
"""Receives in a row with nothing but what was seen before, before the sweep gives up."""


@dataclass
class Sweep:
    """One pass over a DLQ; use it in a `with` block, and iterate over `pages` once.

    `stop` is asked before each call; True ends the pass. `patience_seconds`: how long to wait for
    messages that somebody hides just now. `doubt_seconds`: for how long, from now on, messages may
    be hidden though SQS's own count, which is approximate and late, shows none: as long as a killed
    process's hold lasts; there is doubt only while it `expects` messages.

    It has `seen` so many messages, and hides the `held` ones; it `came_to_end` if SQS had nothing
    more to show, and (with patience) nobody else hid anything: what was not seen is then not there,
    or (on FIFO) behind something that is. It `reached_limit` if there are more than SQS shows at a
    time.
    """

    queue: SqsQueue
    _: KW_ONLY
    hold_seconds: int = HOLD_SECONDS
    stop: Callable[[], bool] = lambda: False
    patience_seconds: float = 0
    doubt_seconds: float = 0
    expects: Callable[[], bool] = lambda: True
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    seen: int = field(init=False, default=0)
    reached_limit: bool = field(init=False, default=False)
    came_to_end: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._enough_seconds = self.hold_seconds / 4  # for what is done with a message next
        self._doubtful_until = self.monotonic() + self.doubt_seconds
        self.held = HeldMessages()
        self._kept_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.show_again()
        finally:
            self.held.close()

    def pages(self, wanted: Callable[[], float] = lambda: math.inf) -> Iterator[list[DeadMessage]]:
        """Messages that this pass has not seen yet, as they come; all of them are held.

        A message that comes again (its hiding ran out, or SQS delivered it twice) is held again
        and yielded only the first time. While SQS hands out plenty, more and more receives are
        made side by side; `wanted` is asked before them how many messages the next page may have.
        """
        repeats, width = 0, 1
        thorough = is_settled = False
        waiting_since: float | None = None
        while not self.stop() and repeats < _REPEATS_MAX:
            self.renew()
            calls = max(1, math.ceil(min(wanted(), width * BATCH_MAX) / BATCH_MAX))
            page, fresh = self._receive(calls, thorough=thorough)
            size_bytes = sum(message.size_bytes for message in fresh)
            is_plenty = len(fresh) > calls * BATCH_MAX / 2 and size_bytes <= _PAGE_BYTES_MAX / 2
            width = min(CALLS_MAX, 2 * width) if is_plenty else 1
            if fresh:
                repeats, waiting_since = 0, None
                self.seen += len(fresh)
                yield fresh
            elif page:
                repeats += 1
            elif thorough:
                if is_settled or not self.patience_seconds:
                    self.came_to_end = not self.reached_limit
                    return
                waiting_since = waiting_since or max(self.monotonic(), self._doubtful_until)
                if self.monotonic() - waiting_since >= self.patience_seconds:
                    return
                is_settled = self._settles()
            thorough = not page
            is_settled = is_settled and not page

    def messages(self, wanted: Callable[[], float] = lambda: math.inf) -> Iterator[DeadMessage]:
        """The messages of `pages`, one by one."""
        for page in self.pages(wanted):
            yield from page

    def keep(self, message: DeadMessage) -> None:
        """Keep a message that it holds for `kept_pages`, while there is room on the disk."""
        self._kept_bytes += message.size_bytes
        if self._kept_bytes <= KEPT_BYTES_MAX:
            self.held.keep(message)

    def kept_pages(
        self, wanted: Callable[[], float] = lambda: math.inf
    ) -> Iterator[list[DeadMessage]]:
        """What it kept, as `pages`, without another receive; only what stays hidden long enough."""
        take, enough = self.held.take, self._enough_seconds
        while page := take(int(min(wanted(), BATCH_MAX)), self.monotonic() + enough):
            yield page

    def receipts(self, messages: Sequence[DeadMessage]) -> list[Receipt]:
        """What to show SQS to delete messages: the newest handles, hidden for long enough.

        Where a hold is about to run out it is renewed first, so that nobody else gets the message.
        """
        now = self.monotonic()
        receipts, late = [], []
        for message in messages:
            given = Receipt(message.message_id, message.receipt_handle), 0.0
            receipt, until = self.held.get(message.message_id) or given
            receipts.append(receipt)
            if until - now < self._enough_seconds:
                late.append(receipt)
        self.queue.hide(late, seconds=self.hold_seconds)
        self.held.extend(late, now + self.hold_seconds)
        return receipts

    def renew(self) -> None:
        """Hide again what is about to show up, so that the next receive brings others.

        Beyond `HELD_MAX` SQS would soon hand out nothing more: then holds run out by themselves,
        and what comes again is known and skipped.
        """
        if self.held.count > HELD_MAX:
            self.reached_limit = True
            return
        now = self.monotonic()
        for receipts in self.held.hidden(now, before=now + self.hold_seconds / 2):
            self.queue.hide(receipts, seconds=self.hold_seconds)
            self.held.extend(receipts, self.monotonic() + self.hold_seconds)

    def show_again(self) -> None:
        """Show everything again that is still held."""
        for receipts in self.held.hidden(self.monotonic()):
            self.queue.hide(receipts, seconds=0)
            self.held.drop([receipt.message_id for receipt in receipts])

    # Private functions

    def _receive(self, calls: int, *, thorough: bool) -> tuple[list[DeadMessage], ...]:
        """What so many receives bring, all of it held, and what of that is seen for the first time.

        Where one of them fails, what the others brought is held, so that it is shown again.
        """
        until = self.monotonic() + self.hold_seconds
        received = overlap(
            lambda _: self.queue.receive(hold_seconds=self.hold_seconds, thorough=thorough),
            range(calls),
        )
        page = list(chain.from_iterable(received.answers))
        fresh = [message for message in page if self.held.add(message, until)]
        received.require_all()
        return page, fresh

    def _settles(self) -> bool:
        """Whether nobody else hides anything, so that the next empty receive is the end.

        The order matters: what somebody stops hiding between a receive and this look would be
        seen by neither.
        """
        doubtful = self.monotonic() < self._doubtful_until and self.expects()
        if doubtful or self.queue.facts().depth.in_flight > self.held.count:
            self.sleep(0.5)
            return False
        return True
