"""Publish again what the failure store holds: oldest change first, each customer's in order.

An object is the unit of the journal, a record that of the order: records of several objects go out
merged by their numbers. After a kill an object that is not done with is published again from its
first record, with the same event ids, which a consumer recognises. `why_not_discard` says which
objects a later change has superseded, so that they may be moved away instead.
"""

import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from heapq import heappop, heappush
from itertools import chain, islice
from typing import Any, ClassVar, Self

from botocore.exceptions import BotoCoreError, ClientError

from fanout.aws import AwsTarget, code_of
from fanout.errors import Refused
from fanout.failures.records import (
    Failure,
    Kind,
    Record,
    StreamRange,
    as_object,
    customer_of,
    forecast,
    is_of_earlier_stream,
    sequence_of,
)
from fanout.failures.store import (
    FAILED,
    REFUSED,
    Deployment,
    Outcome,
    PublisherFunction,
    find_deployment,
)
from fanout.overlap import CALLS_MAX, overlap
from fanout.runs.function import calls, patient_client
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import Item, State
from fanout.runs.operation import OPEN, Ending, Nothing, Operation, Plan, Selecting, Words, Work
from fanout.runs.store import Run
from publisher import attribute_values
from publisher.transitions import TableRules, is_customer, known_status

PUBLISH, MOVE = "publish", "move"  # the steps
RECOVERED, DISCARDED, GONE = "RECOVERED", "DISCARDED", "GONE"
WORDS = Words(
    good=frozenset({RECOVERED, DISCARDED}),
    item="object",
    twice="the same event ids make the second a DUPLICATE",
    meanings={
        RECOVERED: "All of its records were published, or hold no change; moved to recovered/.",
        DISCARDED: "Moved to discarded/, with the reason in the journal.",
        REFUSED: "The publisher refuses some of its records as they are; it stays in the store.",
        GONE: "No longer there, or its records are no longer in the stream.",
        "waiting": "Not tried; still in the store. Resume the run.",
        "publish unconfirmed": "Handed to the publisher, not all answered; in the store. Resume.",
        "publish done": "Published; not moved to recovered/ yet. Resume the run: it moves only.",
        "publish failed": "The bus did not take all of it; still in the store. Resume the run.",
        "move unconfirmed": "Done with; its move is unconfirmed. Resume the run: it moves only.",
        "move failed": "Done with, but still in its place. Resume the run: it moves only.",
    },
)


# The records of many objects as one sequence, oldest change first, in little memory


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRecord:
    """A record and the object that it is in; `last`: all others of that object came before."""

    item_id: str
    record: Record
    last: bool


Opened = tuple[float, str, Sequence[Record]]
"""An object: the number of its earliest record, its id, and its records."""


def merged(objects: Iterable[Opened]) -> Iterator[QueuedRecord]:
    """Every record by its number; those of equal numbers in the order of their objects.

    The `objects` come in the order of their numbers; at most one is taken before it is due.
    """
    heap: list[tuple[int, int, int, QueuedRecord]] = []
    end: Opened = (math.inf, "", ())
    for opened, (number, item_id, records) in enumerate(chain(objects, [end])):
        while heap and heap[0][0] < number:
            yield heappop(heap)[-1]
        for index, record in enumerate(sorted(records, key=sequence_of), start=1):
            queued = QueuedRecord(item_id=item_id, record=record, last=index == len(records))
            heappush(heap, (sequence_of(record), opened, index, queued))


MOVES_MAX = 200
RECORDS_PER_CALL_MAX = 200
_BEHIND = Outcome(outcome=FAILED, reason="BehindFailedRecord")
"""An earlier change of the same customer failed, so this one waits for it."""


@dataclass(slots=True)
class Recovery:
    """One stretch of work on a run."""

    operation: "FailuresRecover"
    run: Run
    work: Work
    function: PublisherFunction
    _objects_done: int = 0
    _outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    _failed_customers: set[str] = field(default_factory=set)

    def publish_all(self) -> Ending:
        """Go over every open object once; stop where the publisher took nothing of a whole call."""
        work, ledger = self.work, self.run.ledger
        published = filter(_is_published, ledger.items(State.DOING, State.DID, State.FAILED))
        self._objects_done = self.operation.move_all(self.run, work, published)
        records_max = work.pace.at_once(RECORDS_PER_CALL_MAX)
        for call in calls(merged(self._objects()), lambda queued: queued.record, records_max):
            work.pace.take(len(call))
            if work.stop():
                break
            work.keep_lock()
            faults = self._publish(call)
            self._finish([queued.item_id for queued in call if queued.last])
            if faults:
                return Ending(
                    sentence=f"Stopped, since the publisher could publish nothing ({faults}), with "
                    f"{ledger.count(*OPEN):,} objects left: fix the bus, then resume."
                )
        return Ending()

    # Private functions

    def _objects(self) -> Iterator[Opened]:
        """Each object that is to be published, once it and the next few have been read."""
        items = (item for item in self.run.ledger.items(*OPEN) if not _is_published(item))
        while page := list(islice(items, CALLS_MAX)):
            # No name keeps the answers: this page is out of memory when the next is read.
            found = zip(page, overlap(self._read, page).require_all(), strict=True)
            for item, (records, why) in found:
                if records:
                    yield int(item.facts["first"]), item.id, records
                else:
                    self.run.record(ended([{"id": item.id, "end": GONE, "why": why}]))
                    self._advance(1)

    def _read(self, item: Item) -> tuple[Sequence[Record], str]:
        """An object's records, or why there are none."""
        options, deployment = self.run.options, self.operation.deployment
        failure = self.operation.read(item.id, options)
        if failure is None:
            return (), "no longer there: recovered or discarded by someone"
        try:
            records = deployment.records_of(failure, from_stream=options["from_stream"])
        except Refused as refusal:
            return (), str(refusal)
        return records, "it holds no record now"

    def _advance(self, objects: int) -> None:
        self._objects_done += objects
        self.work.progress(self._objects_done)

    def _publish(self, call: Sequence[QueuedRecord]) -> str:
        """The reasons, where the publisher took none of them."""
        ids = dict.fromkeys(queued.item_id for queued in call)
        new = [item_id for item_id in ids if item_id not in self._outcomes]
        self.run.record(intent(PUBLISH, new))
        self._outcomes.update((item_id, []) for item_id in new)
        name = self.operation.deployment.rules.customer_id_attribute
        customers = [customer_of(queued.record, name) for queued in call]
        behind = [customer in self._failed_customers for customer in customers]
        sent = [queued.record for queued, waits in zip(call, behind, strict=True) if not waits]
        outcomes = self.function.publish(sent) if sent else []
        answers = iter(outcomes)
        for queued, customer, waits in zip(call, customers, behind, strict=True):
            outcome = _BEHIND if waits else next(answers)
            self._outcomes[queued.item_id].append(outcome)
            if outcome.outcome == FAILED and customer is not None:
                self._failed_customers.add(customer)
        if any(outcome.outcome != FAILED for outcome in outcomes):
            return ""
        return ", ".join(sorted({outcome.reason for outcome in outcomes}))

    def _finish(self, item_ids: Sequence[str]) -> None:
        """Record how objects ended whose records all have an outcome, and move what ended well."""
        results, endings, published = [], [], []
        for item_id in item_ids:
            outcomes = self._outcomes.pop(item_id)
            counts = Counter(outcome.outcome.lower() for outcome in outcomes)
            detail: dict[str, Any] = {"id": item_id, **counts}
            if reasons := sorted({outcome.reason for outcome in outcomes if outcome.reason}):
                detail["why"] = ", ".join(reasons)
            if counts["failed"]:
                results.append({**detail, "ok": False})
            elif counts["refused"]:
                endings.append({**detail, "end": REFUSED})
            else:
                results.append({**detail, "ok": True})
                published.append(item_id)
        self.run.record(done(PUBLISH, results), ended(endings))
        items = [item for item_id in published if (item := self.run.ledger.get(item_id))]
        self.operation.move(self.run, items)
        self._advance(len(item_ids))


def _is_published(item: Item) -> bool:
    """Whether it only has to be moved."""
    return item.step == MOVE or (item.step == PUBLISH and item.state is State.DID)


# Discard: only what a later change, which stands in Accounts, has superseded


ItemNow = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""The item of a key in Accounts as it is now; None where there is none."""

OF_A_BATCH = "a batch of several records: recover it"
NOT_REFUSED = "it may be published as it is: recover it"


def why_not_discard(failure: Failure, rules: TableRules, item_now: ItemNow) -> str:
    """Why an object is not to be discarded; "" where a later change has superseded it."""
    if failure.kind is not Kind.PARKED or not failure.records:
        return OF_A_BATCH
    record = failure.records[0]
    if forecast(record, rules).would != "refuse":
        return NOT_REFUSED
    if _is_superseded(record, rules, item_now):
        return ""
    fault = "the item is gone" if _is_removal(record, rules) else "the item is as it was"
    return f"nothing has superseded it ({fault}): write the item anew in Accounts, then discard"


def _is_removal(record: Record, rules: TableRules) -> bool:
    """Whether the customer is gone after it: the item is, or has ceased to be a customer."""
    if record.get("eventName") == "REMOVE":
        return True
    image = as_object(record.get("dynamodb")).get("NewImage")
    return isinstance(image, dict) and not is_customer(image, rules)


def _is_superseded(record: Record, rules: TableRules, item_now: ItemNow) -> bool:
    """Whether a later change of the item was, or will be, published in its place."""
    stream = as_object(record.get("dynamodb"))
    keys, image = as_object(stream.get("Keys")), as_object(stream.get("NewImage"))
    if not keys:
        return False
    item = item_now(keys)
    was_removed = _is_removal(record, rules)
    if item is None or not is_customer(dict(item), rules):
        return not was_removed
    if not _reads_well(item, keys, rules):
        return False
    if was_removed:
        return True
    if rules.sequence_attribute is None:
        return known_status(dict(item), rules) is not known_status(dict(image), rules)
    then = attribute_values.whole_number(image.get(rules.sequence_attribute))
    now = attribute_values.whole_number(item.get(rules.sequence_attribute))
    return now is not None and (then is None or now > then)


def _reads_well(item: Mapping[str, Any], keys: Mapping[str, Any], rules: TableRules) -> bool:
    """Whether the item as it is now could be published, as if it were new."""
    written_now = {
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": dict(keys),
            "NewImage": dict(item),
            "ApproximateCreationDateTime": int(datetime.now(UTC).timestamp()),
            "SequenceNumber": "1",
        },
    }
    return forecast(written_now, rules).would == "publish"


EARLIER_STREAM = (
    "of an earlier stream, whose numbers do not continue in today's: bring the rows up to date "
    "with `fanout reconcile SUBSCRIBER --repair`, then discard it with --even-if-current"
)


class _FailuresOperation(Operation):
    """Either of them: what is done with is moved to `FOLDER/RUN`, and ends as `end`.

    `end_if_missing`: how an object ends that is neither there nor where it was; `if_refused`: what
    to say of a plan in which so many records would be refused.
    """

    words = WORDS
    lock = "failures"
    folder: ClassVar[str]
    end: ClassVar[str]
    end_if_missing: ClassVar[str]
    if_refused: ClassVar[str] = ""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, self.target = deployment, deployment.target

    @classmethod
    def reopen(cls, target: AwsTarget, header: Mapping[str, Any]) -> Self:
        """See `Operation.reopen`."""
        deployment = find_deployment(target)
        deployment.require_same(header["subject"])
        return cls(deployment)

    def subject(self) -> Mapping[str, Any]:
        """See `Operation.subject`."""
        publisher = self.deployment.publisher
        return {
            "prefix": self.target.prefix,
            "failure_bucket": publisher.failure_bucket,
            "function_name": publisher.function_name,
            "stream_arn": publisher.stream_arn,
        }

    def select(self, run: Run, selecting: Selecting) -> Nothing:
        """See `Operation.select`: objects, in the order of their earliest records."""
        cut_off, wanted, limit = datetime.now(UTC), run.options["wanted"], run.options["limit"]
        items: list[dict[str, Any]] = []
        left_out: Counter[str] = Counter()
        for count, failure in enumerate(self._candidates(run.options), start=1):
            selecting.progress(count)
            if selecting.stop():
                return Nothing()
            try:
                item = self._item(failure, run.options)
            except Refused as refusal:
                left_out[str(refusal)] += 1
            else:
                items += [item] if item else []
        items.sort(key=lambda item: (int(item["first"]), item["id"]))
        remarks = [f"Left out, {count:,}: {why}." for why, count in left_out.items()]
        if limit is not None and len(items) > limit:
            later = len(items) - limit
            remarks.append(f"--limit {limit} was reached: {later:,} later ones are left.")
        run.select(items[:limit])
        run.freeze(cut_off=cut_off, left_out=remarks)
        return Nothing(
            sentence="Nothing is selected: `fanout failures list` shows what there is.",
            asked=any([run.options.get("range"), *wanted.values()]),
        )

    def plan(self, run: Run) -> Plan:
        """See `Operation.plan`: records are counted by what is expected of them."""
        groups: dict[tuple[str, str], Counter[str]] = {}
        for item in run.ledger.items(*OPEN):
            facts = item.facts
            group = groups.setdefault((facts["reason"], facts["refused_for"]), Counter())
            group.update({name: int(facts[name]) for name in _COUNTS}, objects=1)
        total = sum(groups.values(), Counter[str]())
        documents = [
            {"reason": reason, "would_be_refused_for": refused_for}
            | {name: group[name] for name in ("objects", *_COUNTS)}
            for (reason, refused_for), group in sorted(groups.items())
        ]
        rows = [(str(document["reason"]), _expected(document)) for document in documents]
        if rate := run.options.get("rate"):
            rows.append(("rate", f"{rate:g} records a second at most"))
        refused = total["refuse"]
        return Plan(
            document={**{name: total[name] for name in _COUNTS}, "groups": documents},
            rows=tuple(rows),
            remarks=(self.if_refused.format(refused),) if self.if_refused and refused else (),
        )

    def read(self, key: str, options: Mapping[str, Any]) -> Failure | None:
        """An object, or the range of the stream that a run's options name; None: it is gone."""
        named = _named(options)
        if named is not None and key == named.item_id:
            return Failure(key=key, kind=Kind.RANGE, reason="NamedRange", stream_range=named)
        return self.deployment.store.read(key)

    @abstractmethod
    def why_left_out(self, failure: Failure, options: Mapping[str, Any]) -> str:
        """Why an object, which has its records, is not selected; "" where it is."""

    def move_all(self, run: Run, work: Work, items: Iterator[Item]) -> int:
        """Move objects until somebody asks to stop; returns how many it tried to move."""
        count = 0
        while (page := list(islice(items, MOVES_MAX))) and not work.stop():
            work.keep_lock()
            self.move(run, page)
            count += len(page)
            work.progress(count)
        return count

    def move(self, run: Run, items: Sequence[Item]) -> None:
        """Move objects that are done with; one that can't be moved is left for a resume."""
        run.record(intent(MOVE, [item.id for item in items]))
        answers = overlap(partial(self.move_object, run), items).require_all()
        results, endings = [], []
        for item, (moved, code) in zip(items, answers, strict=True):
            detail = {name: value for name, value in item.detail.items() if name != "why"}
            detail |= {"id": item.id}
            if why := code or run.options.get("because"):
                detail["why"] = why
            if code:
                results.append({**detail, "ok": False})
            else:
                endings.append({**detail, "end": self.end if moved else self.end_if_missing})
        run.record(done(MOVE, results), ended(endings))

    def move_object(self, run: Run, item: Item) -> tuple[bool, str]:
        """Whether it was there, and AWS's code where it could not be moved."""
        if item.facts.get("kind") == Kind.RANGE:
            return True, ""  # a range has no object
        try:
            new_key = f"{self.folder}/{run.run_id}/{item.id}"
            return self.deployment.store.move(item.id, new_key), ""
        except (BotoCoreError, ClientError) as error:
            return False, code_of(error)

    # Private functions

    def _candidates(self, options: Mapping[str, Any]) -> Iterable[Failure]:
        named = _named(options)
        key = named.item_id if named else options["wanted"]["key"]
        if key is None:
            return self.deployment.store.failures()
        return filter(None, [self.read(key, options)])

    def _item(self, failure: Failure, options: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the journal says of it; None: not meant. Raises: Refused: why it is left out."""
        wanted, rules = options["wanted"], self.deployment.rules
        if wanted["reason"] not in (None, failure.reason):
            return None
        records = self.deployment.records_of(failure, from_stream=options["from_stream"])
        customers = {customer_of(record, rules.customer_id_attribute) for record in records}
        if wanted["customer"] is not None and wanted["customer"] not in customers:
            return None
        if not records:
            raise Refused("an empty batch: nothing to publish")
        if why := self.why_left_out(replace(failure, records=records), options):
            raise Refused(why)
        forecasts = [forecast(record, rules) for record in records]
        would = Counter(each.would for each in forecasts)
        return {
            "id": failure.key,
            "kind": failure.kind.value,
            "reason": failure.reason,
            "records": len(records),
            "first": str(min(map(sequence_of, records))),
            **{name: would[name] for name in ("publish", "ignore", "refuse")},
            "refused_for": ", ".join(sorted({each.reason for each in forecasts if each.reason})),
        }


class FailuresRecover(_FailuresOperation):
    """`fanout failures recover`."""

    command = "publisher failures recover"
    folder = "recovered"
    end = end_if_missing = RECOVERED  # what is missing was published, and moved by somebody else
    if_refused = (
        "{:,} records would be refused again: first do what `fanout failures list` advises, such "
        "as setting TABLE_STATUS_MAP. A stream record can't be edited: where the item is wrong, "
        "write the item anew in Accounts, then `fanout failures discard` what that supersedes."
    )

    def why_left_out(self, failure: Failure, options: Mapping[str, Any]) -> str:
        """See `_FailuresOperation.why_left_out`: a change of an earlier stream."""
        if options.get("even_if_earlier_stream"):
            return ""
        stream_arn = self.deployment.publisher.stream_arn
        return EARLIER_STREAM if is_of_earlier_stream(failure.records or (), stream_arn) else ""

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`."""
        function = PublisherFunction(
            client=patient_client(self.target),
            name=self.deployment.publisher.function_name,
            remedy="Deploy the current publisher as the function of a stream mapping (a pipe's "
            "enrichment publishes nothing by itself), then recover.",
        )
        function.require_reporting()
        return lambda work: Recovery(self, run, work, function).publish_all()


class FailuresDiscard(_FailuresOperation):
    """`fanout failures discard`."""

    command = "publisher failures discard"
    folder = "discarded"
    end, end_if_missing = DISCARDED, GONE

    def why_left_out(self, failure: Failure, options: Mapping[str, Any]) -> str:
        """See `_FailuresOperation.why_left_out`: what no later change has superseded."""
        if options["even_if_current"]:
            return ""
        return why_not_discard(failure, self.deployment.rules, self.deployment.item_now)

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`."""

        def move_all(work: Work) -> Ending:
            self.move_all(run, work, run.ledger.items(*OPEN))
            return Ending()

        return move_all


_COUNTS = ("records", "publish", "ignore", "refuse")


def _named(options: Mapping[str, Any]) -> StreamRange | None:
    """The range of the stream that a run's options name."""
    return StreamRange(**options["range"]) if options.get("range") else None


def _expected(group: Mapping[str, Any]) -> str:
    expected = (
        f"{group['objects']:,} objects, {group['records']:,} records: "
        f"{group['publish']:,} publish, {group['ignore']:,} no change"
    )
    again = f", {group['refuse']:,} would be refused again: {group['would_be_refused_for']}"
    return expected + (again if group["refuse"] else "")
