"""Put the publisher together, from the environment.

What is heavy is imported here, inside the functions, with garbage collection off.
"""

import os
from typing import TYPE_CHECKING, Any

from cold_start.building import without_collecting

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from botocore.session import Session

    from publisher.batched_bus import BatchedBus
    from publisher.handlers import PipeHandler, StreamHandler
    from publisher.settings import PipeSettings, Settings

WORKERS = 20
CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 4
PARKING_ATTEMPTS = 2


@without_collecting
def build() -> "StreamHandler":
    """The handler of the stream's event source mapping.

    Raises:
        customer_events.settings.BadSettings: names every variable that is missing or wrong.
    """
    from publisher.handlers import StreamHandler
    from publisher.settings import from_environment

    settings = from_environment(os.environ)
    session, executor = _session_and_executor()
    bus = _bus(settings, session, executor)
    return StreamHandler(bus=bus, **_shared(settings, session, executor))


@without_collecting
def build_for_pipe() -> "PipeHandler":
    """The handler of a pipe's enrichment; raises as `build` does."""
    from publisher.handlers import PipeHandler
    from publisher.settings import for_pipe

    settings = for_pipe(os.environ)
    return PipeHandler(
        event_size_max_bytes=settings.message_size_max_bytes,
        batch_size_max=settings.batch_size_max,
        **_shared(settings, *_session_and_executor()),
    )


# Private functions


def _session_and_executor() -> "tuple[Session, Executor]":
    from concurrent.futures import ThreadPoolExecutor

    from botocore.session import Session

    return Session(), ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="publisher")


def _shared(settings: "PipeSettings", session: "Session", executor: "Executor") -> dict[str, Any]:
    """The parts of either handler."""
    import random

    from publisher import other_events
    from publisher.clock import Clock
    from publisher.evidence import BadDeploymentDetector, FailureTracker
    from publisher.failure_store import S3FailureStore
    from publisher.publish_batch import BatchPublisher
    from publisher.reporting import BatchReporter

    clock = Clock()
    publisher = BatchPublisher(
        rules=settings.rules,
        producer=settings.producer,
        failure_store=S3FailureStore(
            client_factory=lambda: _client(session, "s3", settings.region, PARKING_ATTEMPTS),
            bucket=settings.failure_bucket,
            executor=executor,
        ),
        clock=clock,
        tracker=FailureTracker(),
        deployment=BadDeploymentDetector(),
        jitter=random.random,
        other_events=other_events.ALL,
    )
    reporter = BatchReporter(
        service=settings.service,
        deployment=settings.deployment,
        namespace=settings.metrics_namespace,
    )
    return {"publisher": publisher, "reporter": reporter, "clock": clock}


def _bus(settings: "Settings", session: "Session", executor: "Executor") -> "BatchedBus":
    """The bus that BUS_ARN names."""
    from publisher.batched_bus import BatchedBus, Calls
    from publisher.transports import EVENTBRIDGE, of_bus

    transport = of_bus(settings.bus_arn)
    service = "events" if transport is EVENTBRIDGE else "sns"
    client = _client(session, service, settings.bus_region, 1)
    if transport is EVENTBRIDGE:
        from publisher.eventbridge_bus import EventBridgeBus

        calls: Calls = EventBridgeBus(client=client, bus_arn=settings.bus_arn)
    else:
        from publisher.form_encoding import entries_encoder
        from publisher.sns_bus import SnsTopic

        entries_encoder().register(client.meta.events, "sns.PublishBatch")
        calls = SnsTopic(client=client, topic_arn=settings.bus_arn)
    return BatchedBus(
        transport=transport,
        calls=calls,
        size_max_bytes=settings.message_size_max_bytes,
        executor=executor,
    )


def _client(session: "Session", service: str, region: "str | None", attempts: int) -> Any:
    """Short timeouts, since a call that hangs must end before the invocation does."""
    from cold_start.clients import create_client

    return create_client(
        session,
        service,
        component="publisher",
        attempts_max=attempts,
        connections_max=WORKERS,
        connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds=READ_TIMEOUT_SECONDS,
        region_name=region,
    )
