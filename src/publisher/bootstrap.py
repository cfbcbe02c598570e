"""Put the publisher together, from the environment.

What is heavy is imported here, inside `build`, with garbage collection off: nothing that an import
makes is garbage, and looking for some took a sixth of the cold start.
"""

import gc
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from botocore.config import Config
    from botocore.session import Session

    from publisher.ports import Bus
    from publisher.settings import Settings

WORKERS = 10
CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 4
PARKING_ATTEMPTS = 2

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def build() -> Handler:
    """The handler of the stream's event source mapping.

    Raises:
        publisher.settings.SettingsError: names every variable that is missing or wrong.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        handler = _build()
        gc.freeze()
    finally:
        if collecting:
            gc.enable()
    return handler


# Private functions


def _build() -> Handler:
    import random
    from concurrent.futures import ThreadPoolExecutor

    from botocore.session import Session

    from publisher.clock import SystemClock
    from publisher.failure_store import S3FailureStore
    from publisher.patience import Patience
    from publisher.publish_batch import BatchPublisher
    from publisher.reporting import BatchReporter
    from publisher.settings import from_environment
    from publisher.stream_handler import StreamHandler

    settings = from_environment(os.environ)
    session = Session()
    executor = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="publisher")
    clock = SystemClock()
    publisher = BatchPublisher(
        rules=settings.rules,
        producer=settings.producer,
        bus=_bus(settings, session, executor),
        failure_store=S3FailureStore(
            client_factory=lambda: session.create_client(
                "s3", region_name=settings.region, config=_config(PARKING_ATTEMPTS)
            ),
            bucket=settings.failure_bucket,
            executor=executor,
        ),
        clock=clock,
        patience=Patience(),
        jitter=random.random,
    )
    reporter = BatchReporter(service=settings.service, namespace=settings.metrics_namespace)
    return StreamHandler(publisher=publisher, reporter=reporter, clock=clock)


def _bus(settings: "Settings", session: "Session", executor: "Executor") -> "Bus":
    """The adapter for the bus that BUS_ARN names."""
    from publisher.form_encoding import encode_body_once
    from publisher.settings import SettingsError
    from publisher.sns_bus import SnsBus

    if settings.is_event_bridge:
        raise SettingsError(
            ["BUS_ARN: expected the ARN of an SNS topic; this publisher has no EventBridge adapter"]
        )
    client = session.create_client("sns", region_name=settings.bus_region, config=_config(1))
    client.meta.events.register("before-call.sns.PublishBatch", encode_body_once)
    return SnsBus(
        client=client,
        topic_arn=settings.bus_arn,
        message_size_max_bytes=settings.message_size_max_bytes,
        executor=executor,
    )


def _config(attempts: int) -> "Config":
    """Short timeouts, since a call that hangs must end before the invocation does.

    The rest saves time on every call: what the adapters pass is well-formed, and botocore would
    put its user agent together anew each time.
    """
    from botocore import __version__
    from botocore.config import Config

    return Config(
        parameter_validation=False,
        user_agent=f"customer-status-fanout publisher botocore/{__version__}",
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        max_pool_connections=WORKERS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
