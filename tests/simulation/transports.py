"""The outages that differ where events go by another bus than a standard topic."""

from collections.abc import Mapping
from dataclasses import replace

from simulation.outages import (
    OUTAGES,
    SETTING,
    Outage,
    Stage,
    filters_everything,
    loses_subscription,
    queue_refuses,
    reads_another_stream,
    reads_wrong,
    refuses,
    starts_never,
    stops,
)

_EVENTBRIDGE, _FIFO = replace(SETTING, eventbridge=True), replace(SETTING, fifo=True)
_PIPES = replace(_EVENTBRIDGE, pipe=True, stream_batch=10)


def may_not_read(at: Stage) -> None:
    at.world.unreadable = True


def loses_bus_key(at: Stage) -> None:
    at.world.undecipherable = True


OF_EVENTBRIDGE = (
    Outage(
        name="the rule is disabled or deleted, or its target is gone",
        breaks=loses_subscription,
        trips=("sentinel-findings", "payments-receives-nothing", "payments-misses-events"),
    ),
    Outage(
        name="the rule's pattern matches nothing",
        breaks=filters_everything,
        trips=("sentinel-findings", "payments-receives-nothing"),
    ),
    Outage(
        name="the queue's policy does not admit EventBridge",
        breaks=queue_refuses("payments"),
        trips=("payments-deliveries-failed", "payments-deliveries-dead-lettered"),
    ),
    Outage(
        name="neither queue nor DLQ admits EventBridge",
        breaks=queue_refuses("payments", "payments-dlq"),
        trips=("payments-deliveries-failed", "payments-deliveries-lost"),
    ),
    Outage(
        name="the publisher may not put events",
        breaks=refuses("topic", "AccessDeniedException"),
        trips=("publisher-bus-faults",),
    ),
    Outage(
        name="the bus is gone",
        breaks=refuses("topic", "ResourceNotFoundException"),
        trips=("publisher-bus-faults",),
    ),
    Outage(
        name="the bus is down",
        breaks=refuses("topic", "InternalException", 500),
        trips=("publisher-behind",),
    ),
    Outage(
        name="the bus can't use its key",
        breaks=loses_bus_key,
        trips=("bus-undecipherable", "payments-receives-nothing"),
    ),
)
OF_FIFO = tuple(
    one
    for one in OUTAGES
    if one.name
    in {
        "the subscription is deleted, and events are rare",
        "the subscription's filter matches nothing",
        "the queue's policy is lost",
        "the key of the queue and its DLQ does not admit SNS",
        "the topic is gone",
        "the consumer's table is gone",
        "one customer's events kill the consumer",
    }
)
OF_PIPES = (
    Outage(
        name="the pipe is stopped or deleted",
        breaks=stops("publisher"),
        trips=("sentinel-findings", "publisher-sees-nothing"),
    ),
    Outage(
        name="the pipe reads a stream that was made anew",
        breaks=reads_another_stream,
        trips=("sentinel-findings", "publisher-sees-nothing"),
    ),
    Outage(
        name="the pipe's role may not read the stream",
        breaks=may_not_read,
        trips=("sentinel-findings", "publisher-sees-nothing"),
    ),
    Outage(
        name="the pipe's role may not call the publisher",
        breaks=refuses("enrichment", "AccessDeniedException"),
        trips=("publisher-failing",),
    ),
    Outage(
        name="the pipe's role may not put events",
        breaks=refuses("topic", "AccessDeniedException"),
        trips=("publisher-failing", "publisher-behind"),
    ),
    Outage(
        name="the publisher does not start",
        breaks=starts_never("publisher"),
        trips=("publisher-errors", "publisher-failing"),
    ),
    Outage(
        name="STATUS_ATTRIBUTE is mistyped",
        breaks=reads_wrong(status_attribute="statuss"),
        trips=("publisher-records-held", "publisher-records-parked"),
    ),
    Outage(
        name="the pipe gives records up after 12 hours",
        breaks=refuses("topic", "ServiceUnavailable", 503),
        trips=("publisher-behind", "publisher-given-up"),
        minutes=14 * 60,
        traffic=("quiet",),
        is_long=True,
    ),
)
BY_EXAMPLE: Mapping[str, tuple[Outage, ...]] = {
    "eventbridge_fanout": tuple(replace(one, setting=_EVENTBRIDGE) for one in OF_EVENTBRIDGE),
    "pipes_fanout": tuple(replace(one, setting=_PIPES) for one in OF_PIPES),
    "sns_fifo_fanout": tuple(replace(one, setting=_FIFO) for one in OF_FIFO),
}
"""By the Terraform example whose alarms are to see them."""
