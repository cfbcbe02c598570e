"""Broken alarm sets: each must be caught by its checker, in the outage or the calm it fails in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulation import alarm_set
from simulation.checkers import GuaranteeBroken
from simulation.cloudwatch import Alarm, Composite, Query
from simulation.monitored import PREFIX
from simulation.outages import (
    NO_FALSE_ALARM,
    NO_SILENT_FAILURE,
    OUTAGES,
    drill,
    history,
    play,
)

Change = Callable[[Alarm], Alarm | None]
SEEDS_MAX = 40
_BY_NAME = {one.name: one for one in OUTAGES}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenSet:
    """`changes` by the alarms' names, without the prefix; `outage` is "" where calm catches it.

    `traffic`: the history's own where it is "". `shown_by`: a seed that is known to show it.
    """

    name: str
    changes: Mapping[str, Change]
    outage: str = ""
    traffic: str = ""
    composite: Callable[[Composite], Composite] = lambda one: one
    caught_by: str = NO_SILENT_FAILURE
    shown_by: int = 0

    def seeds_until_caught(self, *, first: int = 0) -> int | None:
        """How many histories it takes, the drill of the outage first; None where it escapes."""
        for count in range(1, SEEDS_MAX + 1):
            broken = self._broken_by(first + count - 1)
            if broken:
                assert broken == self.caught_by, self.name
                return count
        return None

    # Private functions

    def _broken_by(self, seed: int) -> str:
        try:
            self._play(seed)
        except GuaranteeBroken as broken:
            return broken.guarantee
        return ""

    def _play(self, seed: int) -> None:
        changed = (
            self.changes.get(one.name.removeprefix(f"{PREFIX}-"), _as_it_is)(one)
            for one in alarm_set.alarms()
        )
        alarms = [one for one in changed if one is not None]
        composites = [self.composite(one) for one in alarm_set.composites()]
        if self.outage and not self.traffic and seed == 0:
            drill(_BY_NAME[self.outage], alarms, composites)
            return
        one = history(seed, _BY_NAME[self.outage]) if self.outage else _calm(seed)
        play(replace(one, traffic=self.traffic or one.traffic), alarms, composites)


def seeds_until_caught(index: int) -> int | None:
    """Of the set with this index; for a process of its own."""
    return BROKEN_SETS[index].seeds_until_caught()


# Private functions


def _calm(seed: int) -> Any:
    """With hiccups and late metrics: what an alarm has to bear every day."""
    one = history(seed)
    return replace(one, outage=None, hiccups=0.002, late_minutes_max=3, spare=0, calm_minutes=300)


def _as_it_is(one: Alarm) -> Alarm:
    return one


def _removed(_: Alarm) -> None:
    return None


def _with(**fields: Any) -> Change:
    return lambda one: replace(one, **fields)


def _watching(name: str, **metric: str) -> Change:
    """The alarm on another metric: `namespace`, `statistic`, and dimensions."""
    namespace, statistic = metric.pop("namespace"), metric.pop("statistic", "Sum")
    query = Query(metric=(namespace, name, frozenset(metric.items())), statistic=statistic)
    return lambda one: replace(one, queries={"metric": query}, returned="metric")


def _dimension(name: str, value: str) -> Change:
    """The same metric with another value of a dimension: nobody writes it."""

    def changed(query: Query) -> Query:
        if query.metric is None:
            return query
        namespace, metric, dimensions = query.metric
        others = frozenset((dict(dimensions) | {name: value}).items())
        return replace(query, metric=(namespace, metric, others))

    return lambda one: replace(
        one, queries={key: changed(query) for key, query in one.queries.items()}
    )


def _without(child: str) -> Callable[[Composite], Composite]:
    def change(one: Composite) -> Composite:
        term = f'ALARM("{PREFIX}-{child}")'
        return replace(one, rule=one.rule.replace(f"{term} OR ", "").replace(f" OR {term}", ""))

    return change


_RETRIES = ("consumer-failing", "consumer-dependency-faults", "consumer-unexpected-exceptions")
_NO_RETRIES: dict[str, Change] = {f"payments-{name}": _removed for name in _RETRIES}
_STOPPED = "the stream's mapping is disabled, deleted, or may not read"
_UNREAD = "the queue's mapping is disabled, deleted, or may not receive"
_NO_TABLE = "the consumer's table is gone"
_POISON = "a poison message now and then"
_PUBLISHER = {"FunctionName": f"{PREFIX}-publisher", "namespace": "AWS/Lambda"}
_DLQ = {"QueueName": f"{PREFIX}-payments-dlq", "namespace": "AWS/SQS", "statistic": "Maximum"}
BROKEN_SETS = (
    BrokenSet(
        name="nothing watches whether the stream is polled",
        changes={"publisher-stopped": _removed, "sentinel-findings": _removed},
        outage=_STOPPED,
        traffic="quiet",
    ),
    BrokenSet(
        name="missing data is no fault where it means that nobody polls",
        changes={"publisher-stopped": _with(missing="notBreaching")},
        outage=_STOPPED,
    ),
    BrokenSet(
        name="missing data is no fault where it means that the sentinel is gone",
        changes={"sentinel-stopped": _with(missing="notBreaching")},
        outage="the sentinel's schedule is disabled, or it fails",
    ),
    BrokenSet(
        name="missing data keeps the state where it means that nobody polls",
        changes={"payments-consumer-stopped": _with(missing="ignore")},
        outage=_UNREAD,
    ),
    BrokenSet(
        name="nothing watches whether the queue is polled: its age alone",
        changes={"payments-consumer-stopped": _removed},
        outage=_UNREAD,
    ),
    BrokenSet(
        name="lag is Lambda's IteratorAge",
        changes={
            "publisher-behind": _watching("IteratorAge", **_PUBLISHER | {"statistic": "Maximum"})
        },
        outage="the topic is down",
    ),
    BrokenSet(
        name="the publisher is held against its own counts alone, not against the table's writes",
        changes={"publisher-sees-nothing": _removed, "publisher-misses-changes": _removed},
        outage="the stream was made anew, and the mapping reads the old one",
    ),
    BrokenSet(
        name="a rarely written table is watched by three periods in a row alone",
        changes={"publisher-misses-changes": _removed, "sentinel-findings": _removed},
        outage="the stream was made anew, and the table is seldom written to",
    ),
    BrokenSet(
        name="the settings are not watched where a single change proves nothing",
        changes={"sentinel-findings": _removed},
        outage="the subscription is deleted, and events are rare",
    ),
    BrokenSet(
        name="faults of the bus are counted for another service",
        changes={"publisher-bus-faults": _dimension("service", "payments_consumer")},
        outage="the publisher may not publish",
    ),
    BrokenSet(
        name="held records are counted for another deployment",
        changes={"publisher-records-held": _dimension("deployment", "green")},
        outage="the publisher has a bug",
    ),
    BrokenSet(
        name="the publisher's errors show in no page",
        changes={
            "publisher-sees-nothing": _removed,
            "publisher-misses-changes": _removed,
        },
        composite=_without("publisher-errors"),
        outage="the publisher does not start",
    ),
    BrokenSet(
        name="pages call nobody",
        changes={},
        composite=lambda one: replace(one, actions=()),
        outage="the consumer is throttled",
    ),
    BrokenSet(
        name="errors need three of five minutes",
        changes={"payments-consumer-errors": _with(periods=5)},
        outage="one customer's events kill the consumer",
        traffic="quiet",
        shown_by=7,
    ),
    BrokenSet(
        name="a failing consumer shows in Lambda's errors and the queue's age alone",
        changes=_NO_RETRIES,
        outage=_NO_TABLE,
    ),
    BrokenSet(
        name="throttles are not watched",
        changes={"publisher-throttled": _removed, "publisher-sees-nothing": _removed},
        outage="the publisher is throttled",
    ),
    BrokenSet(
        name="nothing compares what is published with what arrives",
        changes={"payments-receives-nothing": _removed, "payments-misses-events": _removed},
        outage="the subscription is deleted",
    ),
    BrokenSet(
        name="a DLQ is watched by its age instead of its count",
        changes={
            "payments-messages-parked": _removed,
            "payments-dead-letters-growing": _removed,
            "payments-dead-letters": lambda one: replace(
                _watching("ApproximateAgeOfOldestMessage", **_DLQ)(one) or one, threshold=900.0
            ),
        },
        outage=_POISON,
    ),
    BrokenSet(
        name="SQS alone tells of parked messages, which it may do 15 minutes late",
        changes={"payments-messages-parked": _removed},
        outage=_POISON,
    ),
    BrokenSet(
        name="a DLQ that holds a message tells of no other",
        changes={"payments-dead-letters-growing": _removed},
        outage="one message waits in the DLQ, and SQS moves another there",
    ),
    BrokenSet(
        name="what SNS can't deliver is not watched",
        changes={
            "topic-deliveries-failed": _removed,
            "topic-deliveries-lost": _removed,
            "payments-receives-nothing": _removed,
            "payments-misses-events": _removed,
        },
        outage="the key of the queue and its DLQ does not admit SNS",
    ),
    BrokenSet(
        name="parked records are not watched",
        changes={"publisher-records-parked": _removed},
        outage="TABLE_STATUS_MAP lacks a status",
    ),
    BrokenSet(
        name="an alarm that stays on for hours hides the next outage in the page",
        changes={},
        composite=lambda one: replace(
            one, rule=f'{one.rule} OR ALARM("{PREFIX}-publisher-misses-changes")'
        ),
        outage="the stream was made anew, and the table is seldom written to",
        caught_by=NO_FALSE_ALARM,
    ),
    BrokenSet(
        name="one period with writes and no record is enough",
        changes={"publisher-sees-nothing": _with(periods=1, datapoints=1)},
        caught_by=NO_FALSE_ALARM,
    ),
    BrokenSet(
        name="one period of a day without an arrival is enough",
        changes={"payments-misses-events": _with(datapoints=1)},
        caught_by=NO_FALSE_ALARM,
    ),
    BrokenSet(
        name="one minute without a poll is enough",
        changes={"publisher-stopped": _with(periods=1, datapoints=1)},
        caught_by=NO_FALSE_ALARM,
    ),
    BrokenSet(
        name="a day without records counts as a day without customers",
        changes={"publisher-selects-nothing": _with(missing="breaching")},
        caught_by=NO_FALSE_ALARM,
        traffic="very quiet",
    ),
    BrokenSet(
        name="a single retry pages",
        changes={"payments-consumer-failing": _with(threshold=0.0, datapoints=1)},
        caught_by=NO_FALSE_ALARM,
        traffic="busy",
    ),
    BrokenSet(
        name="a single fault of the table is a ticket",
        changes={"payments-consumer-dependency-faults": _with(datapoints=1)},
        caught_by=NO_FALSE_ALARM,
        traffic="busy",
    ),
    BrokenSet(
        name="a single error pages",
        changes={"payments-consumer-errors": _with(datapoints=1)},
        caught_by=NO_FALSE_ALARM,
        traffic="busy",
        shown_by=3,
    ),
)
