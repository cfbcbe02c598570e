"""MiniStack, with two faults of it repaired.

A PartiQL write leaves no record in a table's stream. On AWS a stream captures every change of an
item ("Change data capture for DynamoDB Streams", Developer Guide). And each receive goes over every
field of every message in the queue: half a second for each hundred receives at 10,000 messages.

`fanout.local.stack` has what is worked around without touching the emulator, and its version; a
test fails once a fault is gone.
"""

from contextvars import ContextVar
from typing import Any

_in_statement: ContextVar[bool] = ContextVar("in_statement", default=False)


def main() -> None:
    """Serve, until a signal ends it."""
    from ministack import app  # its import starts threads
    from ministack.services import dynamodb, sqs

    record_partiql_writes(dynamodb)
    complete_messages_once(sqs)
    app.main()


def record_partiql_writes(dynamodb: Any) -> None:
    """Make INSERT and UPDATE statements write stream records, as PutItem and UpdateItem do."""
    execute, set_item = dynamodb._execute_statement, dynamodb._set_item  # noqa: SLF001

    def execute_statement(data: Any) -> Any:
        token = _in_statement.set(True)
        try:
            return execute(data)
        finally:
            _in_statement.reset(token)

    def set_item_recorded(table: Any, pk: Any, sk: Any, item: Any) -> None:
        old = table["items"].get(pk, {}).get(sk)
        set_item(table, pk, sk, item)
        if _in_statement.get():
            change = "MODIFY" if old else "INSERT"
            dynamodb._emit_stream_event(table["TableName"], change, old, item)  # noqa: SLF001

    dynamodb._execute_statement = execute_statement  # noqa: SLF001
    dynamodb._set_item = set_item_recorded  # noqa: SLF001


def complete_messages_once(sqs: Any) -> None:
    """Pass over the messages that an earlier receive has completed."""
    complete = sqs._ensure_msg_fields  # noqa: SLF001

    def complete_once(message: dict[str, Any]) -> None:
        if "complete" not in message:
            complete(message)
            message["complete"] = True

    sqs._ensure_msg_fields = complete_once  # noqa: SLF001


if __name__ == "__main__":
    main()
