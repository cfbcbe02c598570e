"""As much of botocore's SQS client as the consumers and the operator's commands use."""

from email.utils import formatdate
from typing import Any

from simulation.calls import Calls, EntryRefused
from simulation.clock import VirtualClock
from simulation.queues import Queue, as_received

ATTRIBUTES_MAX = 10
_LONG_POLL_SECONDS = 1.0


class QueuesClient:
    """`origin` says who sends through it, for the checkers."""

    def __init__(
        self, calls: Calls, queues: list[Queue], clock: VirtualClock, *, origin: str = "consumer"
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._origin = origin
        self._queues = {one.url: one for one in queues}

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        queue = self._queues[request["QueueUrl"]]

        def send(entry: dict[str, Any]) -> dict[str, Any]:
            attributes = entry.get("MessageAttributes", {})
            if len(attributes) > ATTRIBUTES_MAX:
                raise EntryRefused("InvalidParameterValue")
            if queue.fifo and not entry.get("MessageGroupId"):
                raise EntryRefused("MissingParameter")
            message_id = queue.send(
                entry["MessageBody"],
                attributes,
                origin=self._origin,
                group=entry.get("MessageGroupId"),
                dedup_id=entry.get("MessageDeduplicationId"),
            )
            return {"MessageId": message_id}

        return self._batch(queue, "SendMessageBatch", request, send)

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        queue = self._queues[request["QueueUrl"]]

        def hide(entry: dict[str, Any]) -> dict[str, Any]:
            queue.hide(entry["ReceiptHandle"], entry["VisibilityTimeout"])
            return {}

        return self._batch(queue, "ChangeMessageVisibilityBatch", request, hide)

    def delete_message(self, **request: Any) -> dict[str, Any]:
        queue = self._queues[request["QueueUrl"]]
        return self._calls.one(
            f"queue {queue.name}",
            "DeleteMessage",
            lambda: queue.delete(request["ReceiptHandle"]) and {},
        )

    def delete_message_batch(self, **request: Any) -> dict[str, Any]:
        queue = self._queues[request["QueueUrl"]]

        def delete(entry: dict[str, Any]) -> dict[str, Any]:
            receipt = entry["ReceiptHandle"]
            message = queue.messages.get(receipt.partition("#")[0])
            if queue.fifo and message is not None and message.receipt != receipt:
                raise EntryRefused("ReceiptHandleIsInvalid")
            queue.delete(receipt)
            return {}

        return self._batch(queue, "DeleteMessageBatch", request, delete)

    def receive_message(self, **request: Any) -> dict[str, Any]:
        """A short poll may miss some; a long one waits where there is nothing."""
        queue = self._queues[request["QueueUrl"]]

        def receive() -> dict[str, Any]:
            count = request["MaxNumberOfMessages"]
            dice = self._calls.current.random
            if not request["WaitTimeSeconds"]:
                count = dice.randint(0, count)
            received = queue.receive(
                count, dice, in_order=False, hidden_seconds=request["VisibilityTimeout"]
            )
            if request["WaitTimeSeconds"] and not received:
                self._clock.seconds += _LONG_POLL_SECONDS
            return {"Messages": [as_received(one) for one in received]}

        return self._calls.one(f"queue {queue.name}", "ReceiveMessage", receive)

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        queue = self._queues[request["QueueUrl"]]

        def describe() -> dict[str, Any]:
            now = self._clock.seconds
            hidden = sum(one.visible_at > now for one in queue.messages.values())
            attributes = {
                "QueueArn": queue.arn,
                "MessageRetentionPeriod": "1209600",
                "MaximumMessageSize": "1048576",
                "ApproximateNumberOfMessages": str(len(queue.messages) - hidden),
                "ApproximateNumberOfMessagesNotVisible": str(hidden),
                "ApproximateNumberOfMessagesDelayed": "0",
            }
            return {"Attributes": attributes, "ResponseMetadata": metadata(now)}

        return self._calls.one(f"queue {queue.name}", "GetQueueAttributes", describe)

    # Private functions

    def _batch(self, queue: Queue, operation: str, request: dict[str, Any], effect: Any) -> Any:
        return self._calls.batch(f"queue {queue.name}", operation, request["Entries"], effect)


def metadata(now: float) -> dict[str, Any]:
    """Of an answer: AWS stamps it with whole seconds, rounded down."""
    return {"HTTPHeaders": {"date": formatdate(int(now), usegmt=True)}}
