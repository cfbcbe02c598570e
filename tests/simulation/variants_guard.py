"""Broken order guards."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from customer_events.event import Change, CustomerStatusChanged, Status
from event_consumer.guarded_table import GuardedTable, read_row
from event_consumer.latest_state import GuardedRows, Written
from event_consumer.order_guard import judge
from event_consumer.outcomes import APPLIED, DUPLICATE, STALE, Handled, Outcome, retry
from event_consumer.ports import EventHandler
from payments_consumer.standing import attributes
from simulation.system import Clients, System

_Request = dict[str, Any]


class LastArrivalWins(System):
    """Writes whatever comes, without a condition."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return _Plain(clients, lambda _: None)


class ComparesTimes(System):
    """Orders by the time of the change, which is known to the second."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return _Plain(clients, lambda _: "#sequence < :sequence OR #occurred_at <= :occurred_at")


class ForgetsMajor(System):
    """Takes an older major version of the same change for as new as the newer one."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return _Plain(clients, lambda _: "#sequence <= :sequence")


class ComparesUnpadded(System):
    """Compares sequences without their zeros, as text."""

    def event_handler(self, clients: Clients) -> EventHandler:
        def unpadded(request: _Request) -> str:
            epoch, _, number = request["ExpressionAttributeValues"][":sequence"]["S"].partition(".")
            value = {"S": f"{int(epoch)}.{int(number)}"}
            request["ExpressionAttributeValues"][":sequence"] = value
            return "#sequence < :sequence"

        return _Plain(clients, unpadded)


class RemembersIdsForAWhile(System):
    """Drops what it saw within five minutes, and orders nothing."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return _Windowed(clients)


class DeletesRemovedRows(System):
    """Deletes the row of a customer who is removed, and with it the place in the order."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return _Deleting(super().event_handler(clients), clients)


class ReadsThenWrites(System):
    """Reads the row, decides, and writes without a condition."""

    def rows(self, clients: Clients) -> GuardedRows:
        return _ReadThenWrite(clients)


class SnapshotOverwrites(System):
    """Lets a snapshot overwrite whatever there is."""

    def rows(self, clients: Clients) -> GuardedRows:
        return _table(clients, lambda event: event.change is Change.SNAPSHOT)


class RepairNamesNothing(System):
    """Lets a repair change a row that has moved on since."""

    def rows(self, clients: Clients) -> GuardedRows:
        return _table(clients, lambda event: event.repairs is not None)


class OldChangeUndoesSeed(System):
    """Lets any live change overwrite a seed, however much older it is."""

    def rows(self, clients: Clients) -> GuardedRows:
        return GuardedTable(
            clients.rows,
            "rows",
            rule=attributes,
            clock=clients.clock.now,
            tolerance=timedelta(days=400),
        )


class OldVersionUndoesFoundRemoval(System):
    """Trusts a version counter over a reading that has none of its own."""

    def rows(self, clients: Clients) -> GuardedRows:
        return _Editing(
            clients,
            lambda request: request.update(
                ConditionExpression=request["ConditionExpression"].replace(
                    "AND #status <> :removed", ""
                )
            ),
        )


class TakesContradictionForStale(System):
    """Drops what contradicts the order as if it were merely old."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return _Answers(
            super().event_handler(clients),
            lambda one: STALE if one.outcome is Outcome.PARKED else one,
        )


class DropsOlderOfBatch(System):
    """Takes the older events of a customer in a batch for superseded, whatever became of the newest."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return _NewestOnly(super().event_handler(clients))


# Private functions


class _Plain:
    """One write for each event, under a condition of its own."""

    def __init__(self, clients: Clients, condition: Callable[[_Request], str | None]) -> None:
        def edit(request: _Request) -> None:
            own = condition(request)
            text = None if own is None else f"attribute_not_exists(#sequence) OR {own}"
            request["ConditionExpression"] = text

        self._rows = _Editing(clients, edit)

    def handle(self, events: Sequence[CustomerStatusChanged]) -> list[Handled]:
        return [self._handle(one) for one in events]

    def _handle(self, event: CustomerStatusChanged) -> Handled:
        try:
            self._rows.table.write(event)
        except ClientError as error:
            return retry(error.response["Error"]["Code"])
        except _Refused:
            return STALE
        except Exception as error:  # noqa: BLE001 - as the real handler does
            return retry(type(error).__name__)
        return APPLIED


class _Refused(Exception):
    """The condition did not hold."""


class _Editing:
    """A guarded table whose requests are changed on their way."""

    def __init__(self, clients: Clients, edit: Callable[[_Request], object]) -> None:
        self._inner = clients.rows
        self._edit = edit
        self.table = GuardedTable(self, "rows", rule=attributes, clock=clients.clock.now)
        self.write = self.table.write

    def update_item(self, **request: Any) -> Any:
        plain = self._edit(request) is None and "begins_with" not in str(
            request["ConditionExpression"]
        )
        try:
            return self._inner.update_item(**request)
        except ClientError as error:
            if plain and error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise _Refused from None
            raise


class _ReadThenWrite:
    def __init__(self, clients: Clients) -> None:
        self._client = clients.rows
        self._unconditional = _Editing(
            clients, lambda request: request.update(ConditionExpression=None)
        )

    def write(self, event: CustomerStatusChanged) -> Written:
        found = self._client.get_item(Key={"customer_id": {"S": event.customer_id}}).get("Item")
        row = read_row(found) if found else None
        if judge(row, event) is not None:
            return Written(applied=False, row=row)
        return self._unconditional.write(event)


class _Windowed:
    def __init__(self, clients: Clients) -> None:
        self._plain = _Plain(clients, lambda _: None)
        self._clock = clients.clock
        self._seen: dict[str, float] = {}

    def handle(self, events: Sequence[CustomerStatusChanged]) -> list[Handled]:
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


class _Deleting:
    def __init__(self, inner: EventHandler, clients: Clients) -> None:
        self._inner = inner
        self._rows = clients.rows.rows

    def handle(self, events: Sequence[CustomerStatusChanged]) -> Sequence[Handled]:
        answers = self._inner.handle(events)
        for event, answer in zip(events, answers, strict=True):
            if answer is APPLIED and event.status is Status.REMOVED:
                self._rows.pop(event.customer_id, None)
        return answers


class _Answers:
    def __init__(self, inner: EventHandler, change: Callable[[Handled], Handled]) -> None:
        self._inner = inner
        self._change = change

    def handle(self, events: Sequence[CustomerStatusChanged]) -> list[Handled]:
        return [self._change(one) for one in self._inner.handle(events)]


class _NewestOnly:
    def __init__(self, inner: EventHandler) -> None:
        self._inner = inner

    def handle(self, events: Sequence[CustomerStatusChanged]) -> list[Handled]:
        newest: dict[str, int] = {}
        for index, event in enumerate(events):
            best = newest.setdefault(event.customer_id, index)
            if event.sequence > events[best].sequence:
                newest[event.customer_id] = index
        chosen = list(newest.values())
        answers = self._inner.handle([events[index] for index in chosen])
        found = dict(zip(chosen, answers, strict=True))
        return [found.get(index, STALE) for index in range(len(events))]


def _table(
    clients: Clients, is_free: Callable[[CustomerStatusChanged], bool]
) -> "_PartlyUnguarded":
    return _PartlyUnguarded(clients, is_free)


class _PartlyUnguarded:
    def __init__(self, clients: Clients, is_free: Callable[[CustomerStatusChanged], bool]) -> None:
        self._guarded = GuardedTable(clients.rows, "rows", rule=attributes, clock=clients.clock.now)
        self._free = _Editing(clients, lambda request: request.update(ConditionExpression=None))
        self._is_free = is_free

    def write(self, event: CustomerStatusChanged) -> Written:
        return (self._free if self._is_free(event) else self._guarded).write(event)
