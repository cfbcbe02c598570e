"""One synchronous invocation of the mapped function with a batch."""

import json
from typing import Any

from botocore.exceptions import ClientError

from fanout.local.stream_answer import (
    Failed,
    InvocationResult,
    NotInvoked,
    Succeeded,
    read_answer,
)
from fanout.local.stream_batches import Batch
from fanout.local.stream_records import payload_of
from fanout.local.stream_settings import MappingSettings


def invoke(lambda_client: Any, settings: MappingSettings, batch: Batch) -> InvocationResult:
    """Call the function and read what became of it; never raises.

    An error of the call itself (a throttle, no permission, no connection, a timeout of the client)
    counts as not invoked, so that it spends no attempt and loses nothing.
    """
    try:
        answer = lambda_client.invoke(
            FunctionName=settings.function_arn,
            InvocationType="RequestResponse",
            Payload=payload_of(batch.records).encode(),
        )
        body = answer["Payload"].read()
    except Exception as error:  # noqa: BLE001 - whatever it was, the batch has to be tried again
        return NotInvoked(error=error_name(error))
    function_error = answer.get("FunctionError")
    if function_error:
        kind = _error_type(body)
        return Failed(error=f"{function_error}: {kind}", function_error=function_error)
    if not settings.report_item_failures:
        return Succeeded()
    try:
        decoded = json.loads(body or b"null")
    except ValueError:
        return Failed(error="the answer is not JSON")
    return read_answer(decoded, sequences=batch.sequences)


def error_name(error: Exception) -> str:
    """Which call failed with which code; an answer's message may echo what was sent."""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "unknown error")
        return f"{error.operation_name}: {code}"
    return type(error).__name__


# Private functions


def _error_type(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return "unknown"
    found = document.get("errorType") if isinstance(document, dict) else None
    return found if isinstance(found, str) else "unknown"
