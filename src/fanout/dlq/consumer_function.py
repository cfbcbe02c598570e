"""The subscriber's own function, asked to handle messages and to say what became of each."""

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fanout.dlq.message import DeadMessage, to_lambda_record
from fanout.dlq.ports import Verdict
from fanout.errors import Refused

PAYLOAD_BYTES_MAX = 4_000_000
"""Of one invocation: Lambda takes 6 MB, and a body grows when JSON escapes it."""
RETRY = "RETRY"
_LATER = {"TooManyRequestsException", "ServiceException", "EC2ThrottledException"}


class ConsumerFunction:
    """The port `Consumer` on Lambda.

    Args:
        client: a boto3 Lambda client.
        function_name: the subscriber's function.
        queue_arn: the subscriber's queue, which the messages are said to come from.
    """

    def __init__(self, client: Any, function_name: str, *, queue_arn: str) -> None:
        self._client = client
        self._function_name = function_name
        self._queue_arn = queue_arn

    def require_reporting(self) -> None:
        """See `Consumer.require_reporting`. Asks with no message, so an old function does nothing.

        An old function would park what fails once more, and the DLQ would double.
        """
        answer, why = self._invoke([])
        if answer is None or not isinstance(answer.get("outcomes"), list):
            said = f" It said: {why}." if why else ""
            raise Refused(
                f"{self._function_name} does not report outcomes.{said} Deploy it with the current "
                "event_consumer, or replay --through queue."
            )

    def handle(self, messages: Sequence[DeadMessage]) -> list[Verdict]:
        """See `Consumer.handle`."""
        records = [to_lambda_record(one, queue_arn=self._queue_arn) for one in messages]
        verdicts: dict[str, Verdict] = {}
        why = "NotReported"
        for chunk in _chunks(records):
            answer, failure = self._invoke(chunk)
            why = failure or why
            for outcome in (answer or {}).get("outcomes", []):
                verdict = _verdict(outcome)
                verdicts[verdict.message_id] = verdict
        return [
            verdicts.get(
                one.message_id, Verdict(message_id=one.message_id, outcome=RETRY, reason=why)
            )
            for one in messages
        ]

    # Private functions

    def _invoke(self, records: list[dict[str, Any]]) -> tuple[dict[str, Any] | None, str]:
        """The function's answer, or None and why there is none."""
        payload = json.dumps({"report_outcomes": True, "Records": records}).encode()
        try:
            response = self._client.invoke(
                FunctionName=self._function_name,
                InvocationType="RequestResponse",
                Payload=payload,
            )
        except self._client.exceptions.ResourceNotFoundException:
            raise Refused(
                f"There is no function {self._function_name}: deploy it, or replay --through queue."
            ) from None
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in _LATER:
                raise
            return None, code
        except BotoCoreError as error:  # it may have run: what it did, the guard knows
            return None, type(error).__name__
        found = json.loads(response["Payload"].read() or b"null")
        if "FunctionError" in response or not isinstance(found, dict):
            kind = found.get("errorType") if isinstance(found, dict) else None
            return None, str(kind or response.get("FunctionError") or "NoAnswer")
        return found, ""


# Private functions


def _chunks(records: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    chunks: list[list[dict[str, Any]]] = []
    size_bytes = 0
    for record in records:
        weight = len(json.dumps(record))
        if not chunks or size_bytes + weight > PAYLOAD_BYTES_MAX:
            chunks.append([])
            size_bytes = 0
        chunks[-1].append(record)
        size_bytes += weight
    return chunks


def _verdict(found: dict[str, Any]) -> Verdict:
    return Verdict(
        message_id=str(found["message_id"]),
        outcome=str(found["outcome"]),
        reason=str(found.get("reason") or ""),
        field=str(found.get("field") or ""),
        expected=str(found.get("expected") or ""),
    )
