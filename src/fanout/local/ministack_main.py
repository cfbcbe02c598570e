"""MiniStack, with one fault of it repaired: a PartiQL write leaves no record in a table's stream.

On AWS a stream captures every change of an item ("Change data capture for DynamoDB Streams",
Developer Guide). `fanout.local.stack` has what is worked around without touching the emulator, and
its version; a test fails once the fault is gone.
"""

from contextvars import ContextVar
from typing import Any

_in_statement: ContextVar[bool] = ContextVar("in_statement", default=False)


def main() -> None:
    """Serve, until a signal ends it."""
    from ministack import app  # its import starts threads
    from ministack.services import dynamodb

    record_partiql_writes(dynamodb)
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


if __name__ == "__main__":
    main()
