"""Answer Lambda's SQS event source mapping (ReportBatchItemFailures).

A replay calls the same function with `"report_outcomes": true` beside its `Records`: each message
is handled as ever, none is parked, delayed or deleted, and the answer says what became of each.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from customer_events.deadline import Deadlines, MonotonicClock, Reserves
from event_consumer.consume_batch import BatchConsumer
from event_consumer.failures import in_turns
from event_consumer.messages import Message, from_record
from event_consumer.outcomes import BEHIND_FAILED, WELL, Delivery, Outcome
from event_consumer.park_by_customer import ParkByCustomer
from event_consumer.reporting import BatchReporter
from event_consumer.sqs_queue import SqsRedelivery

CALL_MAX_SECONDS = 9.0
"""Two attempts of a second's connecting and three of reading, and a second between them."""
RESERVES = Reserves(
    work_seconds=2 * CALL_MAX_SECONDS,  # for the last write, and for parking
    work_share_max=0.6,
    parking_seconds=CALL_MAX_SECONDS,
    parking_share_max=0.3,
)
REPORT_OUTCOMES = "report_outcomes"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsHandler:
    """The Lambda handler, called as `handler(event, context)`.

    Args:
        receives_max: the queue's maxReceiveCount.
        now: the time, in UTC.
    """

    consumer: BatchConsumer | ParkByCustomer
    redelivery: SqsRedelivery
    reporter: BatchReporter
    receives_max: int
    clock: MonotonicClock
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Consume the batch; name the messages that must come back.

        With `report_outcomes` the answer is `{"outcomes": [...]}` instead, one for each message in
        its order: `message_id`, `outcome`, and `reason`, `field` and `expected`, "" where there is
        none.
        """
        messages = [from_record(record) for record in event["Records"]]
        deadlines = RESERVES.deadlines(context, self.clock)
        request_id = str(getattr(context, "aws_request_id", ""))
        if event.get(REPORT_OUTCOMES) is True:
            deliveries = self.consumer.decide(messages, deadlines)
            # What is parked or comes back would be counted as if it had been moved: an alarm.
            well = [delivery for delivery in deliveries if delivery.handled.outcome in WELL]
            self.reporter.report(well, request_id=request_id, now=self.now())
            return {"outcomes": [_outcome(delivery) for delivery in deliveries]}
        deliveries = self._consume(messages, deadlines)
        self.reporter.report(deliveries, request_id=request_id, now=self.now())
        failed = [delivery.message.message_id for delivery in deliveries if delivery.comes_back]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    # Private functions

    def _consume(self, messages: Sequence[Message], deadlines: Deadlines) -> list[Delivery]:
        """What is done is acknowledged before the next turn, in which the process may die."""
        deliveries = [
            Delivery(message=message, event=None, handled=BEHIND_FAILED) for message in messages
        ]
        done: list[Message] = []
        stopped: set[str] = set()
        for turn in in_turns(messages, self.receives_max):
            going = [index for index in turn if messages[index].fifo_group not in stopped]
            if not going:
                continue
            if done:
                with suppress(Exception):  # the answer acknowledges it as well
                    self.redelivery.acknowledge(done, deadlines.parking)
            part = self.consumer.consume(
                [messages[index] for index in going], deadlines, self.now()
            )
            part = _hold_back(part, stopped)
            for index, delivery in zip(going, part, strict=True):
                deliveries[index] = delivery
            done = [delivery.message for delivery in part if not delivery.comes_back]
        failed = [delivery.message for delivery in deliveries if delivery.comes_back]
        if failed:
            with suppress(Exception):  # outcomes stand; failing now would park the parked again
                self.redelivery.delay(failed, deadlines.parking)
        return deliveries


# Private functions


def _hold_back(deliveries: Sequence[Delivery], stopped: set[str]) -> list[Delivery]:
    """On FIFO, what follows a failed message of its group comes back with it, in order.

    `stopped` gains the groups of failed messages: nothing more of them may be handled.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    result = list(deliveries)
    for index, delivery in enumerate(deliveries):
        group = delivery.message.fifo_group
        if group and delivery.comes_back:
            stopped.add(group)
        elif group in stopped and delivery.handled.outcome is not Outcome.PARKED:
            result[index] = replace(delivery, handled=BEHIND_FAILED)
    return result


def _outcome(delivery: Delivery) -> dict[str, Any]:
    reason = delivery.handled.reason
    return {
        "message_id": delivery.message.message_id,
        "outcome": delivery.handled.outcome.value,
        "reason": reason.code if reason else delivery.handled.error_type,
        "field": reason.field if reason else "",
        "expected": reason.expected if reason else "",
    }
