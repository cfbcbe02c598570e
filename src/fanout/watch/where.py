"""`fanout where`: one customer's changes of the last day, and what became of each everywhere.

The stream says what changed; the failure store, each subscriber's row, DLQ and log say where it
went. Live queues are never read, as that would use up attempts, and a DLQ only where a change is
found nowhere else.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Annotated, Any, cast

import typer
from rich.markup import escape

from customer_events.encoder import encode
from customer_events.event import CustomerStatusChanged
from customer_events.instants import to_wire
from event_consumer.order_guard import CLOCK_TOLERANCE
from fanout.aws import AwsTarget
from fanout.console import OUT, Json, option, print_facts, print_json, table, working
from fanout.dlq.diagnosis import diagnose
from fanout.dlq.selection import dead_since
from fanout.errors import Refused, WrongUse
from fanout.failures.records import Record, customer_of
from fanout.failures.store import Deployment, find_deployment
from fanout.runs.function import log_lines
from fanout.sqs.queue import SqsQueue
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription, of_subscriber
from fanout.streams.records import shape_record
from fanout.streams.shards import ShardReader, describe
from fanout.text import moment
from publisher.events import Producer, to_entries
from publisher.failure_store import key_of
from publisher.ports import ParkedRecord
from publisher.reasons import BadRecord
from publisher.stream_records import StreamRecord
from publisher.transitions import NoTransition, detect
from sentinel.compare import StoredRow, guarded_table_rows
from sentinel.contract.filters import Domain, branches, matches
from sentinel.discovery import Subscriber, list_subscribers
from sentinel.snapshots import Snapshot, Unreadable
from sentinel.table import find_accounts

RECORDS_MAX = 200_000  # of the whole stream, which holds a day of everybody's changes
DEAD_MAX = 10_000  # messages of a DLQ
_EMPTY_PAGES_MAX = 5
"""In a row, of a shard that is still written to: GetRecords may answer some before the data."""
_HOLD_SECONDS = 10
_LINES_MAX = 100
_BLINDED_RECEIVES = 3
"""From this receive on CloudWatch leaves a message out of its queue's age (SQS metrics page)."""

# What became of a change at a subscriber, by what was found


class State(StrEnum):
    """Where a change is."""

    APPLIED = "applied"
    SUPERSEDED = "superseded"
    DEAD = "dead"
    RETRIED = "retried"
    PARKED = "parked"
    NOT_SELECTED = "not selected"
    WAITING = "in its queue"
    NOT_FOUND = "not found"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a change is (`where`: at a subscriber, or the publisher), and since when."""

    where: str
    state: State
    detail: str = ""
    at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayChange:
    """A change of the customer in the stream; `events` are what the publisher makes of it.

    `record_id` is the stream's `eventID`; `refused` is where it is if it can't be an event.
    """

    record_id: str
    number: int
    at: datetime | None
    events: Sequence[CustomerStatusChanged] = ()
    refused: Place | None = None

    @property
    def transition(self) -> str:
        """`ACTIVE>SUSPENDED`, in the newest version's words; `?` where it is no event."""
        if not self.events:
            return "?"
        return f"{self.events[-1].previous_status or 'NONE'}>{self.events[-1].status}"

    @property
    def ids(self) -> list[str]:
        """Of its events, or of the stream's record where it is none."""
        return [str(event.event_id) for event in self.events] or [self.record_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one subscriber shows of the customer.

    `waiting`: messages in its queue, anybody's; `evidence`: by event id, what its DLQ or its log
    says of the events that were looked for.
    """

    subscriber: Subscriber
    row: StoredRow | None
    waiting: int
    evidence: Mapping[str, Place]


def place(change: DayChange, seen: Seen) -> Place:
    """What became of an event at a subscriber; the surest evidence first."""
    said, row = partial(Place, where=seen.subscriber.name), seen.row and seen.row.row
    chosen = [event for event in change.events if selects(seen.subscriber, event)]
    if not chosen:
        return said(state=State.NOT_SELECTED, detail="its filter does not let it through")
    event = chosen[0]
    if seen.row and row and row.sequence == event.sequence:
        return said(state=State.APPLIED, at=seen.row.own["applied_at"])
    for event_id in seen.evidence.keys() & set(change.ids):
        return seen.evidence[event_id]
    # By the order guard: what is older by sequence and clearly newer by time is parked instead.
    is_older = row and row.sequence > event.sequence
    if row and is_older and event.occurred_at <= row.occurred_at + CLOCK_TOLERANCE:
        return said(state=State.SUPERSEDED, detail="the row holds a later change")
    state, detail = State.NOT_FOUND, f"compare: fanout reconcile {seen.subscriber.name}"
    if seen.subscriber.table is None:
        state, detail = State.UNKNOWN, "it has no table that is known here"
    elif seen.waiting:
        state, detail = State.WAITING, f"or on its way; {seen.waiting:,} messages wait, anybody's"
    return said(state=state, detail=detail)


def selects(subscriber: Subscriber, event: CustomerStatusChanged) -> bool:
    """Whether a subscriber's filter lets an event through."""
    if event.schema_version not in subscriber.versions:
        return False
    if not subscriber.filter:
        return True
    values = dict(event.filter_attributes())
    if {"detail", "detail-type"} & subscriber.filter.keys():
        document = json.loads(encode(event))
        envelope = {"source": event.source, "detail-type": "CustomerStatusChanged"}
        values = dict(_flat(envelope | {"detail": document}))
    fields = {path: Domain(values=(value,)) for path, value in values.items()}
    return bool(matches(branches(dict(subscriber.filter)), fields))


def _flat(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


# How it is found out


class Search:
    """One customer; `remarks` say what could not be looked at, or was touched by looking."""

    def __init__(self, target: AwsTarget, customer: str) -> None:
        self._target = target
        self._customer = customer
        self._deployment: Deployment = find_deployment(target)
        self._accounts = find_accounts(target, self._deployment.publisher)
        self.remarks: list[str] = []

    def account(self) -> Snapshot | Unreadable | None:
        """The customer in Accounts, as it is now."""
        return self._accounts.lookup([self._customer])[0].get(self._customer)

    def changes(self, records_max: int) -> list[DayChange]:
        """The customer's changes in the stream, oldest first; reads so many records at most."""
        key, read = self._deployment.publisher.customer_id_attribute, 0
        found: list[Record] = []
        with working("reading the stream") as advance:
            for page in self._pages():
                found += [each for each in page if customer_of(each, key) == self._customer]
                read += len(page)
                advance(len(page))
                if read >= records_max:
                    self.remarks.append(
                        f"The stream was read to {read:,} records only; there may be later "
                        "changes: raise --records-max."
                    )
                    break
        changes = [change for record in found if (change := self._change(record))]
        return sorted(changes, key=lambda change: change.number)

    def seen(self, subscriber: Subscriber, changes: Sequence[DayChange]) -> Seen:
        """What one subscriber shows: its row, then its log of what is missing, then its DLQ."""
        subscription = of_subscriber(self._target, subscriber)
        waiting = self._depth(subscription.queue)
        row = self._row(subscriber)
        seen = Seen(subscriber=subscriber, row=row, waiting=waiting, evidence={})
        settled = {State.APPLIED, State.SUPERSEDED, State.NOT_SELECTED}
        missing = [
            event_id
            for change in changes
            if change.events and place(change, seen).state not in settled
            for event_id in change.ids
        ]
        evidence = dict(self._logged(subscriber, missing))
        if set(missing) - evidence.keys() and self._depth(subscription.dlq):
            evidence |= dict(self._dead(subscription))
        return replace(seen, evidence=evidence)

    # Private functions

    def _depth(self, queue: SqsQueue) -> int:
        """Messages in it; none where it is gone, which is a remark."""
        try:
            return queue.facts().depth.total
        except Refused as error:
            self.remarks.append(str(error))
            return 0

    def _pages(self) -> Iterator[list[Record]]:
        client, arn = self._target.client("dynamodbstreams"), self._deployment.publisher.stream_arn
        for shard in describe(client, arn).shards:
            reader, empty = ShardReader(client, stream_arn=arn, shard_id=shard), 0
            while not reader.is_ended and empty < _EMPTY_PAGES_MAX:
                page = reader.read()
                empty = 0 if page else empty + 1
                yield [shape_record(raw, stream_arn=arn) for raw in page]

    def _change(self, raw: Record) -> DayChange | None:
        """What a record is to the publisher; None where it changes no status."""
        record, publisher = StreamRecord(raw), self._deployment.publisher
        number = int(record.sequence_number or 0)
        change = DayChange(record_id=record.record_id, number=number, at=record.created_at)
        try:
            transition = detect(record, self._deployment.rules)
        except BadRecord as bad:
            return replace(change, refused=self._refused(record, bad))
        if isinstance(transition, NoTransition):
            return None
        producer = Producer(
            source=publisher.source,
            epoch=publisher.sequence_epoch,
            versions=publisher.publish_versions,
        )
        events = [entry.event for entry in to_entries(transition, producer)]
        return replace(change, events=cast("list[CustomerStatusChanged]", events))

    def _refused(self, record: StreamRecord, bad: BadRecord) -> Place:
        """Where a record is that can't become an event."""
        parked = ParkedRecord(record=record, reason=bad, parked_at=datetime.now(UTC))
        stored = self._deployment.store.read(key_of(parked))
        state, detail = State.NOT_FOUND, f"{bad.code}; not in the failure store, or not yet"
        if stored is not None:
            state, detail = State.PARKED, f"{bad.code}: {bad.expected}; fanout failures list"
        at = to_wire(stored.at) if stored and stored.at else None
        return Place(where="publisher", state=state, detail=detail, at=at)

    def _row(self, subscriber: Subscriber) -> StoredRow | None:
        if subscriber.table is None:
            return None
        client = self._target.client("dynamodb")
        try:
            rows = guarded_table_rows(client, subscriber.table, ["applied_at"])
            return rows.lookup([self._customer]).get(self._customer)
        except WrongUse as error:
            self.remarks.append(str(error))
            return None

    def _dead(self, subscription: Subscription) -> Iterator[tuple[str, Place]]:
        name, blinded = subscription.subscriber.name, 0
        with Sweep(subscription.dlq, hold_seconds=_HOLD_SECONDS) as sweep:
            for message in islice(sweep.messages(), DEAD_MAX):
                blinded += message.receive_count >= _BLINDED_RECEIVES
                found = diagnose(message, subscription.reader)
                if found.customer_id != self._customer:
                    continue
                detail = f"{found.cause.code}, message {message.message_id}"
                if found.event is None:
                    self.remarks.append(f"Dead at {name}, and not readable: {detail}.")
                    continue
                at = to_wire(dead_since(message))
                dead = Place(where=name, state=State.DEAD, detail=detail, at=at)
                yield str(found.event.event_id), dead
            self.remarks.append(
                f"Reading the DLQ of {name} counted as a receive of each of its {sweep.seen:,} "
                f"messages. {blinded:,} of them have {_BLINDED_RECEIVES} or more now, so "
                "CloudWatch leaves them out of the DLQ's age: see fanout dlq list."
            )

    def _logged(
        self, subscriber: Subscriber, event_ids: Iterable[str]
    ) -> Iterator[tuple[str, Place]]:
        """What the consumer logged of each event; of several lines the last counts."""
        since = datetime.now(UTC) - timedelta(days=1)
        for event_id in event_ids if subscriber.function_name else ():
            function, pattern = str(subscriber.function_name), f'"{event_id}"'
            lines = log_lines(self._target, function, since=since, pattern=pattern)
            for line in islice(lines, _LINES_MAX):
                for problem in line.get("problems") or []:
                    if problem["event_id"] == event_id:
                        yield event_id, _logged_place(subscriber.name, problem, line["timestamp"])


def _logged_place(name: str, problem: Mapping[str, Any], at: str) -> Place:
    said, reason = partial(Place, where=name, at=at), problem["reason"]
    if problem["outcome"] == "RETRY":
        times = f"received {problem['receive_count']} times; it waits"
        return said(state=State.RETRIED, detail=f"{reason}, {times}")
    return said(state=State.DEAD, detail=f"{reason}, by the consumer's log")


# How it is shown


def where(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    *,
    records_max: Annotated[
        int, option("Records of the stream to read at most.", min=1)
    ] = RECORDS_MAX,
    as_json: Json = False,
) -> None:
    """Follow one customer: the item, its changes of the last day, and where each one is.

    Reads the whole stream. Reads a DLQ, and says so, only for a change that
    it finds nowhere else.
    """
    if not customer:
        raise WrongUse("CUSTOMER is empty: name the customer's id.")
    search = Search(context.obj, customer)
    account, changes = search.account(), search.changes(records_max)
    seen = [search.seen(each, changes) for each in list_subscribers(context.obj)]
    places = [
        [change.refused] if change.refused else [place(change, each) for each in seen]
        for change in changes
    ]
    remarks = [*search.remarks, *_unknowable(places)]
    if as_json:
        print_json(
            {
                "customer": customer,
                "account": account and asdict(account),
                "rows": {each.subscriber.name: each.row and each.row.status for each in seen},
                "changes": list(map(_document, changes, places)),
                "remarks": remarks,
            }
        )
        return
    _show_customer(customer, account, seen)
    _show_changes(changes, places)
    for remark in remarks:
        OUT.print(f"· {escape(remark)}", style="dim", soft_wrap=False)


def _document(change: DayChange, places: Sequence[Place]) -> dict[str, Any]:
    return {
        "at": change.at,
        "transition": change.transition,
        "sequence": change.events[0].sequence if change.events else None,
        "ids": change.ids,
        "places": [asdict(each) for each in places],
    }


def _unknowable(places: Sequence[Sequence[Place]]) -> Iterator[str]:
    states = {each.state for found in places for each in found}
    yield "The stream keeps 24 hours: of earlier changes only the rows tell."
    if State.SUPERSEDED in states:
        yield "Superseded: a row does not tell whether it ever held the earlier change."
    if State.WAITING in states or State.NOT_FOUND in states:
        yield (
            "No live queue was read, as that uses up attempts: what no row, log or DLQ shows may "
            "wait there, or is not published yet. See fanout status."
        )


def _show_customer(
    customer: str, account: Snapshot | Unreadable | None, seen: Sequence[Seen]
) -> None:
    now = "not there"
    if isinstance(account, Unreadable):
        now = f"{account.code}: {account.expected}"
    elif account:
        now = f"{account.status}, read at {moment(account.read_at)}"
    rows = [(f"row of {each.subscriber.name}", _row_text(each)) for each in seen]
    print_facts(f"Customer {customer}", [("Accounts", now), *rows])


def _row_text(seen: Seen) -> str:
    if seen.row is None:
        return "none" if seen.subscriber.table else "no table is known here"
    order = f"\nsequence {seen.row.row.sequence}" if seen.row.row else ""
    return f"{seen.row.status}, applied at {_short(seen.row.own['applied_at'])}{order}"


def _show_changes(changes: Sequence[DayChange], places: Sequence[Sequence[Place]]) -> None:
    rows = table(f"{len(changes)} changes in the last day", "at (UTC)", "change", "where it is")
    for change, found in zip(changes, places, strict=True):
        lines = [*map(_place_text, found), *(f"id {each}" for each in change.ids)]
        at, what = moment(change.at)[11:], escape(change.transition)
        rows.add_row(at, what, escape("\n".join(lines)), end_section=True)
    OUT.print(rows)


def _place_text(place: Place) -> str:
    at = f" at {_short(place.at)}" if place.at else ""
    detail = f" ({place.detail})" if place.detail else ""
    return f"{place.where}: {place.state}{at}{detail}"


def _short(at: str | None) -> str:
    """To the second, as tables show it; `-` for none."""
    return (at or "-")[:19].replace("T", " ")
