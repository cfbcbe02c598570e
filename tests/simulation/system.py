"""The code under test, put together as the two bootstraps do it, around the world's clients.

A broken variant overrides one part.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any

from customer_events.event import CustomerStatusChanged
from event_consumer.bootstrap import REPORT_OUTCOMES, deadlines
from event_consumer.consume_batch import (
    Delivery,
    batch_response,
    consume_batch,
    decide_batch,
    outcomes_response,
)
from event_consumer.failures import FailureTracker
from event_consumer.guarded_table import GuardedTable
from event_consumer.latest_state import GuardedRows, LatestState
from event_consumer.messages import Message, from_record
from event_consumer.ports import EventHandler, ParkingLot
from event_consumer.sqs_queue import SqsParkingLot, SqsRedelivery
from payments_consumer.standing import attributes
from publisher import settings
from publisher.bad_deployment import BadDeploymentDetector
from publisher.eventbridge_bus import EventBridgeBus
from publisher.events import Producer
from publisher.failure_store import S3FailureStore
from publisher.patience import Patience
from publisher.ports import Bus, FailureStore
from publisher.publish_batch import BatchPublisher
from publisher.sns_bus import SnsBus
from publisher.stream_handler import StreamHandler
from publisher.transitions import TableRules
from publisher.transports import EVENTBRIDGE, of_bus
from simulation.calls import Calls, ShuffledExecutor
from simulation.clock import VirtualClock
from simulation.faults import Setting
from simulation.truth import CUSTOMER, OWN_STATUSES

SOURCE = "urn:novapay:accounts"
ENTITY_FILTER = f"kind={CUSTOMER}"
STATUS_MAP = ",".join(f"{own}={status}" for own, status in OWN_STATUSES.items())
MESSAGE_SIZE_MAX_BYTES = 262_144
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """What a function finds around it. `queue_url` and `dlq_url` are a subscriber's own."""

    calls: Calls
    clock: VirtualClock
    dice: Random
    topic: Any = None
    topic_arn: str = ""
    bucket: Any = None
    queues: Any = None
    rows: Any = None
    queue_url: str = ""
    dlq_url: str = ""

    @property
    def executor(self) -> ShuffledExecutor:
        return ShuffledExecutor(self.calls)


class NoReport:
    """Implements the publisher's port `Reporter`: what is told is not what is proved here."""

    def report(self, *_: Any, **__: Any) -> None:
        return


class System:
    """The real system."""

    bent_commands: Mapping[tuple[Any, str], Any] = MappingProxyType({})
    """Parts of operators' commands that a broken variant replaces, by module or class and name."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.rule: Callable[[CustomerStatusChanged], Mapping[str, str]] = attributes

    # The publisher

    def bus(self, clients: Clients) -> Bus:
        if of_bus(clients.topic_arn) is EVENTBRIDGE:
            return EventBridgeBus(
                client=clients.topic,
                bus_arn=clients.topic_arn,
                event_size_max_bytes=MESSAGE_SIZE_MAX_BYTES,
                executor=clients.executor,
            )
        return SnsBus(
            client=clients.topic,
            topic_arn=clients.topic_arn,
            message_size_max_bytes=MESSAGE_SIZE_MAX_BYTES,
            executor=clients.executor,
        )

    def failure_store(self, clients: Clients) -> FailureStore:
        return S3FailureStore(
            client_factory=lambda: clients.bucket, bucket="failures", executor=clients.executor
        )

    def rules(self) -> TableRules:
        counted = self.setting.sequence_source == "version"
        entities, own_statuses = self.setting.entities, self.setting.own_statuses
        return TableRules(
            reason_attribute="status_reason",
            sequence_attribute="version" if counted else None,
            entity_filter=settings.entity_filter(ENTITY_FILTER) if entities else None,
            status_map=(settings.status_map(STATUS_MAP) or {}) if own_statuses else {},
        )

    def producer(self, epoch: int) -> Producer:
        return Producer(source=SOURCE, epoch=epoch, versions=self.setting.majors)

    def batch_publisher(self, clients: Clients, epoch: int) -> BatchPublisher:
        return BatchPublisher(
            rules=self.rules(),
            producer=self.producer(epoch),
            bus=self.bus(clients),
            failure_store=self.failure_store(clients),
            clock=clients.clock,
            patience=Patience(),
            deployment=BadDeploymentDetector(),
            jitter=clients.dice.random,
        )

    def publisher(self, clients: Clients, epoch: int) -> Handler:
        return StreamHandler(
            publisher=self.batch_publisher(clients, epoch),
            reporter=NoReport(),
            clock=clients.clock,
        )

    # A consumer

    def rows(self, clients: Clients) -> GuardedRows:
        return GuardedTable(clients.rows, "rows", rule=self.rule, clock=clients.clock.now)

    def event_handler(self, clients: Clients) -> EventHandler:
        return LatestState(self.rows(clients), writers_max=1, executor=clients.executor)

    def tracker(self, clients: Clients) -> FailureTracker:
        return FailureTracker(receives_max=self.setting.receives_max, clock=clients.clock)

    def parking_lot(self, clients: Clients) -> ParkingLot:
        return SqsParkingLot(clients.queues, clients.dlq_url, consumer="payments")

    def consume(
        self,
        messages: list[Message],
        handler: EventHandler,
        lot: ParkingLot,
        clients: Clients,
        **limits: Any,
    ) -> list[Delivery]:
        return consume_batch(
            messages,
            handler=handler,
            parking_lot=lot,
            redelivery=SqsRedelivery(clients.queues, clients.queue_url, jitter=clients.dice),
            now=clients.clock.now(),
            **limits,
        )

    def consumer(self, clients: Clients) -> Handler:
        handler = self.event_handler(clients)
        lot = self.parking_lot(clients)
        tracker = self.tracker(clients)

        def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
            messages = [from_record(record) for record in event["Records"]]
            limits = deadlines(context, clients.clock)
            if event.get(REPORT_OUTCOMES) is True:
                decided = decide_batch(messages, handler, deadline=limits.handling)
                return outcomes_response(decided)
            consumed = self.consume(
                messages, handler, lot, clients, deadlines=limits, tracker=tracker
            )
            return batch_response(consumed)

        return handle


__all__ = ["Clients", "Handler", "System"]
