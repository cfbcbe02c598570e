"""Build a subscriber's Lambda handler from its environment and its business rule.

What is heavy is imported here, inside the functions: the command line imports this package too, and
makes no handler. Garbage collection is off meanwhile.
"""

import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from cold_start.building import without_collecting
from customer_events.deadline import MonotonicClock
from customer_events.event import EVENT_NAME, CustomerStatusChanged
from customer_events.registry import load
from event_consumer.settings import ConsumerSettings, from_environment

if TYPE_CHECKING:
    from event_consumer.consume_batch import AnyReader
    from event_consumer.every_event import HandleEvent
    from event_consumer.ports import EventHandler, ParkedGroups
    from event_consumer.reporting import BatchReporter

LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 3
ATTEMPTS_MAX = 2


@without_collecting
def latest_state_consumer(
    rule: Callable[[CustomerStatusChanged], Mapping[str, str]],
    environ: Mapping[str, str] | None = None,
) -> LambdaHandler:
    """A consumer that keeps each customer's latest state in its table.

    Args:
        rule: the subscriber's business rule: its own attributes of the row, for an event.
        environ: the environment; the process's own by default.

    Raises:
        BadSettings: names every variable that is missing or wrong.
    """
    from botocore.session import get_session

    from event_consumer.guarded_batches import GuardedBatches, statements_encoder
    from event_consumer.guarded_table import GuardedTable
    from event_consumer.latest_state import LatestState

    settings = from_environment(os.environ if environ is None else environ)
    tolerance = settings.clock_tolerance
    session = get_session()
    client = aws_client(session, "dynamodb", settings)
    statements_encoder().register(client.meta.events, "dynamodb.BatchExecuteStatement")
    table = GuardedTable(client, settings.table_name, rule=rule, tolerance=tolerance)
    batches = GuardedBatches(client, settings.table_name, table)
    handler = LatestState(
        table,
        batches=batches if settings.write_in_batches else None,
        writers_max=settings.writers_max,
        tolerance=tolerance,
    )
    return _with_notes(settings, handler, session)


@without_collecting
def every_event_consumer(
    handle: "HandleEvent", environ: Mapping[str, str] | None = None
) -> LambdaHandler:
    """A consumer that handles every status transition once; see `every_event`.

    Args:
        handle: the subscriber's own work for one transition. What it answers, if anything, are
            writes that are committed in one transaction with the mark that it was processed.
        environ: the environment; the process's own by default. `TABLE_NAME` is the table of
            marks, with the partition key `event_id`.

    Raises:
        BadSettings: names every variable that is missing or wrong.
    """
    from botocore.session import get_session

    from event_consumer.every_event import EveryEvent
    from event_consumer.processed_events import ProcessedEventsTable

    settings = from_environment(os.environ if environ is None else environ)
    session = get_session()
    # The writes that it commits are the subscriber's own: botocore says what is wrong with them.
    client = aws_client(session, "dynamodb", settings, parameter_validation=True)
    processed = ProcessedEventsTable(client, settings.table_name)
    handler = EveryEvent(processed, handle, workers_max=settings.writers_max)
    return _with_notes(settings, handler, session)


def lambda_handler(
    settings: ConsumerSettings,
    handler: "EventHandler",
    *,
    sqs: Any,
    reporter: "BatchReporter | None" = None,
    event_name: str = EVENT_NAME,
    reader: "AnyReader | None" = None,
    groups: "ParkedGroups | None" = None,
    clock: MonotonicClock = time,
) -> LambdaHandler:
    """Wire a handler of events to its queue and DLQ, as Lambda calls it.

    `event_name` and `reader` name another event than `CustomerStatusChanged`, and how it is read.
    `groups` are the notes of parked messages, where a customer's events wait behind a parked one.
    """
    from customer_events.decoder import from_document
    from event_consumer.consume_batch import BatchConsumer
    from event_consumer.failures import FailureTracker
    from event_consumer.park_by_customer import ParkByCustomer
    from event_consumer.reporting import BatchReporter
    from event_consumer.sqs_handler import SqsHandler
    from event_consumer.sqs_queue import SqsParkingLot, SqsRedelivery

    registry = load(event_name)
    status_map = registry.status_map(settings.consumer)
    consumer = BatchConsumer(
        handler=handler,
        parking_lot=SqsParkingLot(sqs, settings.dlq_url, consumer=settings.consumer),
        tracker=FailureTracker(receives_max=settings.receives_max, clock=clock),
        reader=reader or partial(from_document, status_map=status_map),
    )
    return SqsHandler(
        consumer=consumer if groups is None else ParkByCustomer(consumer=consumer, groups=groups),
        redelivery=SqsRedelivery(sqs, settings.queue_url),
        reporter=reporter
        or BatchReporter(
            service=settings.service,
            deployment=settings.deployment,
            namespace=settings.metrics_namespace,
            registry=registry,
        ),
        receives_max=settings.receives_max,
        clock=clock,
    )


def aws_client(
    session: Any, service: str, settings: ConsumerSettings, *, parameter_validation: bool = False
) -> Any:
    """A client with the timeouts that the deadlines count on."""
    from cold_start.clients import create_client

    return create_client(
        session,
        service,
        component="consumer",
        attempts_max=ATTEMPTS_MAX,
        connections_max=settings.writers_max,
        connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds=READ_TIMEOUT_SECONDS,
        parameter_validation=parameter_validation,
    )


# Private functions


def _with_notes(settings: ConsumerSettings, handler: "EventHandler", session: Any) -> LambdaHandler:
    from event_consumer.parked_groups import ParkedGroupsTable

    groups = None
    if settings.parked_groups_table is not None:
        client = aws_client(session, "dynamodb", settings)
        groups = ParkedGroupsTable(client, settings.parked_groups_table)
    sqs = _MadeWhenUsed(partial(aws_client, session, "sqs", settings))
    return lambda_handler(settings, handler, sqs=sqs, groups=groups)


class _MadeWhenUsed:
    """A client that is made at its first call: most batches park and delay nothing."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._client, operation)

    @cached_property
    def _client(self) -> Any:
        return self._make()
