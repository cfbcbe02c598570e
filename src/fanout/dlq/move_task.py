"""SQS's own move task: StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask.

Limits, from the SQS API reference: the source has to be the DLQ of an SQS queue; one active task a
queue; 500 messages a second at most; cancelling brings nothing back.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from fanout.errors import Refused

RATE_MAX = 500
RUNNING = "RUNNING"
ENDED = frozenset({"COMPLETED", "CANCELLED", "FAILED"})
_NOT_SUPPORTED = {"UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"}
_UNKNOWN_ACTION = {"InvalidAction", "NotImplemented", "UnknownOperationException"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTask:
    """One task as SQS tells of it. `handle` is there only while it runs; it is what cancels it."""

    status: str
    handle: str
    destination_arn: str
    moved: int
    to_move: int | None
    rate: int | None
    failure: str
    started_at: datetime

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "status": self.status,
            "destination_arn": self.destination_arn,
            "moved": self.moved,
            "to_move": self.to_move,
            "rate": self.rate,
            "failure": self.failure,
            "started_at": self.started_at.isoformat(),
        }


class MoveTasks:
    """The move tasks of one DLQ.

    Args:
        client: a boto3 SQS client.
        source_arn: the DLQ.
    """

    def __init__(self, client: Any, source_arn: str) -> None:
        self._client = client
        self._source_arn = source_arn

    def start(self, destination_arn: str, *, rate: int | None) -> str:
        """Start one; its handle.

        Raises:
            Refused: SQS will not, and why.
        """
        wanted: dict[str, Any] = {
            "SourceArn": self._source_arn,
            "DestinationArn": destination_arn,
        }
        if rate is not None:
            wanted["MaxNumberOfMessagesPerSecond"] = rate
        return str(self._asked("start_message_move_task", **wanted)["TaskHandle"])

    def list(self) -> list[MoveTask]:
        """The ten latest, newest first."""
        answer = self._asked("list_message_move_tasks", SourceArn=self._source_arn, MaxResults=10)
        return [_task(one) for one in answer.get("Results", [])]

    def latest(self) -> MoveTask | None:
        """The newest."""
        return next(iter(self.list()), None)

    def cancel(self, task: MoveTask) -> int:
        """Stop one that runs; how many messages it has moved, which stay where they are now."""
        answer = self._asked("cancel_message_move_task", TaskHandle=task.handle)
        return int(answer.get("ApproximateNumberOfMessagesMoved") or 0)

    # Private functions

    def _asked(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _NOT_SUPPORTED:
                why = error.response["Error"].get("Message", "")
                raise Refused(
                    f"SQS can't move from {self._source_arn}: {why} "
                    "Use `fanout dlq replay`, which needs no source queue."
                ) from None
            if code in _UNKNOWN_ACTION:
                raise Refused(
                    "This AWS has no message move tasks (the embedded one has none): use "
                    "`fanout dlq replay`."
                ) from None
            raise
        return answer


# Private functions


def _task(found: dict[str, Any]) -> MoveTask:
    to_move = found.get("ApproximateNumberOfMessagesToMove")
    rate = found.get("MaxNumberOfMessagesPerSecond")
    started = int(found.get("StartedTimestamp") or 0)
    return MoveTask(
        status=str(found.get("Status", "")),
        handle=str(found.get("TaskHandle") or ""),
        destination_arn=str(found.get("DestinationArn") or ""),
        moved=int(found.get("ApproximateNumberOfMessagesMoved") or 0),
        to_move=None if to_move is None else int(to_move),
        rate=None if rate is None else int(rate),
        failure=str(found.get("FailureReason") or ""),
        started_at=datetime.fromtimestamp(started / 1000, UTC),
    )
