"""Count the billed units of a million status changes, and price them. Pure.

The counts are those of the code (`tests/unit/fanout/cost` makes the publisher and the consumer do
the calls and compares); what no code decides, such as how full batches are and how long a function
takes, is an assumption in `Load`.
"""

from dataclasses import dataclass
from math import ceil

from fanout.cost import prices
from fanout.cost.prices import CHUNK_BYTES, MILLION, Price
from publisher.transports import PIPES, SNS, SNS_FIFO, Transport

GB = 1_000_000_000
MEMORY_GB = 0.5
"""Both functions have 512 MB in the template."""
SQS_BATCH_MAX = 10
"""What one ReceiveMessage or DeleteMessageBatch takes, and the mapping's default batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How the changes come; the last four are assumptions until CloudWatch tells them.

    Args:
        records_per_invocation: stream records that the publisher gets at a time.
        messages_per_batch: that a consumer gets at a time.
        event_bytes: an event with its attributes.
        versions: major versions published side by side.
        publisher_base_ms: of an invocation without calls.
        publisher_call_ms: one after the other, though the publisher overlaps them.
        consumer_base_ms: of an invocation without messages.
        consumer_message_ms: one conditional write.
        log_bytes: that an invocation writes, metrics included.
    """

    records_per_invocation: int
    messages_per_batch: int
    event_bytes: int
    versions: int = 1
    publisher_base_ms: float = 20
    publisher_call_ms: float = 15
    consumer_base_ms: float = 10
    consumer_message_ms: float = 8
    log_bytes: int = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """So many units of a price, for a million changes."""

    price: Price
    units: float

    @property
    def dollars(self) -> float:
        """What they cost."""
        return self.units * self.price.dollars


def publishing_calls(transport: Transport, load: Load) -> int:
    """Calls of the bus that one invocation makes, for distinct customers."""
    if transport is PIPES:
        return 0
    events = load.records_per_invocation * load.versions
    by_size = max(1, 262_144 // load.event_bytes)
    return ceil(events / min(transport.entries_per_call_max, by_size))


def publishing(transport: Transport, load: Load) -> list[Line]:
    """What it costs to bring a million changes onto the bus, whoever listens."""
    records = load.records_per_invocation
    if transport is PIPES:
        records = min(records, PIPES.entries_per_call_max // load.versions)
    invocations = MILLION / records
    calls = publishing_calls(transport, load)
    events = MILLION * load.versions
    chunks = ceil(load.event_bytes / CHUNK_BYTES)
    match transport.name:
        case SNS.name:
            requests = invocations * calls * _call_chunks(load, calls)
            of_bus = [Line(price=prices.SNS_REQUEST, units=requests)]
        case SNS_FIFO.name:
            of_bus = [
                Line(price=prices.SNS_FIFO_MESSAGE, units=events),
                Line(price=prices.SNS_FIFO_PUBLISHED_GB, units=events * load.event_bytes / GB),
            ]
        case _:
            of_bus = [Line(price=prices.EVENTBRIDGE_EVENT, units=events * chunks)]
    if transport is PIPES:
        of_bus.append(Line(price=prices.PIPES_EVENT, units=MILLION * chunks))
    duration_ms = load.publisher_base_ms + calls * load.publisher_call_ms
    return of_bus + _function(invocations, duration_ms, load)


def receiving(transport: Transport, load: Load) -> list[Line]:
    """What one more subscriber costs, with Payments' consumer: queue, function and row."""
    fifo = transport is SNS_FIFO
    batch = min(load.messages_per_batch, SQS_BATCH_MAX)
    invocations = MILLION / batch
    chunks = ceil(load.event_bytes / CHUNK_BYTES)
    requests = MILLION * chunks + 2 * invocations  # delivered one by one; received and deleted
    lines = [
        Line(price=prices.SQS_FIFO_REQUEST if fifo else prices.SQS_REQUEST, units=requests),
        Line(price=prices.DYNAMODB_WRITE, units=MILLION),
        *_function(invocations, load.consumer_base_ms + batch * load.consumer_message_ms, load),
    ]
    if fifo:
        lines.append(Line(price=prices.SNS_FIFO_DELIVERY, units=MILLION))
        size = Line(price=prices.SNS_FIFO_DELIVERED_GB, units=MILLION * load.event_bytes / GB)
        lines.append(size)
    return lines


def total(transport: Transport, load: Load, subscribers: int) -> float:
    """Dollars for a million changes that `subscribers` get all of."""
    bus = sum(line.dollars for line in publishing(transport, load))
    each = sum(line.dollars for line in receiving(transport, load))
    return bus + subscribers * each


# Private functions


def _call_chunks(load: Load, calls: int) -> int:
    """How many times 64 KB one call has; the batch is billed as a whole."""
    events = load.records_per_invocation * load.versions
    return ceil(ceil(events / calls) * load.event_bytes / CHUNK_BYTES)


def _function(invocations: float, duration_ms: float, load: Load) -> list[Line]:
    gb_seconds = invocations * MEMORY_GB * duration_ms / 1000
    return [
        Line(price=prices.LAMBDA_REQUEST, units=invocations),
        Line(price=prices.LAMBDA_GB_SECOND, units=gb_seconds),
        Line(price=prices.LOGS_GB, units=invocations * load.log_bytes / GB),
    ]
