"""What a deployment costs in a month in which nothing changes. Pure."""

from fanout.cost import prices
from fanout.cost.estimate import Line
from publisher.transports import PIPES, SNS_FIFO, Transport

HOURS = 730
_POLLERS = 5
"""Lambda begins with five for a standard queue and keeps them (Lambda developer guide)."""
_POLL_SECONDS = 20
_STREAM_READS_A_SECOND = 4
_KEY_REUSE_SECONDS = 300
"""KmsDataKeyReusePeriodSeconds of the queues; SNS reuses a data key for as long."""
_KEY_CALLS = 2
"""Generate it, and decrypt it at the other end (SQS and SNS developer guides: 2 x principals)."""
_STREAM_SHARDS = 1


def base(transport: Transport, *, alarms: int, metrics: int) -> list[Line]:
    """Key, publisher's alarms and metrics, and for a pipe its reading of the stream."""
    lines = [
        Line(price=prices.KEY_MONTH, units=1),
        Line(price=prices.KMS_REQUEST, units=_key_requests()),
        Line(price=prices.ALARM_MONTH, units=alarms),
        Line(price=prices.METRIC_MONTH, units=metrics),
    ]
    if transport is PIPES:
        reads = HOURS * 3600 * _STREAM_READS_A_SECOND * _STREAM_SHARDS
        lines.append(Line(price=prices.STREAM_READ, units=reads))
    return lines


def per_subscriber(transport: Transport, *, alarms: int, metrics: int) -> list[Line]:
    """Long polls of an empty queue, keys, alarms and metrics."""
    polls = HOURS * 3600 / _POLL_SECONDS * _POLLERS
    request = prices.SQS_FIFO_REQUEST if transport is SNS_FIFO else prices.SQS_REQUEST
    return [
        Line(price=request, units=polls),
        Line(price=prices.KMS_REQUEST, units=_key_requests()),
        Line(price=prices.ALARM_MONTH, units=alarms),
        Line(price=prices.METRIC_MONTH, units=metrics),
    ]


# Private functions


def _key_requests() -> float:
    return HOURS * 3600 / _KEY_REUSE_SECONDS * _KEY_CALLS
