"""Parts of a consumer that do not keep the order; `variants_guard` puts them in."""

from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from customer_events.deadline import UNLIMITED, Deadline
from customer_events.event import CustomerStatusChanged, Status
from event_consumer.guarded_table import GuardedTable, read_row
from event_consumer.latest_state import Written
from event_consumer.order_guard import judge
from event_consumer.outcomes import APPLIED, DUPLICATE, STALE, Handled, retry
from event_consumer.ports import EventHandler
from payments_consumer.standing import attributes
from simulation.system import Clients

_Request = dict[str, Any]
_Events = Sequence[CustomerStatusChanged]


class Plain:
    """One write for each event, under a condition of its own."""

    def __init__(self, clients: Clients, condition: Callable[[_Request], str | None]) -> None:
        def edit(request: _Request) -> None:
            own = condition(request)
            text = None if own is None else f"attribute_not_exists(#sequence) OR {own}"
            request["ConditionExpression"] = text

        self._rows = Editing(clients, edit)

    def handle(self, events: _Events, deadline: Deadline = UNLIMITED) -> list[Handled]:
        return [self._handle(one) for one in events]

    def _handle(self, event: CustomerStatusChanged) -> Handled:
        try:
            self._rows.table.write(event)
        except ClientError as error:
            return retry(error.response["Error"]["Code"])
        except Refused:
            return STALE
        except Exception as error:  # noqa: BLE001 - as the real handler does
            return retry(type(error).__name__)
        return APPLIED


class Refused(Exception):
    """The condition did not hold."""


class Editing:
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
                raise Refused from None
            raise


class ReadThenWrite:
    def __init__(self, clients: Clients) -> None:
        self._client = clients.rows
        self._unconditional = Editing(
            clients, lambda request: request.update(ConditionExpression=None)
        )

    def write(self, event: CustomerStatusChanged) -> Written:
        found = self._client.get_item(Key={"customer_id": {"S": event.customer_id}}).get("Item")
        row = read_row(found) if found else None
        if judge(row, event) is not None:
            return Written(applied=False, row=row)
        return self._unconditional.write(event)


class Windowed:
    def __init__(self, clients: Clients) -> None:
        self._plain = Plain(clients, lambda _: None)
        self._clock = clients.clock
        self._seen: dict[str, float] = {}

    def handle(self, events: _Events, deadline: Deadline = UNLIMITED) -> list[Handled]:
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


class Deleting:
    def __init__(self, inner: EventHandler, clients: Clients) -> None:
        self._inner = inner
        self._rows = clients.rows.rows

    def handle(self, events: _Events, deadline: Deadline = UNLIMITED) -> Sequence[Handled]:
        answers = self._inner.handle(events, deadline)
        for event, answer in zip(events, answers, strict=True):
            if answer is APPLIED and event.status is Status.REMOVED:
                self._rows.pop(event.customer_id, None)
        return answers


class Answers:
    def __init__(self, inner: EventHandler, change: Callable[[Handled], Handled]) -> None:
        self._inner = inner
        self._change = change

    def handle(self, events: _Events, deadline: Deadline = UNLIMITED) -> list[Handled]:
        return [self._change(one) for one in self._inner.handle(events, deadline)]


class NewestOnly:
    def __init__(self, inner: EventHandler) -> None:
        self._inner = inner

    def handle(self, events: _Events, deadline: Deadline = UNLIMITED) -> list[Handled]:
        newest: dict[str, int] = {}
        for index, event in enumerate(events):
            best = newest.setdefault(event.customer_id, index)
            if event.sequence > events[best].sequence:
                newest[event.customer_id] = index
        chosen = list(newest.values())
        answers = self._inner.handle([events[index] for index in chosen], deadline)
        found = dict(zip(chosen, answers, strict=True))
        return [found.get(index, STALE) for index in range(len(events))]


def table(clients: Clients, is_free: Callable[[CustomerStatusChanged], bool]) -> "PartlyUnguarded":
    return PartlyUnguarded(clients, is_free)


class PartlyUnguarded:
    def __init__(self, clients: Clients, is_free: Callable[[CustomerStatusChanged], bool]) -> None:
        self._guarded = GuardedTable(clients.rows, "rows", rule=attributes, clock=clients.clock.now)
        self._free = Editing(clients, lambda request: request.update(ConditionExpression=None))
        self._is_free = is_free

    def write(self, event: CustomerStatusChanged) -> Written:
        return (self._free if self._is_free(event) else self._guarded).write(event)
