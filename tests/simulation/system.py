"""The code under test, put together as the two bootstraps do it, around the world's clients.

A broken variant changes parts by name: those that `Clients` or a method marked `part` supplies.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from random import Random
from types import MappingProxyType
from typing import Any

from customer_events.event import CustomerStatusChanged
from event_consumer.consume_batch import BatchConsumer
from event_consumer.failures import FailureTracker
from event_consumer.guarded_batches import GuardedBatches
from event_consumer.guarded_table import GuardedTable
from event_consumer.latest_state import GuardedRows, LatestState, RowBatches
from event_consumer.ports import EventHandler, ParkingLot
from event_consumer.sqs_handler import SqsHandler
from event_consumer.sqs_queue import SqsParkingLot, SqsRedelivery
from payments_consumer.standing import attributes
from publisher import evidence, settings
from publisher.batched_bus import BatchedBus
from publisher.eventbridge_bus import EventBridgeBus
from publisher.events import Producer
from publisher.failure_store import S3FailureStore
from publisher.handlers import StreamHandler
from publisher.ports import Bus, FailureStore
from publisher.publish_batch import BatchPublisher
from publisher.sns_bus import SnsTopic
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
    """Stands for the reporters, where what they write is not what is proved."""

    def report(self, *_: Any, **__: Any) -> None:
        return


Change = Callable[[Any, Clients], Any]
"""What stands in for a part: made from the real one."""


def part(build: Callable[..., Any]) -> Callable[..., Any]:
    """A part of the system that a broken variant may change, by the method's name."""

    @wraps(build)
    def built(system: "System", clients: Clients, **options: Any) -> Any:
        change = system.changes.get(build.__name__, lambda real, _: real)
        return change(build(system, clients, **options), clients)

    return built


class System:
    """The real system, with some parts changed.

    `command_parts` replaces parts of operators' commands, by module or class and name.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        changes: Mapping[str, Change] = MappingProxyType({}),
        command_parts: Mapping[tuple[Any, str], Any] = MappingProxyType({}),
    ) -> None:
        self.setting = setting
        self.changes = changes
        self.command_parts = command_parts
        self.rule: Callable[[CustomerStatusChanged], Mapping[str, str]] = attributes

    # The publisher

    @part
    def bus(self, clients: Clients) -> Bus:
        transport = of_bus(clients.topic_arn)
        calls = (
            EventBridgeBus(client=clients.topic, bus_arn=clients.topic_arn)
            if transport is EVENTBRIDGE
            else SnsTopic(client=clients.topic, topic_arn=clients.topic_arn)
        )
        return BatchedBus(
            transport=transport,
            calls=calls,
            size_max_bytes=MESSAGE_SIZE_MAX_BYTES,
            executor=clients.executor,
        )

    @part
    def failure_store(self, clients: Clients) -> FailureStore:
        return S3FailureStore(
            client_factory=lambda: clients.bucket, bucket="failures", executor=clients.executor
        )

    @part
    def rules(self, _: Clients) -> TableRules:
        counted = self.setting.sequence_source == "version"
        entities, own_statuses = self.setting.entities, self.setting.own_statuses
        return TableRules(
            reason_attribute="status_reason",
            sequence_attribute="version" if counted else None,
            entity_filter=settings.entity_filter(ENTITY_FILTER) if entities else None,
            status_map=(settings.status_map(STATUS_MAP) or {}) if own_statuses else {},
        )

    @part
    def producer(self, _: Clients, *, epoch: int) -> Producer:
        return Producer(source=SOURCE, epoch=epoch, versions=self.setting.majors)

    @part
    def batch_publisher(self, clients: Clients, *, epoch: int) -> BatchPublisher:
        return BatchPublisher(
            rules=self.rules(clients),
            producer=self.producer(clients, epoch=epoch),
            failure_store=self.failure_store(clients),
            clock=clients.clock,
            tracker=evidence.FailureTracker(),
            deployment=evidence.BadDeploymentDetector(),
            jitter=clients.dice.random,
        )

    @part
    def publisher_reporter(self, _: Clients) -> Any:
        return NoReport()

    @part
    def publisher(self, clients: Clients, *, epoch: int) -> Handler:
        clients = self._changed(clients)
        return StreamHandler(
            publisher=self.batch_publisher(clients, epoch=epoch),
            bus=self.bus(clients),
            reporter=self.publisher_reporter(clients),
            clock=clients.clock,
        )

    # A consumer

    @part
    def guarded_rows(self, clients: Clients) -> GuardedRows:
        return GuardedTable(clients.rows, "rows", rule=self.rule, clock=clients.clock.now)

    @part
    def row_batches(self, clients: Clients, *, table: GuardedTable) -> RowBatches:
        return GuardedBatches(clients.rows, "rows", table)

    @part
    def event_handler(self, clients: Clients) -> EventHandler:
        rows = self.guarded_rows(clients)
        # A broken guard of one row is tried by itself: batches would hide what it does.
        batches = self.row_batches(clients, table=rows) if type(rows) is GuardedTable else None
        return LatestState(rows, batches=batches, writers_max=1, executor=clients.executor)

    @part
    def tracker(self, clients: Clients) -> FailureTracker:
        return FailureTracker(receives_max=self.setting.receives_max, clock=clients.clock)

    @part
    def parking_lot(self, clients: Clients) -> ParkingLot:
        return SqsParkingLot(clients.queues, clients.dlq_url, consumer="payments")

    @part
    def redelivery(self, clients: Clients) -> SqsRedelivery:
        return SqsRedelivery(clients.queues, clients.queue_url, jitter=clients.dice)

    @part
    def batch_consumer(self, clients: Clients) -> Any:
        return BatchConsumer(
            handler=self.event_handler(clients),
            parking_lot=self.parking_lot(clients),
            tracker=self.tracker(clients),
        )

    @part
    def consumer_reporter(self, _: Clients) -> Any:
        return NoReport()

    @part
    def consumer(self, clients: Clients) -> Handler:
        clients = self._changed(clients)
        return SqsHandler(
            consumer=self.batch_consumer(clients),
            redelivery=self.redelivery(clients),
            reporter=self.consumer_reporter(clients),
            receives_max=self.setting.receives_max,
            clock=clients.clock,
            now=clients.clock.now,
        )

    # Private functions

    def _changed(self, clients: Clients) -> Clients:
        names = self.changes.keys() & {"topic", "queues"}
        changed = {name: self.changes[name](getattr(clients, name), clients) for name in names}
        return replace(clients, **changed)
