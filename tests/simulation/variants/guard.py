"""Broken order guards."""

from datetime import timedelta
from functools import partial

from botocore.exceptions import ClientError

from customer_events.deadline import UNLIMITED
from customer_events.event import Change, Status
from event_consumer.guarded_batches import GuardedBatches
from event_consumer.guarded_table import GuardedTable, read_row
from event_consumer.latest_state import Written
from event_consumer.order_guard import judge
from event_consumer.outcomes import APPLIED, DUPLICATE, STALE, Outcome, retry
from payments_consumer.standing import attributes
from simulation.checkers import NEVER_BACKWARDS, NOTHING_LOST
from simulation.faults import only
from simulation.variants.variant import Variant

_SHUFFLED = only("reordering", "duplicates")


class Refused(Exception):
    """The condition did not hold."""


class Editing:
    """A guarded table whose requests are changed on their way."""

    def __init__(self, clients, edit):
        self._inner = clients.rows
        self._edit = edit
        self.table = GuardedTable(self, "rows", rule=attributes, clock=clients.clock.now)
        self.write = self.table.write

    def update_item(self, **request):
        self._edit(request)
        returns_row = "begins_with" in str(request["ConditionExpression"])
        try:
            return self._inner.update_item(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if not returns_row and code == "ConditionalCheckFailedException":
                raise Refused from None
            raise


def without(text, _, clients):
    """Leaves out a part of the condition."""

    def edit(request):
        request["ConditionExpression"] = request["ConditionExpression"].replace(text, "")

    return Editing(clients, edit)


def unconditional(request):
    request["ConditionExpression"] = None


class Plain:
    """One write for each event, under a condition of its own; None is no condition."""

    def __init__(self, condition, _, clients):
        def edit(request):
            own = condition(request)
            text = None if own is None else f"attribute_not_exists(#sequence) OR {own}"
            request["ConditionExpression"] = text

        self._rows = Editing(clients, edit)

    def handle(self, events, deadline=UNLIMITED):
        return [self._handle(one) for one in events]

    def _handle(self, event):
        try:
            self._rows.table.write(event)
        except ClientError as error:
            return retry(error.response["Error"]["Code"])
        except Refused:
            return STALE
        except Exception as error:  # noqa: BLE001 - as the real handler does
            return retry(type(error).__name__)
        return APPLIED


def unpadded(request):
    epoch, _, number = request["ExpressionAttributeValues"][":sequence"]["S"].partition(".")
    value = {"S": f"{int(epoch)}.{int(number)}"}
    request["ExpressionAttributeValues"][":sequence"] = value
    return "#sequence < :sequence"


class Windowed:
    def __init__(self, _, clients):
        self._plain = Plain(lambda _: None, None, clients)
        self._clock = clients.clock
        self._seen = {}

    def handle(self, events, deadline=UNLIMITED):
        answers = []
        for event in events:
            now, key = self._clock.seconds, str(event.event_id)
            if now - self._seen.get(key, float("-inf")) < 300:
                answers.append(DUPLICATE)
                continue
            answers += self._plain.handle([event])
            if answers[-1] is APPLIED:
                self._seen[key] = now
        return answers


class ReadThenWrite:
    def __init__(self, _, clients):
        self._client = clients.rows
        self._unconditional = Editing(clients, unconditional)

    def write(self, event):
        found = self._client.get_item(Key={"customer_id": {"S": event.customer_id}}).get("Item")
        row = read_row(found) if found else None
        if judge(row, event) is not None:
            return Written(applied=False, row=row)
        return self._unconditional.write(event)


class PartlyUnguarded:
    """Writes some events without a condition."""

    def __init__(self, is_free, guarded, clients):
        self._is_free = is_free
        self._guarded = guarded
        self._free = Editing(clients, unconditional)

    def write(self, event):
        return (self._free if self._is_free(event) else self._guarded).write(event)


def tolerant(_, clients):
    return GuardedTable(
        clients.rows,
        "rows",
        rule=attributes,
        clock=clients.clock.now,
        tolerance=timedelta(days=400),
    )


class Answers:
    """An event handler whose answers are changed."""

    def __init__(self, change, inner, _):
        self._change = change
        self._inner = inner

    def handle(self, events, deadline=UNLIMITED):
        return [self._change(one) for one in self._inner.handle(events, deadline)]


class DeletingRemoved:
    def __init__(self, inner, clients):
        self._inner = inner
        self._rows = clients.rows.rows

    def handle(self, events, deadline=UNLIMITED):
        answers = self._inner.handle(events, deadline)
        for event, answer in zip(events, answers, strict=True):
            if answer is APPLIED and event.status is Status.REMOVED:
                self._rows.pop(event.customer_id, None)
        return answers


class NewestOnly:
    def __init__(self, inner, _):
        self._inner = inner

    def handle(self, events, deadline=UNLIMITED):
        newest = {}
        for index, event in enumerate(events):
            best = newest.setdefault(event.customer_id, index)
            if event.sequence > events[best].sequence:
                newest[event.customer_id] = index
        chosen = list(newest.values())
        answers = self._inner.handle([events[index] for index in chosen], deadline)
        found = dict(zip(chosen, answers, strict=True))
        return [found.get(index, STALE) for index in range(len(events))]


class Misreading(GuardedBatches):
    """Takes one kind of answer to a statement for something else."""

    def __init__(self, inner, _, *, code, meaning):
        super().__init__(inner._client, inner._table_name, inner._table)
        self._code = code
        self._meaning = meaning

    def _read(self, one, response):
        error = response.get("Error", {})
        if error.get("Code") != self._code or "Item" in error:
            return super()._read(one, response)
        one.answer = self._meaning
        return ""


class Shifted:
    """A client whose responses to statements stand one place further on."""

    def __init__(self, inner):
        self.update_item = inner.update_item
        self._inner = inner

    def batch_execute_statement(self, **request):
        last, *others = reversed(self._inner.batch_execute_statement(**request)["Responses"])
        return {"Responses": [last, *reversed(others)]}


def shifted(inner, clients):
    return GuardedBatches(Shifted(clients.rows), "rows", inner._table)


VARIANTS = (
    Variant(
        "Writes whatever comes, without a condition",
        NEVER_BACKWARDS,
        _SHUFFLED,
        event_handler=partial(Plain, lambda _: None),
    ),
    Variant(
        "Reads the row, decides, and writes without a condition",
        NEVER_BACKWARDS,
        only("interleavings", "reordering"),
        seeds_max=2000,
        shown_by=117,
        guarded_rows=ReadThenWrite,
    ),
    Variant(
        "Orders by the time of the change, which is known to the second",
        NEVER_BACKWARDS,
        _SHUFFLED,
        event_handler=partial(
            Plain, lambda _: "#sequence < :sequence OR #occurred_at <= :occurred_at"
        ),
    ),
    Variant(
        "Compares sequences without their zeros, as text",
        NEVER_BACKWARDS,
        _SHUFFLED,
        shown_by=44,
        event_handler=partial(Plain, unpadded),
    ),
    Variant(
        "Drops what it saw within five minutes, and orders nothing",
        NEVER_BACKWARDS,
        _SHUFFLED,
        event_handler=Windowed,
    ),
    Variant(
        "Takes an older major version of the same change for as new as the newer one",
        NEVER_BACKWARDS,
        only("two_majors", "reordering"),
        event_handler=partial(Plain, lambda _: "#sequence <= :sequence"),
    ),
    Variant(
        "Lets a snapshot overwrite whatever there is",
        NEVER_BACKWARDS,
        only("snapshots", "reordering"),
        guarded_rows=partial(PartlyUnguarded, lambda event: event.change is Change.SNAPSHOT),
    ),
    Variant(
        "Lets a repair change a row that has moved on since",
        NEVER_BACKWARDS,
        only("repairs", "reordering"),
        seeds_max=2000,
        guarded_rows=partial(PartlyUnguarded, lambda event: event.repairs is not None),
    ),
    Variant(
        "Lets any live change overwrite a seed, however much older it is",
        NEVER_BACKWARDS,
        only("snapshots", "reordering"),
        seeds_max=1000,
        guarded_rows=tolerant,
    ),
    Variant(
        "Trusts a version counter over a snapshot that has none of its own",
        NEVER_BACKWARDS,
        only("reordering", "snapshots", "repairs", "version_counters", "mapping_recreated"),
        seeds_max=3000,
        shown_by=339,
        guarded_rows=partial(without, "AND #status <> :removed"),
    ),
    Variant(
        "Applies any higher epoch, however old its change is",
        NEVER_BACKWARDS,
        only("failovers"),
        guarded_rows=partial(without, " AND #occurred_at <= :latest_stored"),
    ),
    Variant(
        "Deletes the row of a customer who is removed, and with it the order",
        NOTHING_LOST,
        _SHUFFLED,
        event_handler=DeletingRemoved,
    ),
    Variant(
        "Drops what contradicts the order as if it were merely old",
        NOTHING_LOST,
        only("unraised_restarts"),
        event_handler=partial(Answers, lambda one: STALE if one.outcome is Outcome.PARKED else one),
    ),
    Variant(
        "Takes a batch's older events of a customer for superseded, even where the newest failed",
        NOTHING_LOST,
        only("throttles", "reordering"),
        seeds_max=1000,
        event_handler=NewestOnly,
    ),
    Variant(
        "Takes a row that is missing for one that is newer",
        NOTHING_LOST,
        only(),
        row_batches=partial(Misreading, code="ConditionalCheckFailed", meaning=STALE),
    ),
    Variant(
        "Takes the refusal of a second row for the first one's success",
        NOTHING_LOST,
        only("reordering"),
        row_batches=partial(Misreading, code="DuplicateItem", meaning=APPLIED),
    ),
    Variant(
        "Takes each statement's response for the next one's",
        NOTHING_LOST,
        only("reordering"),
        row_batches=shifted,
    ),
)
