"""The order guard in batches: up to 25 customers in one call (PartiQL, BatchExecuteStatement).

An UPDATE changes a row only where there is one; an INSERT makes one only where there is none. So
each event is tried as the likelier of the two, then as the other where the answer says that it was
wrong, and at last by UpdateItem, which does both. Every statement is conditional: nothing is read
and then written.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html
"""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from botocore.exceptions import ClientError

from cold_start.parameter_encoder import ParameterEncoder
from customer_events.deadline import Deadline
from customer_events.event import Change, CustomerStatusChanged
from event_consumer.failures import failed
from event_consumer.guarded_table import (
    OWN_SIZE_MAX_BYTES,
    GuardedTable,
    GuardedWrite,
    applied,
    refused,
)
from event_consumer.latest_state import Written
from event_consumer.outcomes import OUT_OF_TIME, Cause, Handled, retry

STATEMENTS_MAX = 25
ATTEMPTS_MAX = 2
"""As an INSERT and as an UPDATE, in either order."""
OWN_NAMES_MAX_BYTES = 6_000
"""A statement takes 8,192 characters. The guard's own attributes, its condition and a table's name
need 1,100, and each name of the rule's 13 more than its length."""
OWN_VALUES_MAX_LENGTH = OWN_SIZE_MAX_BYTES // STATEMENTS_MAX
"""So a call is about as large as the largest UpdateItem: it takes 16 MB, and has 3 seconds."""
_REFUSALS_TEXT = """
AccessDenied AccessDeniedException UnknownOperationException ValidationError ValidationException
"""
_REFUSALS = frozenset(_REFUSALS_TEXT.split())
"""Codes of what is never taken as a statement, but may be as an UpdateItem: an older stack's role
does not allow PartiQL, or DynamoDB does not take our text."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_TOKEN = re.compile(r"attribute_not_exists\(#(\w+)\)|#(\w+)|:(\w+)")
_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """An event under way: `inserts` is how it is tried next, if it `is_open` for a statement."""

    event: CustomerStatusChanged
    row_wanted: bool
    change: GuardedWrite | None = None
    inserts: bool = False
    is_open: bool = False
    answer: Written | Handled | None = None


class GuardedBatches:
    """`RowBatches` on the same table, and under the same condition, as a `GuardedTable`.

    What DynamoDB refuses as a statement takes an UpdateItem. Where that writes all of a call, it
    goes on so for the rest of the process: a batch is then one event. Where UpdateItem fails too,
    it is an outage, or the event's own fault.
    """

    def __init__(self, client: Any, table_name: str, table: GuardedTable) -> None:
        self._client = client
        self._table_name = table_name
        self._table = table
        self.size_max = STATEMENTS_MAX

    def write(
        self,
        events: Sequence[CustomerStatusChanged],
        rows_wanted: Sequence[bool],
        deadline: Deadline,
    ) -> list[Written | Handled]:
        """See `RowBatches.write`."""
        attempts = [
            self._begin(event, row_wanted, deadline)
            for event, row_wanted in zip(events, rows_wanted, strict=True)
        ]
        denied, code = list[_Attempt](), ""
        for count in range(ATTEMPTS_MAX):
            still_open = [attempt for attempt in attempts if attempt.is_open]
            # What was prepared in time is tried once, however long the rule took.
            if not still_open or (count > 0 and deadline.is_over()):
                break
            if refusal := self._call(still_open):
                denied, code = still_open, refusal
        for attempt in attempts:
            attempt.answer = attempt.answer or self._write_alone(attempt, deadline)
        if denied and all(isinstance(attempt.answer, Written) for attempt in denied):
            self._give_up(code)
        return [cast("Written | Handled", attempt.answer) for attempt in attempts]

    # Private functions

    def _begin(
        self, event: CustomerStatusChanged, row_wanted: bool, deadline: Deadline
    ) -> _Attempt:
        attempt = _Attempt(event=event, row_wanted=row_wanted)
        if deadline.is_over():
            attempt.answer = OUT_OF_TIME
            return attempt
        try:
            attempt.change = self._table.prepare(event)
        except Exception as error:  # noqa: BLE001 (the rule's own fault: this event's alone)
            attempt.answer = failed(error)
            return attempt
        attempt.inserts = event.repairs is None and event.change in _MAKES_ROWS
        attempt.is_open = _is_sayable(attempt.change.own)
        return attempt

    def _call(self, attempts: Sequence[_Attempt]) -> str:
        """Try each event once; what is left open may be tried again, the other way.

        Returns:
            The error code where all of several were refused as statements, else "".
        """
        for attempt in attempts:
            attempt.is_open = False
        try:
            statements = [self._statement(attempt) for attempt in attempts]
            responses = self._client.batch_execute_statement(Statements=statements)["Responses"]
        except Exception as error:  # noqa: BLE001 (a fault is that of all, a bug perhaps of one)
            trouble = failed(error)
            if trouble.cause is Cause.DEPENDENCY_FAULT and trouble.error_type not in _REFUSALS:
                for attempt in attempts:
                    attempt.answer = trouble
                return ""
            refusals = [trouble.error_type] * len(attempts)
        else:
            if len(responses) != len(attempts):
                for attempt in attempts:
                    attempt.answer = _MISMATCH
                return ""
            refusals = list(map(self._read, attempts, responses))
        # One alone may be refused for what is in it.
        return refusals[0] if len(attempts) > 1 and all(refusals) else ""

    def _read(self, attempt: _Attempt, response: Mapping[str, Any]) -> str:
        """Take a statement's response; the error code where it was refused as a statement."""
        error = response.get("Error")
        if error is None:
            attempt.answer = _applied(attempt, response.get("Item"))
            return ""
        code, item = error.get("Code"), error.get("Item")
        if code in _REFUSALS:
            return str(code)
        if code != ("DuplicateItem" if attempt.inserts else "ConditionalCheckFailed"):
            fault = ClientError({"Error": {"Code": str(code)}}, "BatchExecuteStatement")
            attempt.answer = failed(fault)
        elif attempt.inserts or (not item and attempt.event.repairs is None):
            attempt.inserts, attempt.is_open = not attempt.inserts, True
        else:
            try:
                attempt.answer = refused(item)
            except Exception as contradiction:  # noqa: BLE001 (a row that was changed by hand)
                attempt.answer = failed(contradiction)
        return ""

    def _statement(self, attempt: _Attempt) -> dict[str, Any]:
        change = cast("GuardedWrite", attempt.change)
        values = {**change.assigned, **change.own}
        key = {"S": change.customer_id}
        if attempt.inserts:
            text = _insert_text(self._table_name, tuple(values))
            return {"Statement": text, "Parameters": [key, *values.values()]}
        text, operands = _update_text(
            self._table_name, tuple(values), change.condition, returns=attempt.row_wanted
        )
        return {
            "Statement": text,
            "Parameters": [*values.values(), key, *map(change.operands.__getitem__, operands)],
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _write_alone(self, attempt: _Attempt, deadline: Deadline) -> Written | Handled:
        if deadline.is_over():
            return OUT_OF_TIME
        try:
            return self._table.store(cast("GuardedWrite", attempt.change))
        except Exception as error:  # noqa: BLE001 (a customer's failure is its own)
            return failed(error)

    def _give_up(self, code: str) -> None:
        if self.size_max == 1:  # another call of the batch was refused as well
            return
        self.size_max = 1
        _LOGGER.warning(
            "DynamoDB refuses BatchExecuteStatement on %s (%s), so each row takes an UpdateItem of "
            "its own. %s, or set WRITE_IN_BATCHES=false.",
            self._table_name,
            code,
            "Allow dynamodb:PartiQLInsert and dynamodb:PartiQLUpdate"
            if code.startswith("AccessDenied")
            else "Nothing is lost, only slower: look the code up",
        )


def statements_encoder() -> ParameterEncoder:
    """For `dynamodb.BatchExecuteStatement`: botocore looks at five hundred values of a call."""
    return ParameterEncoder(
        "Statements", lambda body, value: body == _encode(_NO_STATEMENTS, value), _encode
    )


# Private functions

_NO_STATEMENTS = b"{}"
_MISMATCH = retry("ResponsesDoNotMatchStatements", Cause.UNEXPECTED)
_MAKES_ROWS = frozenset({Change.CREATED, Change.SNAPSHOT})
"""Changes that mostly find no row."""


def _encode(rest: Any, statements: Sequence[Mapping[str, Any]]) -> bytes | None:
    return json.dumps({"Statements": statements}).encode() if rest == _NO_STATEMENTS else None


def _is_sayable(own: Mapping[str, Any]) -> bool:
    """Whether a statement can name the rule's attributes, and a call of 25 carry them."""
    names = sum(len(name) + 13 for name in own)
    values = sum(len(value["S"]) for value in own.values())
    return (
        names <= OWN_NAMES_MAX_BYTES
        and values <= OWN_VALUES_MAX_LENGTH
        and all(map(_PLAIN_NAME.fullmatch, own))
    )


def _applied(attempt: _Attempt, item: Any) -> Written:
    """The row is known where it was asked for and came, or is all of what was inserted."""
    if attempt.inserts and attempt.change:
        item = attempt.change.assigned
    return applied(item) if attempt.row_wanted and item else Written(applied=True, row=None)


@lru_cache(maxsize=256)
def _insert_text(table_name: str, names: tuple[str, ...]) -> str:
    fields = ", ".join(f"'{name}': ?" for name in ("customer_id", *names))
    return f'INSERT INTO "{table_name}" VALUE {{{fields}}}'


@lru_cache(maxsize=256)
def _update_text(
    table_name: str, names: tuple[str, ...], condition: str, *, returns: bool
) -> tuple[str, tuple[str, ...]]:
    """An UPDATE, and the operands of its condition in their order."""
    operands: list[str] = []

    def translate(token: re.Match[str]) -> str:
        absent, name, operand = token.groups()
        if absent:
            return f'"{absent}" IS MISSING'
        if name:
            return f'"{name}"'
        operands.append(f":{operand}")
        return "?"

    where = _TOKEN.sub(translate, condition)
    sets = " ".join(f'SET "{name}" = ?' for name in names)
    # An OR beside the key hides the key from MiniStack 1.5.33, and perhaps from others.
    text = f'UPDATE "{table_name}" {sets} WHERE "customer_id" = ? AND NOT (NOT ({where}))'
    return f"{text}{' RETURNING ALL NEW *' if returns else ''}", tuple(operands)
