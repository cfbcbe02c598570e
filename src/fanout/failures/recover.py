"""Publish again what the failure store holds: oldest change first, each customer's in order.

An object is the unit of the journal, a record that of the order: records of several objects go out
merged by their numbers. After a kill an object that is not done with is published again from its
first record, with the same event ids, which a consumer recognises.
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any, Protocol

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from fanout.aws import AwsTarget
from fanout.errors import Refused
from fanout.failures.records import (
    Failure,
    Kind,
    Outlook,
    Prospect,
    Record,
    customer_of,
    forecast,
    order_of,
    outlook,
)
from fanout.failures.store import Loaded, Loading
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import Item, State
from fanout.runs.pace import Pace
from fanout.runs.store import Run
from publisher import attribute_values
from publisher.transitions import TableRules, is_customer, known_status

# The words for how an object of a run ended, and for the steps on its way


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


# The records of many objects as one sequence, oldest change first, in little memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A record and the object that it is in; `last`: all others of that object came before."""

    item_id: str
    record: Record
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An object that is yet to be opened, and the number of its earliest record."""

    item_id: str
    first: int


def merged(
    openings: Iterable[Opening], load: Callable[[str], Sequence[Record]]
) -> Iterator[Placed]:
    """Every record by its number; those of equal numbers in the order of their objects.

    Args:
        openings: in the order of `first`.
        load: the records of an object; none: it is passed over.
    """
    coming = iter(openings)
    following = next(coming, None)
    heap: list[tuple[int, int, int, str, Record]] = []
    left: dict[str, int] = {}
    opened = 0
    while heap or following is not None:
        while following is not None and (not heap or following.first <= heap[0][0]):
            records = load(following.item_id)
            for place, record in enumerate(records):
                heappush(heap, (order_of(record), opened, place, following.item_id, record))
            if records:
                left[following.item_id] = len(records)
            opened += 1
            following = next(coming, None)
        if not heap:
            continue
        _, _, _, item_id, record = heappop(heap)
        left[item_id] -= 1
        is_last = left[item_id] == 0
        if is_last:
            del left[item_id]
        yield Placed(item_id=item_id, record=record, last=is_last)


# Move what is done with to `recovered/<run>/` or `discarded/<run>/`


MOVERS = 8


class Store(Protocol):
    """Where objects are moved."""

    def move(self, key: str, new_key: str) -> bool:
        """Copy, then delete; False where neither place has it."""
        ...


class Moving:
    """Moves objects of one run.

    Args:
        folder: `recovered` or `discarded`.
        end: how an object that was moved has ended.
        end_if_missing: how one has ended that neither place has.
    """

    def __init__(
        self, run: Run, store: Store, *, folder: str, end: str, end_if_missing: str
    ) -> None:
        self._run = run
        self._store = store
        self._folder = folder
        self._end = end
        self._end_if_missing = end_if_missing

    def move(self, items: Sequence[Item], details: Mapping[str, Mapping[str, Any]]) -> int:
        """Move them, each step in the journal; returns how many failed.

        Args:
            items: objects that are done with.
            details: by id, what the report says of each besides its end.
        """
        if not items:
            return 0
        self._run.record(intent(MOVE, [one.id for one in items]))
        with ThreadPoolExecutor(max_workers=MOVERS) as pool:
            effects = list(pool.map(self._effect, items))
        results, endings = [], []
        for item, (moved, why) in zip(items, effects, strict=True):
            detail = dict(details.get(item.id, {}))
            if why:
                results.append({**detail, "id": item.id, "ok": False, "why": why})
                continue
            end = self._end if moved else self._end_if_missing
            endings.append({**detail, "id": item.id, "end": end})
        self._run.record(done(MOVE, results), ended(endings))
        return len(results)

    # Private functions

    def _effect(self, item: Item) -> tuple[bool, str]:
        """Whether it was there, and why it could not be moved; a range has no object."""
        if item.facts.get("kind") == Kind.RANGE:
            return True, ""
        try:
            new_key = f"{self._folder}/{self._run.run_id}/{item.id}"
            return self._store.move(item.id, new_key), ""
        except (BotoCoreError, ClientError) as error:
            return False, _code(error)


def _code(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unnamed"))
    return type(error).__name__


# The deployed publisher function, asked to publish records and to say what became of each


PUBLISHED, IGNORED, OUTCOME_REFUSED, FAILED = "PUBLISHED", "IGNORED", "REFUSED", "FAILED"
READ_TIMEOUT_SECONDS = 900
"""As long as a function may run: giving up earlier would only leave its answer unread."""
_LATER = {"TooManyRequestsException", "ServiceException", "EC2ThrottledException"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one record, with the reason where it did not end well."""

    outcome: str
    reason: str = ""
    field: str = ""
    expected: str = ""


class PublisherFunction:
    """The function, on Lambda.

    Args:
        client: a boto3 Lambda client; `lambda_client` makes one that waits long enough.
        function_name: the publisher's.
    """

    def __init__(self, client: Any, function_name: str) -> None:
        self._client = client
        self._function_name = function_name

    def require_reporting(self) -> None:
        """Ask with no record, since an older function would park what it refuses once more.

        Raises:
            Refused: the function does not report outcomes, or there is none.
        """
        answer, why = self._invoke([])
        if answer is None or not isinstance(answer.get("outcomes"), list):
            said = f" It said: {why}." if why else ""
            raise Refused(
                f"{self._function_name} does not report outcomes.{said} Deploy the current "
                "publisher as the function of a stream mapping (a pipe's enrichment publishes "
                "nothing by itself), then recover."
            )

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        """An outcome for each record, in their order; `FAILED` where none came back."""
        answer, why = self._invoke(records)
        found = (answer or {}).get("outcomes")
        if not isinstance(found, list) or len(found) != len(records):
            failed = Outcome(outcome=FAILED, reason=why or "NotReported")
            return [failed] * len(records)
        return [_outcome(one) for one in found]

    # Private functions

    def _invoke(self, records: Sequence[Record]) -> tuple[dict[str, Any] | None, str]:
        """The function's answer, or None and why there is none."""
        payload = json.dumps({"report_outcomes": True, "Records": list(records)}).encode()
        try:
            response = self._client.invoke(
                FunctionName=self._function_name,
                InvocationType="RequestResponse",
                Payload=payload,
            )
        except self._client.exceptions.ResourceNotFoundException:
            raise Refused(
                f"There is no function {self._function_name}: deploy the publisher first."
            ) from None
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in _LATER:
                raise
            return None, code
        except BotoCoreError as error:  # it may have published: the ids stay the same
            return None, type(error).__name__
        found = json.loads(response["Payload"].read() or b"null")
        if "FunctionError" in response or not isinstance(found, dict):
            kind = found.get("errorType") if isinstance(found, dict) else None
            return None, str(kind or response.get("FunctionError") or "NoAnswer")
        return found, ""


def lambda_client(target: AwsTarget) -> Any:
    """A client that waits for a long invocation, and does not repeat it by itself."""
    config = Config(
        read_timeout=READ_TIMEOUT_SECONDS, retries={"mode": "standard", "total_max_attempts": 1}
    )
    return target.session.client("lambda", endpoint_url=target.endpoint_url, config=config)


def _outcome(found: Any) -> Outcome:
    """Anything but the four words counts as failed."""
    told = found if isinstance(found, dict) else {}
    outcome = str(told.get("outcome"))
    if outcome not in {PUBLISHED, IGNORED, OUTCOME_REFUSED, FAILED}:
        return Outcome(outcome=FAILED, reason="NotReported")
    return Outcome(
        outcome=outcome,
        reason=str(told.get("reason") or ""),
        field=str(told.get("field") or ""),
        expected=str(told.get("expected") or ""),
    )


RECORDS_PER_CALL_MAX = 200
CALL_BYTES_MAX = 3_000_000
"""Of the records of one invocation: Lambda takes 6 MB."""
BEHIND = "BehindFailedRecord"
"""An earlier change of the same customer failed, so this one waits for it."""
_MOVES_MAX = 200


_BEHIND = Outcome(outcome=FAILED, reason=BEHIND)


class Function(Protocol):
    """The publisher."""

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        """An outcome for each record, in their order."""
        ...


@dataclass(slots=True, kw_only=True)
class Progress:
    """What this stretch of work has come to: objects done with, records by outcome."""

    objects: int = 0
    records: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What became of one object's records so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.outcomes[outcome.outcome] += 1
        if outcome.reason:
            self.reasons[outcome.reason] += 1

    def to_document(self) -> dict[str, Any]:
        found: dict[str, Any] = {name.lower(): count for name, count in self.outcomes.items()}
        if self.reasons:
            found["why"] = ", ".join(sorted(self.reasons))
        return found


@dataclass(slots=True, kw_only=True)
class Recovery:
    """One stretch of work on a run.

    Args:
        load: the records of an item, by its id.
        id_attribute: of the customer id, in a record's key.
        keep_lock: called before each call.
        stop: asked between calls.
        tell_progress: called after each call.
        pace: of the records; as fast as it goes by default.
    """

    run: Run
    load: Callable[[str], Loaded]
    function: Function
    moving: Moving
    id_attribute: str
    keep_lock: Callable[[], None]
    stop: Callable[[], bool]
    tell_progress: Callable[[Progress], None] = lambda _progress: None
    pace: Pace = field(default_factory=lambda: Pace(None, wait=time.sleep))
    progress: Progress = field(default_factory=Progress)
    stuck_for: str = ""
    _tallies: dict[str, _Tally] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Go over every open object once.

        It stops where the publisher took nothing of a whole call; `stuck_for` then says why.
        """
        self._finish_moves()
        most = self.pace.at_once(RECORDS_PER_CALL_MAX)
        for call in _calls(merged(self._openings(), self._load), most):
            if self.stop() or self.stuck_for:
                return
            self.pace.take(len(call))
            if self.stop():
                return
            self.keep_lock()
            self._publish(call)
            self.tell_progress(self.progress)

    # Private functions

    def _finish_moves(self) -> None:
        """Of an earlier stretch: what is published, and lacks its move only."""
        page: list[Item] = []
        for item in self.run.ledger.items(State.DOING, State.DID, State.FAILED):
            if not _lacks_move_only(item):
                continue
            page.append(item)
            if len(page) == _MOVES_MAX:
                self._move(page)
                page = []
        self._move(page)

    def _openings(self) -> Iterator[Opening]:
        for item in self.run.ledger.items(*OPEN):
            if not _lacks_move_only(item):
                yield Opening(item_id=item.id, first=int(item.facts["first"]))

    def _load(self, item_id: str) -> Sequence[Record]:
        loaded = self.load(item_id)
        if not loaded.records:
            ending = {"id": item_id, "end": GONE, "why": loaded.why or "it holds no record now"}
            self.run.record(ended([ending]))
            self.progress.objects += 1
            return ()
        return loaded.records

    def _publish(self, call: Sequence[Placed]) -> None:
        new = dict.fromkeys(one.item_id for one in call if one.item_id not in self._tallies)
        if new:
            self.run.record(intent(PUBLISH, new))
            self._tallies.update((name, _Tally()) for name in new)
        waiting = [self._customer(one) in self._waiting for one in call]
        going = [one for one, waits in zip(call, waiting, strict=True) if not waits]
        outcomes = self.function.publish([one.record for one in going]) if going else []
        for placed, outcome in zip(going, outcomes, strict=True):
            self._note(placed, outcome)
        for placed, waits in zip(call, waiting, strict=True):
            if waits:
                self._note(placed, _BEHIND)
        if outcomes and all(one.outcome == FAILED for one in outcomes):
            self.stuck_for = ", ".join(sorted({one.reason for one in outcomes}))
        self._settle(one.item_id for one in call if one.last)

    def _customer(self, placed: Placed) -> str:
        return customer_of(placed.record, self.id_attribute) or ""

    def _note(self, placed: Placed, outcome: Outcome) -> None:
        self._tallies[placed.item_id].add(outcome)
        self.progress.records[outcome.outcome] += 1
        customer = self._customer(placed)
        if outcome.outcome == FAILED and customer:
            self._waiting.add(customer)

    def _settle(self, item_ids: Iterator[str]) -> None:
        """Say how objects ended whose records all have an outcome, and move what ended well."""
        tallies = {name: self._tallies.pop(name) for name in item_ids}
        results, endings, well = [], [], []
        for name, tally in tallies.items():
            told = {"id": name, **tally.to_document()}
            if tally.outcomes[FAILED]:
                results.append({**told, "ok": False})
            elif tally.outcomes[OUTCOME_REFUSED]:
                endings.append({**told, "end": REFUSED})
            else:
                results.append({**told, "ok": True})
                well.append(name)
        if results or endings:
            self.run.record(done(PUBLISH, results), ended(endings))
        self.progress.objects += len(tallies) - len(well)
        self._move([item for name in well if (item := self.run.ledger.get(name)) is not None])

    def _move(self, items: Sequence[Item]) -> None:
        details = {
            one.id: {name: told for name, told in one.detail.items() if name not in {"end", "why"}}
            for one in items
        }
        self.moving.move(items, details)
        self.progress.objects += len(items)


def _lacks_move_only(item: Item) -> bool:
    return item.step == MOVE or (item.step == PUBLISH and item.state is State.DID)


def _calls(placed: Iterator[Placed], records_max: int) -> Iterator[list[Placed]]:
    """As many records as one invocation takes, by number and by size."""
    call: list[Placed] = []
    size_bytes = 0
    for one in placed:
        weight = len(json.dumps(one.record))
        if call and (len(call) == records_max or size_bytes + weight > CALL_BYTES_MAX):
            yield call
            call, size_bytes = [], 0
        call.append(one)
        size_bytes += weight
    if call:
        yield call


# Freeze what a run is about: objects by their keys, with the place of their earliest record


_DIGITS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which objects; None: any. `customer` selects an object that holds a record of theirs."""

    reason: str | None = None
    key: str | None = None
    customer: str | None = None

    def matches(self, failure: Failure, customers: set[str | None]) -> bool:
        """Whether an object is meant."""
        return (
            self.reason in (None, failure.reason)
            and self.key in (None, failure.key)
            and (self.customer is None or self.customer in customers)
        )

    def to_document(self) -> dict[str, str | None]:
        """One JSON object with every field."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An object with its records and what would become of them."""

    failure: Failure
    records: tuple[Record, ...]
    outlook: Outlook
    customers: frozenset[str]


def freeze(
    run: Run,
    loading: Loading,
    wanted: Wanted,
    rules: TableRules,
    *,
    limit: int | None = None,
    is_meant: Callable[[Candidate], str] = lambda _candidate: "",
    progress: Callable[[int], None] = lambda _read: None,
) -> None:
    """Select what is wanted, in the order of the earliest records, and close the selection.

    Args:
        run: a new one.
        loading: how to get at records.
        wanted: which objects.
        rules: of the publisher, to foretell what becomes of a record.
        limit: so many at most, the earliest ones.
        is_meant: says why a candidate is left out; "" where it is not.
        progress: called with 1 for each object that was read.
    """
    cut_off = datetime.now(UTC)
    left_out: Counter[str] = Counter()
    with closing(sqlite3.connect("")) as base:  # a file that is gone once it is closed
        base.execute("CREATE TABLE found (first TEXT, id TEXT PRIMARY KEY, facts TEXT)")
        for failure in _failures(loading, wanted, progress):
            candidate, why = _candidate(failure, loading, wanted, rules)
            why = why or (is_meant(candidate) if candidate else "")
            if why:
                left_out[why] += 1
            elif candidate is not None:
                facts = _facts(candidate)
                base.execute(
                    "INSERT INTO found VALUES (?, ?, ?)",
                    (facts["first"].zfill(_DIGITS), failure.key, json.dumps(facts)),
                )
        rows = base.execute(
            "SELECT id, facts FROM found ORDER BY first, id LIMIT ?",
            (-1 if limit is None else limit,),
        )
        selected = run.select({"id": name, **json.loads(facts)} for name, facts in rows)
        (count,) = base.execute("SELECT COUNT(*) FROM found").fetchone()
    remarks = [f"Left out, {number:,}: {why}." for why, number in left_out.items()]
    if count > selected:
        remarks.append(f"--limit {limit} was reached: {count - selected:,} later ones are left.")
    run.freeze(cut_off=cut_off, left_out=remarks)


def _failures(
    loading: Loading, wanted: Wanted, progress: Callable[[int], None]
) -> Iterator[Failure]:
    named = loading.named_failure()
    if named is not None:
        yield named
        return
    if wanted.key is not None:
        found = loading.store.read(wanted.key)
        if found is not None:
            yield found
        return
    for failure in loading.store.failures():
        progress(1)
        yield failure


def _candidate(
    failure: Failure, loading: Loading, wanted: Wanted, rules: TableRules
) -> tuple[Candidate | None, str]:
    """The candidate, or None, and why it has to be left out, or ""."""
    if wanted.reason not in (None, failure.reason):
        return None, ""
    loaded = loading.of(failure)
    if loaded.records is None:
        return None, loaded.why
    names = {customer_of(one, rules.customer_id_attribute) for one in loaded.records}
    if not wanted.matches(failure, names):
        return None, ""
    if not loaded.records:
        return None, "an empty batch: nothing to publish"
    return Candidate(
        failure=failure,
        records=tuple(loaded.records),
        outlook=outlook(loaded.records, rules),
        customers=frozenset(name for name in names if name is not None),
    ), ""


def _facts(candidate: Candidate) -> Mapping[str, Any]:
    """What the journal says of a selected object: counts and codes, nothing personal."""
    expected = candidate.outlook
    return {
        "kind": candidate.failure.kind.value,
        "reason": candidate.failure.reason,
        "records": len(candidate.records),
        "customers": len(candidate.customers),
        "first": str(min(order_of(one) for one in candidate.records)),
        "publish": expected.publish,
        "ignore": expected.ignore,
        "refuse": expected.refuse,
        "refused_for": ", ".join(expected.reasons),
    }


# Move away what need not be published any more, since a later change stands in Accounts


TableItem = Mapping[str, Any]
ItemNow = Callable[[Mapping[str, Any]], TableItem | None]
"""The item of a key in Accounts as it is now; None where there is none."""

OF_A_BATCH = "a batch of several records: recover it"
NOT_REFUSED = "it may be published as it is: recover it"


def why_not(candidate: Candidate, rules: TableRules, item_now: ItemNow) -> str:
    """Why an object is not to be discarded; "" where a later change has superseded it."""
    if candidate.failure.kind is not Kind.PARKED:
        return OF_A_BATCH
    record = candidate.records[0]
    if forecast(record, rules).prospect is not Prospect.REFUSE:
        return NOT_REFUSED
    return "" if _is_superseded(record, rules, item_now) else _current(record, rules)


def _current(record: Record, rules: TableRules) -> str:
    fault = "the item is gone" if _is_removal(record, rules) else "the item is as it was"
    return f"nothing has superseded it ({fault}): write the item anew in Accounts, then discard"


def _is_removal(record: Record, rules: TableRules) -> bool:
    """Whether the customer is gone after it: the item is, or has ceased to be a customer."""
    if record.get("eventName") == "REMOVE":
        return True
    stream = record.get("dynamodb")
    image = stream.get("NewImage") if isinstance(stream, dict) else None
    return isinstance(image, dict) and not is_customer(image, rules)


def _is_superseded(record: Record, rules: TableRules, item_now: ItemNow) -> bool:
    """Whether a later change of the item was, or will be, published in its place."""
    stream = record.get("dynamodb")
    keys = stream.get("Keys") if isinstance(stream, dict) else None
    if not isinstance(stream, dict) or not isinstance(keys, dict) or not keys:
        return False
    item = item_now(keys)
    was_removed = _is_removal(record, rules)
    if item is None or not is_customer(dict(item), rules):
        return not was_removed
    if not _reads_well(item, keys, rules):
        return False
    if was_removed:
        return True
    image = stream.get("NewImage")
    image = image if isinstance(image, dict) else {}
    if rules.sequence_attribute is None:
        return known_status(dict(item), rules) is not known_status(image, rules)
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
    return forecast(written_now, rules).prospect is Prospect.PUBLISH
