"""Freeze what a command is about: ids in its journal, and a cut-off time. Nothing stays held.

What comes into the DLQ later is not in the selection. Where SQS shows only a part of what there is
(a FIFO DLQ shows the first messages of each group), the cut-off time decides about the rest once it
shows: on FIFO, SQS stamps a message when it comes into the DLQ.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from event_consumer.consume_batch import Reader
from fanout.dlq.diagnosis import Diagnosis, diagnose
from fanout.dlq.message import DeadMessage
from fanout.dlq.ports import DeadLetters, QueueFacts
from fanout.dlq.selection import Selection
from fanout.dlq.sweep import Sweep
from fanout.runs.ledger import State
from fanout.runs.records import ended
from fanout.runs.run import SELECTED_PER_LINE, Run

_REASONS_MAX = 20
DATE_RESOLUTION = timedelta(seconds=1)
"""AWS tells its time in whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """How many messages were selected, of how many seen, and why those are dead.

    `remarks` say what was not seen.
    """

    selected: int
    seen: int
    reasons: Mapping[str, int]
    remarks: tuple[str, ...]


def freeze(
    dlq: DeadLetters,
    selection: Selection,
    run: Run,
    *,
    reader: Reader,
    limit: int | None,
    hold_seconds: int,
    stop: Callable[[], bool],
    patience_seconds: float = 0,
    progress: Callable[[int], None] = lambda _seen: None,
    describe: Callable[[DeadMessage, Diagnosis], dict[str, Any]] | None = None,
    unreadable_end: str = "",
) -> Frozen:
    """Read the DLQ once and write what is selected into the run.

    At most `limit` messages are selected. With an `unreadable_end`, what can't be read now (or not
    be sent, as edited) is ended so at once, and does not count.
    `patience_seconds`: how long to wait for what somebody, or a killed run of this command, hides
    just now. `stop` is asked before each call; `progress` is called with how many messages were
    seen so far.
    `describe` says what the journal holds of a message; `facts_of` by default.
    Where it is stopped, or was killed before, the run stays without a selection (`Run.is_frozen`);
    freezing again completes it.
    """
    describe = describe or facts_of
    facts = dlq.facts()
    reasons: Counter[str] = Counter()
    cut_off = facts.asked_at + DATE_RESOLUTION
    with Sweep(
        dlq,
        hold_seconds=hold_seconds,
        stop=stop,
        patience_seconds=patience_seconds,
        doubt_seconds=hold_seconds + 1 if patience_seconds else 0,
    ) as sweep:
        matching = (
            describe(message, diagnosis)
            for message, diagnosis in _seen(sweep, reader, progress, reasons)
            if message.sent_at <= cut_off
            and selection.matches(message, diagnosis)
            and run.ledger.get(message.message_id) is None  # from before a crash
        )
        most = None if limit is None else limit - run.ledger.count()
        run.select(_limited(matching, most, all_count=not unreadable_end))
        if stop():
            return Frozen(selected=0, seen=sweep.seen, reasons=reasons, remarks=())
        if unreadable_end:
            _leave_out(run, unreadable_end)
        seen, selected = sweep.seen, run.ledger.count()
        at_limit = limit is not None and run.ledger.count(State.WAITING) >= limit
        remarks = [] if at_limit else what_was_not_seen(facts, seen)
    if at_limit:
        remarks.append(f"--limit {limit} was reached: there may be more.")
    run.freeze(cut_off=cut_off, left_out=remarks)
    return Frozen(selected=selected, seen=seen, reasons=reasons, remarks=tuple(remarks))


def facts_of(message: DeadMessage, diagnosis: Diagnosis) -> dict[str, Any]:
    """What the journal says of a selected message: ids and codes, nothing personal."""
    item: dict[str, Any] = {
        "id": message.message_id,
        "group": diagnosis.cause.key,
        "origin": diagnosis.cause.origin.value,
        "reason": diagnosis.cause.code,
        "field": diagnosis.cause.field,
        "readable": diagnosis.error is None,
    }
    if diagnosis.error is not None:
        item["unreadable"] = diagnosis.error.code
    first = message.first_delivery.message_id
    if first != message.message_id:
        item["alias"] = first
    if message.group_id and message.sequence_number:
        item |= {
            "message_group": message.group_id,
            "sequence_number": int(message.sequence_number),
        }
    return item


def what_was_not_seen(facts: QueueFacts, seen: int) -> list[str]:
    """Sentences for what a reading of the DLQ may have left out."""
    remarks = []
    if facts.fifo:
        remarks.append(
            "This DLQ is FIFO: SQS shows only the first messages of each message group until "
            "they are gone; later ones of the same customers are behind them."
        )
    if facts.depth.hidden:
        remarks.append(
            f"{facts.depth.hidden:,} are hidden just now: somebody else is reading them, or was "
            "killed while reading; they show up within a minute of that."
        )
    missing = facts.depth.visible - seen
    if missing > 0 and not facts.fifo:
        remarks.append(
            f"{seen:,} of about {facts.depth.visible:,} were read; SQS hides at most 120,000 of a "
            "queue at a time, and its own count is approximate. Repeat the command for the rest."
        )
    return remarks


# Private functions


def _seen(
    sweep: Sweep, reader: Reader, progress: Callable[[int], None], reasons: Counter[str]
) -> Iterator[tuple[DeadMessage, Diagnosis]]:
    for page in sweep.pages():
        progress(sweep.seen)
        for message in page:
            diagnosis = diagnose(message, reader)
            if diagnosis.cause.code in reasons or len(reasons) < _REASONS_MAX:
                reasons[diagnosis.cause.code] += 1
            yield message, diagnosis


def _limited(
    items: Iterator[dict[str, Any]], most: int | None, *, all_count: bool
) -> Iterator[dict[str, Any]]:
    left = sys.maxsize if most is None else most
    while left > 0 and (item := next(items, None)) is not None:
        left -= all_count or item["readable"]
        yield item


def _leave_out(run: Run, end: str) -> None:
    """End what can't be read, before anything is moved."""
    unreadable = (one for one in run.ledger.items(State.WAITING) if not one.facts["readable"])
    while page := list(islice(unreadable, SELECTED_PER_LINE)):
        run.record(
            ended({"id": one.id, "end": end, "why": one.facts["unreadable"]} for one in page)
        )
