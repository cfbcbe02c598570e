"""Build a subscriber's Lambda handler from its environment and its business rule."""

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import botocore.session
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from botocore.config import Config

from customer_events.deadline import MonotonicClock, of_invocation
from customer_events.decoder import from_document
from customer_events.event import EVENT_NAME, CustomerStatusChanged
from customer_events.registry import load
from event_consumer.consume_batch import (
    AnyReader,
    Delivery,
    batch_response,
    consume_batch,
    decide_batch,
    outcomes_response,
)
from event_consumer.every_event import EveryEvent, HandleEvent
from event_consumer.failures import FailureTracker
from event_consumer.guarded_table import Attributes, GuardedTable
from event_consumer.latest_state import LatestState
from event_consumer.messages import Message, from_record
from event_consumer.outcomes import Outcome
from event_consumer.park_by_customer import ParkByCustomer
from event_consumer.parked_groups import ParkedGroupsTable
from event_consumer.ports import Deadlines, EventHandler, ParkedGroups
from event_consumer.processed_events import ProcessedEventsTable
from event_consumer.reporting import PowertoolsReport, Report
from event_consumer.settings import ConsumerSettings, from_environment
from event_consumer.sqs_queue import SqsParkingLot, SqsRedelivery

LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 3
ATTEMPTS_MAX = 2
SETTLING_RESERVE_SECONDS = 9.0
"""Left when the last call starts: two attempts of a second's connecting and three of reading, and a
second between them."""
HANDLING_RESERVE_SECONDS = 2 * SETTLING_RESERVE_SECONDS
"""Left when the last write starts: as long again, for parking. That makes 12 of 30 seconds."""
_HANDLING_SHARE_MAX, _SETTLING_SHARE_MAX = 0.6, 0.3
REPORT_OUTCOMES = "report_outcomes"
"""True in an event that a replay hands over: answer with outcomes, and leave the queues alone."""


def latest_state_consumer(
    rule: Callable[[CustomerStatusChanged], Attributes],
    environ: Mapping[str, str] | None = None,
) -> LambdaHandler:
    """A consumer that keeps each customer's latest state in its table.

    Args:
        rule: the subscriber's business rule: its own attributes of the row, for an event.
        environ: the environment; the process's own by default.

    Raises:
        BadSettings: names every variable that is missing or wrong.
    """
    settings = from_environment(os.environ if environ is None else environ)
    session = botocore.session.get_session()
    table = GuardedTable(
        _client(session, "dynamodb", settings),
        settings.table_name,
        rule=rule,
        tolerance=settings.clock_tolerance,
    )
    handler = LatestState(
        table, writers_max=settings.writers_max, tolerance=settings.clock_tolerance
    )
    return lambda_handler(
        settings,
        handler,
        sqs=_client(session, "sqs", settings),
        groups=_groups(settings, session),
    )


def every_event_consumer(
    handle: HandleEvent, environ: Mapping[str, str] | None = None
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
    settings = from_environment(os.environ if environ is None else environ)
    session = botocore.session.get_session()
    # The writes that it commits are the subscriber's own: botocore tells what is wrong with them.
    client = _client(session, "dynamodb", settings, parameter_validation=True)
    processed = ProcessedEventsTable(client, settings.table_name)
    handler = EveryEvent(processed, handle, workers_max=settings.writers_max)
    return lambda_handler(
        settings,
        handler,
        sqs=_client(session, "sqs", settings),
        groups=_groups(settings, session),
    )


def lambda_handler(
    settings: ConsumerSettings,
    handler: EventHandler[Any],
    *,
    sqs: Any,
    report: Report | None = None,
    event_name: str = EVENT_NAME,
    reader: AnyReader | None = None,
    groups: ParkedGroups | None = None,
    clock: MonotonicClock = time,
) -> LambdaHandler:
    """Wire a handler of events to its queue and DLQ, as Lambda calls it.

    `event_name` and `reader` name another event than `CustomerStatusChanged`, and how it is read.
    `groups` are the notes of parked messages, where a customer's events wait behind a parked one.
    """
    registry = load(event_name)
    reader = reader or partial(from_document, status_map=registry.status_map(settings.consumer))
    parking_lot = SqsParkingLot(sqs, settings.dlq_url, consumer=settings.consumer)
    redelivery = SqsRedelivery(sqs, settings.queue_url)
    reporter = report or PowertoolsReport(
        Logger(service=settings.service),
        EphemeralMetrics(
            service=settings.service,
            namespace=settings.metrics_namespace,
            default_dimensions={"deployment": settings.deployment},
        ),
        registry,
    )
    decide, consume = _ways(handler, reader, groups)
    tracker = FailureTracker(receives_max=settings.receives_max, clock=clock)

    def report_outcomes(messages: list[Message], context: Any) -> dict[str, Any]:
        """Nothing is parked or delayed: the messages are still where they were taken from."""
        deliveries = decide(messages, deadlines=deadlines(context, clock))
        # What is parked or comes back would be counted as if it had been moved, and raise alarms.
        well = [one for one in deliveries if one.handled.outcome not in _NOT_WELL]
        reporter.batch(well, request_id=_request_id(context), now=datetime.now(UTC))
        return outcomes_response(deliveries)

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        messages = [from_record(record) for record in event["Records"]]
        if event.get(REPORT_OUTCOMES) is True:
            return report_outcomes(messages, context)
        deliveries = consume(
            messages,
            parking_lot=parking_lot,
            redelivery=redelivery,
            tracker=tracker,
            deadlines=deadlines(context, clock),
            now=datetime.now(UTC),
        )
        reporter.batch(deliveries, request_id=_request_id(context), now=datetime.now(UTC))
        return batch_response(deliveries)

    return handle


def deadlines(context: Any, clock: MonotonicClock) -> Deadlines:
    """Both from the time that Lambda leaves; a short invocation keeps 40 % of it for handling."""
    end = of_invocation(context, clock)
    return Deadlines(
        handling=end.reserving(HANDLING_RESERVE_SECONDS, share_max=_HANDLING_SHARE_MAX),
        settling=end.reserving(SETTLING_RESERVE_SECONDS, share_max=_SETTLING_SHARE_MAX),
    )


# Private functions

_NOT_WELL = frozenset({Outcome.PARKED, Outcome.RETRY})


def _ways(
    handler: EventHandler[Any], reader: AnyReader, groups: ParkedGroups | None
) -> tuple[Callable[..., list[Delivery]], Callable[..., list[Delivery]]]:
    """How to decide about messages for a replay, and how to consume a batch."""
    if groups is None:
        return (
            lambda messages, *, deadlines: decide_batch(
                messages, handler, reader, deadline=deadlines.handling
            ),
            partial(consume_batch, handler=handler, reader=reader),
        )
    in_order = ParkByCustomer(groups=groups, handler=handler, reader=reader)
    return in_order.decide, in_order.consume


def _groups(settings: ConsumerSettings, session: Any) -> ParkedGroups | None:
    if settings.parked_groups_table is None:
        return None
    return ParkedGroupsTable(_client(session, "dynamodb", settings), settings.parked_groups_table)


def _request_id(context: Any) -> str:
    return str(getattr(context, "aws_request_id", ""))


def _client(
    session: Any,
    service: str,
    settings: ConsumerSettings,
    *,
    parameter_validation: bool = False,
) -> Any:
    """What the adapters pass is well-formed, and botocore would put its user agent together anew
    for each call: a quarter of what a call cost.
    """
    config = Config(
        parameter_validation=parameter_validation,
        user_agent=f"customer-status-fanout consumer botocore/{botocore.__version__}",
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS_MAX},
        max_pool_connections=settings.writers_max,
    )
    return session.create_client(service, config=config)
