"""The deployed publisher function, asked to publish records and to say what became of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from fanout.aws import AwsTarget
from fanout.errors import Refused
from fanout.failures.documents import Record

PUBLISHED, IGNORED, REFUSED, FAILED = "PUBLISHED", "IGNORED", "REFUSED", "FAILED"
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


# Private functions


def _outcome(found: Any) -> Outcome:
    """Anything but the four words counts as failed."""
    told = found if isinstance(found, dict) else {}
    outcome = str(told.get("outcome"))
    if outcome not in {PUBLISHED, IGNORED, REFUSED, FAILED}:
        return Outcome(outcome=FAILED, reason="NotReported")
    return Outcome(
        outcome=outcome,
        reason=str(told.get("reason") or ""),
        field=str(told.get("field") or ""),
        expected=str(told.get("expected") or ""),
    )
