"""A deployed Lambda function: what it logged, and the outcomes that it reports to a run."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from event_consumer.sqs_queue import batches
from fanout.aws import AwsTarget, code_of
from fanout.errors import Refused
from fanout.text import json_object

READ_TIMEOUT_SECONDS = 900
"""As long as a function may run: giving up earlier would only leave its answer unread."""
CALL_BYTES_MAX = 4_000_000
"""Of the records of one invocation: Lambda takes 6 MB, and a body grows when JSON escapes it."""
_Item = TypeVar("_Item")
_BUSY = {"TooManyRequestsException", "EC2ThrottledException"}
"""Lambda did not begin an invocation: nothing has happened, so it may be repeated at once."""
_LATER = {*_BUSY, "ServiceException"}
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingFunction:
    """A publisher or a consumer; `remedy`: a sentence, where it does not report or is not there."""

    client: Any
    name: str
    remedy: str

    def require_reporting(self) -> None:
        """Ask with no record, since an older function would park what it refuses once more.

        Raises: Refused: the function does not report outcomes, or there is none.
        """
        outcomes, why = self.ask([])
        if outcomes is None:
            said = f" It said: {why}." if why else ""
            raise Refused(f"{self.name} does not report outcomes.{said} {self.remedy}")

    def ask(
        self, records: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Mapping[str, Any]] | None, str]:
        """The outcomes, or None and why; it may have done its work where the answer is lost."""
        payload = json.dumps({"report_outcomes": True, "Records": list(records)}).encode()
        try:
            response = self._invoke(payload)
        except self.client.exceptions.ResourceNotFoundException:
            raise Refused(f"There is no function {self.name}. {self.remedy}") from None
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and code_of(error) not in _LATER:
                raise
            return None, code_of(error)
        answer = json_object(response["Payload"].read())
        if "FunctionError" in response or not answer:
            return None, str(answer.get("errorType") or response.get("FunctionError") or "NoAnswer")
        outcomes = answer.get("outcomes")
        return (outcomes if isinstance(outcomes, list) else None), ""

    # Private functions

    def _invoke(self, payload: bytes) -> Any:
        delays = iter(_RETRY_SECONDS)
        while True:
            try:
                return self.client.invoke(
                    FunctionName=self.name, InvocationType="RequestResponse", Payload=payload
                )
            except ClientError as error:
                delay = next(delays, None) if code_of(error) in _BUSY else None
                if delay is None:
                    raise
                time.sleep(delay)


def calls(
    items: Iterable[_Item], record_of: Callable[[_Item], object], count_max: int = sys.maxsize
) -> Iterator[list[_Item]]:
    """Items by the invocations that take them; a record is what an invocation is given of one."""
    return batches(
        items,
        lambda item: len(json.dumps(record_of(item))),
        count_max=count_max,
        bytes_max=CALL_BYTES_MAX,
    )


def log_lines(
    target: AwsTarget, function_name: str, *, since: datetime | None = None, pattern: str = ""
) -> Iterator[dict[str, Any]]:
    """A function's log lines that are JSON objects, oldest first; see `log_texts`."""
    for text in log_texts(target, function_name, since=since, pattern=pattern):
        if line := json_object(text):
            yield line


def log_texts(
    target: AwsTarget, function_name: str, *, since: datetime | None = None, pattern: str = ""
) -> Iterator[str]:
    """A function's log from `since` on, Lambda's lines too, by CloudWatch's filter pattern."""
    configuration = target.client("lambda").get_function_configuration(FunctionName=function_name)
    group = configuration.get("LoggingConfig", {}).get("LogGroup")
    request: dict[str, Any] = {"logGroupName": group or f"/aws/lambda/{function_name}"}
    if since is not None:
        request["startTime"] = int(since.timestamp() * 1000)
    if pattern:
        request["filterPattern"] = pattern
    logs = target.client("logs")
    try:
        for page in logs.get_paginator("filter_log_events").paginate(**request):
            for event in page["events"]:
                yield from event["message"].splitlines()
    except logs.exceptions.ResourceNotFoundException:
        return


def patient_client(target: AwsTarget) -> Any:
    """A Lambda client that waits for a long invocation, and repeats none whose answer is lost."""
    config = Config(
        read_timeout=READ_TIMEOUT_SECONDS, retries={"mode": "standard", "total_max_attempts": 1}
    )
    return target.session.client("lambda", endpoint_url=target.endpoint_url, config=config)
