"""Publish again what the failure store holds: oldest change first, each customer's in order.

An object is the unit of the journal, a record that of the order: records of several objects go out
merged by their numbers. After a kill an object that is not done with is published again from its
first record, with the same event ids, which a consumer recognises. `why_not_discard` says which
objects a later change has superseded, so that they may be moved away instead.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import islice
from typing import Any, Protocol

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from fanout.aws import AwsTarget
from fanout.errors import Refused
from fanout.failures.records import (
    Failure,
    Kind,
    Record,
    as_object,
    customer_of,
    forecast,
    is_of_earlier_stream,
    sequence_of,
)
from fanout.failures.store import Loader, ObjectStore
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import Item, State
from fanout.runs.pace import Pace
from fanout.runs.store import Run
from publisher import attribute_values
from publisher.transitions import TableRules, is_customer, known_status

PUBLISH, MOVE = "publish", "move"
"""The steps."""
RECOVERED = "RECOVERED"
REFUSED = "REFUSED"
DISCARDED = "DISCARDED"
GONE = "GONE"
WELL_ENDS = frozenset({RECOVERED, DISCARDED})
OPEN = (State.WAITING, State.DOING, State.DID, State.FAILED)
MEANINGS = {
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
}
"""What each fate in a report means."""


# Select: which objects a run is about, in the order of their earliest records


WhyNot = Callable[[Failure, Sequence[Record]], str]
"""Why an object with these records is left out; "" where it is not."""


def select(
    loader: Loader,
    wanted: Mapping[str, str | None],
    rules: TableRules,
    *,
    limit: int | None = None,
    why_not: WhyNot = lambda _failure, _records: "",
    progress: Callable[[int], None] = lambda _count: None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """The items of a run, and sentences about what is left out.

    Args:
        loader: how to get at records.
        wanted: the `reason`, the `key`, and a `customer` of the objects; None: any.
        rules: of the publisher, to predict what becomes of a record.
        limit: so many at most, the earliest ones.
        why_not: why an object is left out.
        progress: called with 1 for each object that was read.
    """
    items: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    for failure in _candidates(loader, wanted["key"], progress):
        if wanted["reason"] not in (None, failure.reason):
            continue
        try:
            records = loader.records_of(failure)
        except Refused as refusal:
            left_out[str(refusal)] += 1
            continue
        customers = {customer_of(record, rules.customer_id_attribute) for record in records}
        if wanted["customer"] is not None and wanted["customer"] not in customers:
            continue
        why = why_not(failure, records) if records else "an empty batch: nothing to publish"
        if why:
            left_out[why] += 1
        else:
            items.append(_item(failure, records, len(customers - {None}), rules))
    items.sort(key=lambda item: (int(item["first"]), item["id"]))
    remarks = [f"Left out, {count:,}: {why}." for why, count in left_out.items()]
    if limit is not None and len(items) > limit:
        later = len(items) - limit
        remarks.append(f"--limit {limit} was reached: {later:,} later ones are left.")
    return items[:limit], remarks


def why_not_recover(records: Iterable[Record], stream_arn: str) -> str:
    """Why an object is not published again; "" where all of it is of today's stream."""
    if not is_of_earlier_stream(records, stream_arn):
        return ""
    return (
        "of an earlier stream, whose numbers do not continue in today's: bring the rows up to date "
        "with `fanout reconcile SUBSCRIBER --repair`, then discard it with --even-if-current"
    )


def _candidates(
    loader: Loader, key: str | None, progress: Callable[[int], None]
) -> Iterator[Failure]:
    if loader.named is not None:
        named = loader.named
        yield Failure(key=named.item_id, kind=Kind.RANGE, reason="NamedRange", stream_range=named)
    elif key is not None:
        if failure := loader.store.read(key):
            yield failure
    else:
        for failure in loader.store.failures():
            progress(1)
            yield failure


def _item(
    failure: Failure, records: Sequence[Record], customers: int, rules: TableRules
) -> dict[str, Any]:
    """What the journal says of a selected object: counts and codes, nothing personal."""
    forecasts = [forecast(record, rules) for record in records]
    would = Counter(forecast.would for forecast in forecasts)
    return {
        "id": failure.key,
        "kind": failure.kind.value,
        "reason": failure.reason,
        "records": len(records),
        "customers": customers,
        "first": str(min(map(sequence_of, records))),
        "publish": would["publish"],
        "ignore": would["ignore"],
        "refuse": would["refuse"],
        "refused_for": ", ".join(sorted({one.reason for one in forecasts if one.reason})),
    }


# The records of many objects as one sequence, oldest change first, in little memory


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRecord:
    """A record and the object that it is in; `last`: all others of that object came before."""

    item_id: str
    record: Record
    last: bool


def merged(
    openings: Iterable[tuple[int, str]], load: Callable[[str], Sequence[Record]]
) -> Iterator[QueuedRecord]:
    """Every record by its number; those of equal numbers in the order of their objects.

    Args:
        openings: the number of an object's earliest record and its id, in the order of the numbers.
        load: the records of an object, called when its first record is due; none: it is skipped.
    """
    upcoming = iter(openings)
    opening = next(upcoming, None)
    heap: list[tuple[int, int, int, str, Record]] = []
    remaining: dict[str, int] = {}
    opened = 0
    while heap or opening is not None:
        while opening is not None and (not heap or opening[0] <= heap[0][0]):
            item_id = opening[1]
            records = load(item_id)
            for index, record in enumerate(records):
                heappush(heap, (sequence_of(record), opened, index, item_id, record))
            remaining[item_id] = len(records)
            opened += 1
            opening = next(upcoming, None)
        if heap:
            _, _, _, item_id, record = heappop(heap)
            remaining[item_id] -= 1
            last = remaining[item_id] == 0
            if last:
                del remaining[item_id]
            yield QueuedRecord(item_id=item_id, record=record, last=last)


# Move what is done with to `recovered/<run>/` or `discarded/<run>/`


MOVERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """Moves objects of one run, each step in the journal.

    Args:
        folder: `recovered` or `discarded`.
        end: how an object that was moved has ended.
        end_if_missing: how one has ended that neither place has.
        why: what the report says of each besides its end.
    """

    run: Run
    store: ObjectStore
    folder: str
    end: str
    end_if_missing: str
    why: str = ""

    def move(self, items: Sequence[Item]) -> None:
        """Move objects that are done with; one that can't be moved is left for a resume."""
        if not items:
            return
        self.run.record(intent(MOVE, [item.id for item in items]))
        with ThreadPoolExecutor(max_workers=MOVERS) as pool:
            answers = list(pool.map(self.move_object, items))
        results, endings = [], []
        for item, (moved, code) in zip(items, answers, strict=True):
            detail = {name: value for name, value in item.detail.items() if name not in _OF_AN_END}
            if code:
                results.append({**detail, "id": item.id, "ok": False, "why": code})
                continue
            if self.why:
                detail["why"] = self.why
            endings.append(
                {**detail, "id": item.id, "end": self.end if moved else self.end_if_missing}
            )
        self.run.record(done(MOVE, results), ended(endings))

    def move_object(self, item: Item) -> tuple[bool, str]:
        """Whether it was there, and AWS's code where it could not be moved."""
        if item.facts.get("kind") == Kind.RANGE:
            return True, ""  # a range has no object
        try:
            return self.store.move(item.id, f"{self.folder}/{self.run.run_id}/{item.id}"), ""
        except ClientError as error:
            return False, str(error.response.get("Error", {}).get("Code", "Unnamed"))
        except BotoCoreError as error:
            return False, type(error).__name__


_OF_AN_END = frozenset({"end", "why"})


# The deployed publisher function, asked to publish records and to say what became of each


PUBLISHED, IGNORED, FAILED = "PUBLISHED", "IGNORED", "FAILED"
READ_TIMEOUT_SECONDS = 900
"""As long as a function may run: giving up earlier would only leave its answer unread."""
_LATER = {"TooManyRequestsException", "ServiceException", "EC2ThrottledException"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one record, with the reason where it was refused or failed."""

    outcome: str
    reason: str = ""


class Function(Protocol):
    """The publisher."""

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        """An outcome for each record, in their order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherFunction:
    """The function, on Lambda; `lambda_client` makes a `client` that waits long enough."""

    client: Any
    function_name: str

    def require_reporting(self) -> None:
        """Ask with no record, since an older function would park what it refuses once more.

        Raises:
            Refused: the function does not report outcomes, or there is none.
        """
        answer, why = self._invoke([])
        if not isinstance(answer.get("outcomes"), list):
            said = f" It said: {why}." if why else ""
            raise Refused(
                f"{self.function_name} does not report outcomes.{said} Deploy the current "
                "publisher as the function of a stream mapping (a pipe's enrichment publishes "
                "nothing by itself), then recover."
            )

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        """An outcome for each record, in their order; `FAILED` where none came back."""
        answer, why = self._invoke(records)
        outcomes = answer.get("outcomes")
        if not isinstance(outcomes, list) or len(outcomes) != len(records):
            return [Outcome(outcome=FAILED, reason=why or "NotReported")] * len(records)
        return [_outcome(as_object(outcome)) for outcome in outcomes]

    # Private functions

    def _invoke(self, records: Sequence[Record]) -> tuple[Mapping[str, Any], str]:
        """The function's answer, or an empty one and why there is none."""
        payload = json.dumps({"report_outcomes": True, "Records": list(records)}).encode()
        try:
            response = self.client.invoke(
                FunctionName=self.function_name,
                InvocationType="RequestResponse",
                Payload=payload,
            )
        except self.client.exceptions.ResourceNotFoundException:
            raise Refused(
                f"There is no function {self.function_name}: deploy the publisher first."
            ) from None
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in _LATER:
                raise
            return {}, code
        except BotoCoreError as error:  # it may have published: the ids stay the same
            return {}, type(error).__name__
        answer = as_object(json.loads(response["Payload"].read() or b"null"))
        if "FunctionError" in response or not answer:
            return {}, str(answer.get("errorType") or response.get("FunctionError") or "NoAnswer")
        return answer, ""


def lambda_client(target: AwsTarget) -> Any:
    """A client that waits for a long invocation, and does not repeat it by itself."""
    config = Config(
        read_timeout=READ_TIMEOUT_SECONDS, retries={"mode": "standard", "total_max_attempts": 1}
    )
    return target.session.client("lambda", endpoint_url=target.endpoint_url, config=config)


def _outcome(answer: Mapping[str, Any]) -> Outcome:
    """Anything but the four words counts as failed."""
    outcome = str(answer.get("outcome"))
    if outcome not in {PUBLISHED, IGNORED, REFUSED, FAILED}:
        return Outcome(outcome=FAILED, reason="NotReported")
    return Outcome(outcome=outcome, reason=str(answer.get("reason") or ""))


# Recover


RECORDS_PER_CALL_MAX = 200
CALL_BYTES_MAX = 3_000_000
"""Of the records of one invocation: Lambda takes 6 MB."""
MOVES_MAX = 200
_BEHIND = Outcome(outcome=FAILED, reason="BehindFailedRecord")
"""An earlier change of the same customer failed, so this one waits for it."""


@dataclass(slots=True, kw_only=True)
class Recovery:
    """One stretch of work on a run.

    Args:
        load: the records of an item, by its id; raises `Refused` where there are none.
        id_attribute: of the customer id, in a record's key.
        keep_lock: called before each call.
        stop: asked between calls.
        advance: called with the number of objects that were just done with.
        pace: of the records; as fast as it goes by default.
    """

    run: Run
    load: Callable[[str], Sequence[Record]]
    function: Function
    mover: Mover
    id_attribute: str
    keep_lock: Callable[[], None]
    stop: Callable[[], bool]
    advance: Callable[[float], None] = lambda _objects: None
    pace: Pace = field(default_factory=lambda: Pace(None, wait=time.sleep))
    stuck_for: str = ""
    _outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    _failed_customers: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Go over every open object once.

        It stops where the publisher took nothing of a whole call; `stuck_for` then says why.
        """
        self._finish_moves()
        records_max = self.pace.at_once(RECORDS_PER_CALL_MAX)
        for call in _calls(merged(self._openings(), self._load), records_max):
            if self.stop() or self.stuck_for:
                return
            self.pace.take(len(call))
            if self.stop():
                return
            self.keep_lock()
            self._publish(call)
            self._finish([queued.item_id for queued in call if queued.last])

    # Private functions

    def _finish_moves(self) -> None:
        """Of an earlier stretch: what is published, and only has to be moved."""
        items = filter(_is_published, self.run.ledger.items(State.DOING, State.DID, State.FAILED))
        while page := list(islice(items, MOVES_MAX)):
            self.mover.move(page)
            self.advance(len(page))

    def _openings(self) -> Iterator[tuple[int, str]]:
        for item in self.run.ledger.items(*OPEN):
            if not _is_published(item):
                yield int(item.facts["first"]), item.id

    def _load(self, item_id: str) -> Sequence[Record]:
        try:
            records = self.load(item_id)
            why = "it holds no record now"
        except Refused as refusal:
            records, why = (), str(refusal)
        if not records:
            self.run.record(ended([{"id": item_id, "end": GONE, "why": why}]))
            self.advance(1)
        return records

    def _publish(self, call: Sequence[QueuedRecord]) -> None:
        new = dict.fromkeys(one.item_id for one in call if one.item_id not in self._outcomes)
        if new:
            self.run.record(intent(PUBLISH, new))
            self._outcomes.update((item_id, []) for item_id in new)
        customers = [customer_of(queued.record, self.id_attribute) for queued in call]
        is_sent = [customer not in self._failed_customers for customer in customers]
        sent = [queued.record for queued, yes in zip(call, is_sent, strict=True) if yes]
        outcomes = self.function.publish(sent) if sent else []
        if outcomes and all(outcome.outcome == FAILED for outcome in outcomes):
            self.stuck_for = ", ".join(sorted({outcome.reason for outcome in outcomes}))
        answers = iter(outcomes)
        for queued, customer, yes in zip(call, customers, is_sent, strict=True):
            outcome = next(answers) if yes else _BEHIND
            self._outcomes[queued.item_id].append(outcome)
            if outcome.outcome == FAILED and customer is not None:
                self._failed_customers.add(customer)

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
        if results or endings:
            self.run.record(done(PUBLISH, results), ended(endings))
        ledger = self.run.ledger
        self.mover.move([item for item_id in published if (item := ledger.get(item_id))])
        self.advance(len(item_ids))


def _is_published(item: Item) -> bool:
    """Whether it only has to be moved."""
    return item.step == MOVE or (item.step == PUBLISH and item.state is State.DID)


def _calls(queue: Iterator[QueuedRecord], records_max: int) -> Iterator[list[QueuedRecord]]:
    """As many records as one invocation takes, by number and by size."""
    call: list[QueuedRecord] = []
    call_bytes = 0
    for queued in queue:
        size_bytes = len(json.dumps(queued.record))
        if call and (len(call) == records_max or call_bytes + size_bytes > CALL_BYTES_MAX):
            yield call
            call, call_bytes = [], 0
        call.append(queued)
        call_bytes += size_bytes
    if call:
        yield call


# Discard: only what a later change, which stands in Accounts, has superseded


TableItem = Mapping[str, Any]
ItemNow = Callable[[Mapping[str, Any]], TableItem | None]
"""The item of a key in Accounts as it is now; None where there is none."""

OF_A_BATCH = "a batch of several records: recover it"
NOT_REFUSED = "it may be published as it is: recover it"


def why_not_discard(
    failure: Failure, records: Sequence[Record], rules: TableRules, item_now: ItemNow
) -> str:
    """Why an object is not to be discarded; "" where a later change has superseded it."""
    if failure.kind is not Kind.PARKED:
        return OF_A_BATCH
    record = records[0]
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


def _reads_well(item: TableItem, keys: Mapping[str, Any], rules: TableRules) -> bool:
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
