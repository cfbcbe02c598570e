"""Which mover a run has, by its command; what can't work is refused before anything is moved."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fanout.aws import AwsTarget
from fanout.dlq.consumer_function import ConsumerFunction
from fanout.dlq.discarding import Discarding
from fanout.dlq.editing import Edited, facts_after, from_document
from fanout.dlq.export_file import ExportFile
from fanout.dlq.freeze import facts_of
from fanout.dlq.moving import REFUSED, Deleting, Mover, ThroughConsumer, ThroughQueue
from fanout.dlq.ports import QueueFacts
from fanout.dlq.score import UNREADABLE
from fanout.dlq.sending import AsItIs, Making
from fanout.dlq.subscription import Subscription
from fanout.errors import WrongUse
from fanout.runs.run import Run

QUEUE, CONSUMER, FILE = "queue", "consumer", "file"
"""Where a run's messages go: the option `through`."""
EDIT = "dlq edit"
MakeMover = Callable[[Deleting], Mover]


def mover_of(target: AwsTarget, subscription: Subscription, run: Run, dlq: QueueFacts) -> MakeMover:
    """What makes the mover of a run.

    Raises:
        WrongUse, Refused: the run can't be carried out here.
    """
    through = run.options["through"]
    if through == FILE:
        file = ExportFile(Path(run.options["file"]))
        return lambda deleting: Discarding(run, file, deleting)
    queue = subscription.queue.facts()
    if through == CONSUMER:
        return _through_consumer(target, subscription, run, queue)
    if queue.fifo != dlq.fifo:
        raise WrongUse(
            f"The queue is {_type(queue)} and its DLQ {_type(dlq)}: messages of one do not fit "
            "the other. Replay --through consumer."
        )
    making: Making = AsItIs(queue, run.run_id)
    if run.header["command"] == EDIT:
        edit = from_document(run.options["edit"])
        making = Edited(edit, subscription.reader, queue, run.run_id)
    return lambda deleting: ThroughQueue(run, subscription.queue, queue, deleting, making)


def describe_of(subscription: Subscription, run: Run) -> Callable[..., dict[str, Any]]:
    """What the journal of a run holds of a message."""
    if run.header["command"] != EDIT:
        return facts_of
    return partial(facts_after, from_document(run.options["edit"]), subscription.reader)


def unreadable_end(run: Run) -> str:
    """How what can't be read now ends before anything is moved; "" where it is tried."""
    if run.header["command"] == EDIT:
        return REFUSED
    tried = run.options["through"] == FILE or run.options.get("even_if_unreadable", True)
    return "" if tried else UNREADABLE


# Private functions


def _through_consumer(
    target: AwsTarget, subscription: Subscription, run: Run, queue: QueueFacts
) -> MakeMover:
    function = subscription.subscriber.function_name
    if function is None:
        raise WrongUse(
            f"{subscription.subscriber.name} names no function in its SSM parameter: "
            "replay --through queue."
        )
    consumer = ConsumerFunction(target.client("lambda"), function, queue_arn=queue.arn)
    consumer.require_reporting()
    return lambda deleting: ThroughConsumer(run, consumer, deleting)


def _type(queue: QueueFacts) -> str:
    return "FIFO" if queue.fifo else "standard"
