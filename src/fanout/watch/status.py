"""`fanout status`: one verdict for the whole path, what is wrong first and what to type next.

Only attributes, metrics and logs are read: no message is received, so no attempt is used up and no
metric of a queue goes blind.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from customer_events import metrics
from customer_events.metrics import Metric
from fanout.aws import AwsTarget
from fanout.console import OUT, Json, option, print_facts, print_json, table
from fanout.errors import ExitCode, Refused, WrongUse
from fanout.failures.store import ObjectStore
from fanout.local import runtime
from fanout.runs.options import Check
from fanout.sqs.queue import QueueFacts, SqsQueue
from fanout.sqs.subscription import of_subscriber
from fanout.streams.poller import PollerStatus
from fanout.text import moment, span
from fanout.watch.doctor import show_findings, verdict
from fanout.watch.telemetry import (
    WINDOW_MINUTES,
    Series,
    Telemetry,
    Wanted,
    added,
    latest,
    sparkline,
    total,
)
from sentinel.discovery import (
    SHARED_GROUPS,
    Bus,
    Pause,
    Publisher,
    Subscriber,
    find_bus,
    find_publisher,
    find_subscriber,
    is_embedded,
    list_alarms,
    list_subscribers,
    paused,
)
from sentinel.examination import Examination
from sentinel.findings import Asking, Finding, Severity, worst_first
from sentinel.rules import PUBLISHER, MappingFacts, check_switch

FAILURES_MAX = 1_000  # objects of each kind that are counted in the failure store
LATE_SECONDS = 300  # older than this, what waits is late, as the alarms have it by default
_WATCH_SECONDS = 5
_READERS = 8
_PROBLEM = "PROBLEM"  # how Lambda's `LastProcessingResult` begins where it is none
_PAGES = "docs/runbooks"
_wrong = partial(Finding, Severity.WRONG)

# What is known


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFacts:
    """The publisher or a consumer, in the last minutes; None: not known.

    `counts` are by metric. `failing` is the metric that counts the newest failures, and `codes` are
    theirs, the newest last; `is_failing`: it has not recovered since.
    `lag_seconds` is the age of the publisher's oldest pending change, or how late a consumer is.
    """

    name: str
    function: str | None
    mapping: MappingFacts | None
    counts: Mapping[str, int | None]
    failing: str
    codes: dict[str, int]
    is_failing: bool
    lag_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherFacts(PartFacts):
    """The publisher; `failures` is how many objects are in the failure store."""

    failures: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberFacts(PartFacts):
    """A subscriber; a queue is None where there is none. `done` by minute."""

    table: str | None
    pause: Pause | None
    queue: QueueFacts | None
    dlq: QueueFacts | None
    oldest_age_seconds: float | None
    done: Series = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A deployment at an instant; `alarms` are those that are on, with their descriptions.

    None: there are none to be had here. Composite ones say nothing more, and are left out.
    """

    at: datetime
    source: str
    bus: Bus
    publisher: PublisherFacts
    subscribers: Sequence[SubscriberFacts]
    alarms: Mapping[str, str] | None


# What is wrong, by the facts alone


def judge(status: Status) -> Iterator[Finding]:
    """What is wrong, by the facts."""
    yield from _judge_publisher(status.publisher, status.bus, status.at)
    for each in status.subscribers:
        yield from _judge_subscriber(each, status.at)
    for name, description in (status.alarms or {}).items():
        harm, _, what_to_do = description.partition(" Type `")
        command, _, page = what_to_do.partition("`. Runbook: ")
        fix = f"{command}: {page or f'{_PAGES}/README.md'}".removeprefix(": ")
        yield _wrong("alarm", f"{name} is on.", harm=harm, fix=fix)


def _judge_publisher(facts: PublisherFacts, bus: Bus, now: datetime) -> Iterator[Finding]:
    wait, page = "Changes wait in the stream, ", f"{_PAGES}/publisher-failing.md"
    harm = f"{wait}and go to the failure store after 12 hours."
    yield from _judge_mapping(facts, now, f"{wait}which deletes them after 24 hours.")
    action = "events:PutEvents" if bus.transport == "eventbridge" else "sns:Publish"
    remedy = _remedy(
        facts.codes,
        denied=f"Allow {action} on {bus.arn}, and its key, for the function's role",
        gone=f"Deploy {bus.arn} again, or correct BUS_ARN",
    )
    causes = {
        metrics.BUS_FAULTS: (f"the bus refuses what {facts.function} publishes", remedy),
        metrics.RECORDS_HELD: (f"{facts.function} can read no record, and holds all of them", ""),
        metrics.RECORDS_FAILED: (f"{facts.function} fails", ""),
    }
    yield from _judge_failures(facts, causes, harm, page)
    if facts.failures:
        many = f"{facts.failures:,}" + (" or more" if facts.failures >= FAILURES_MAX else "")
        yield _wrong(
            facts.name, f"the failure store is not empty ({many}).", fix="fanout failures list"
        )
    if (facts.lag_seconds or 0) > LATE_SECONDS:
        what = f"the oldest pending change is {span(facts.lag_seconds or 0)} old."
        yield _wrong(facts.name, what, harm=harm, fix=f"{_PAGES}/publisher-behind.md")


def _judge_subscriber(facts: SubscriberFacts, now: datetime) -> Iterator[Finding]:
    wrong, waiting = partial(_wrong, facts.name), _total(facts.queue) or 0
    wait = f"{waiting:,} {'message waits' if waiting == 1 else 'messages wait'}."
    for queue, what in ((facts.queue, "queue"), (facts.dlq, "DLQ")):
        if queue is None:
            yield wrong(f"its {what} does not exist or can't be read.", fix="Deploy it again.")
    yield from _judge_mapping(facts, now, f"Nothing is consumed. {wait}", facts.pause)
    remedy = _remedy(
        facts.codes,
        denied=f"Give the function's role its permissions on {facts.table} back",
        gone=f"Deploy its table ({facts.table}) again",
    )
    causes = {
        metrics.DEPENDENCY_FAULTS: (f"what {facts.function} needs is down", remedy),
        metrics.UNEXPECTED_EXCEPTIONS: (f"{facts.function} has a bug", ""),
    }
    has_bug = facts.failing == metrics.UNEXPECTED_EXCEPTIONS.name
    is_down = facts.counts.get(metrics.DEPENDENCY_FAULTS.name) and not has_bug
    page = "consumer-dependency-faults" if is_down else "consumer-failing"
    yield from _judge_failures(facts, causes, f"{wait} They are retried.", f"{_PAGES}/{page}.md")
    if dead := _total(facts.dlq):
        what = f"{dead:,} {'message is' if dead == 1 else 'messages are'} dead."
        yield wrong(what, fix=f"fanout dlq show {facts.name}")
    if (facts.oldest_age_seconds or 0) > LATE_SECONDS:
        what = f"its oldest message waits for {span(facts.oldest_age_seconds or 0)}."
        yield wrong(what, harm=wait, fix=f"{_PAGES}/consumer-behind.md")


def _judge_failures(
    facts: PartFacts, causes: Mapping[Metric, tuple[str, str]], harm: str, page: str
) -> Iterator[Finding]:
    """The newest cause, or the first that was counted; then what Lambda counts of the function."""
    counted = [metric for metric in causes if facts.counts.get(metric.name)]
    shown = [*reversed(facts.codes.items())][:3]
    codes = ", ".join(f"{code} ({count:,})" for code, count in shown) or "see its log"
    if counted and facts.is_failing:
        what, remedy = causes[max(counted, key=lambda metric: metric.name == facts.failing)]
        fix = f"{remedy}: {page}" if remedy else page
        yield _wrong(facts.name, f"{what}: {codes}.", harm=harm, fix=fix)
    elif counted:
        what = f"{facts.function} failed in the last {WINDOW_MINUTES} min, and recovered: {codes}."
        yield Finding(Severity.NOTE, facts.name, what)
    for metric, happened in (("Errors", "ended with an error"), ("Throttles", "was throttled")):
        if many := facts.counts.get(metric):
            what = f"{facts.function} {happened} {many:,} times in {WINDOW_MINUTES} min."
            fix = f"aws logs tail /aws/lambda/{facts.function} --since {WINDOW_MINUTES}m"
            yield _wrong(facts.name, what, harm=harm, fix=fix)


def _judge_mapping(
    facts: PartFacts, now: datetime, harm: str, pause: Pause | None = None
) -> Iterator[Finding]:
    if mapping := facts.mapping:
        yield from check_switch(facts.name, mapping, harm=harm, now=now, pause=pause)
        if mapping.runs and mapping.last_result.startswith(_PROBLEM):
            what = f"its event source mapping says: {mapping.last_result}."
            yield _wrong(facts.name, what, harm=harm)


def _remedy(codes: dict[str, int], *, denied: str, gone: str) -> str:
    """What to do about AWS's error codes; "" where only the runbook says."""
    newest = next(reversed(codes), "").lower()
    if "kms" in newest:
        return "Enable the key, or let the function's role use it"
    if "denied" in newest or "authoriz" in newest:
        return denied
    return gone if "notfound" in newest or "doesnotexist" in newest else ""


# How it is found out


class Look:
    """One look at a deployment; `state`: the state folder of `fanout local up`, where that runs."""

    def __init__(self, target: AwsTarget, *, state: Path, now: datetime, asking: Asking) -> None:
        self._target = target
        self._poller = _poller(target, state) if is_embedded(target) else None
        self._telemetry = Telemetry(target, now)
        self._examination = Examination(target, find_bus(target))
        self._ask = asking.ask

    def status(self, name: str | None) -> Status:
        """Ask AWS for everything; `name`: of one subscriber only.

        Raises: WrongUse: nothing is deployed under this prefix, or there is no such subscriber.
        """
        target, publisher = self._target, self._publisher(find_publisher(self._target))
        subscribers = list_subscribers(target)
        chosen = [find_subscriber(target, name)] if name else subscribers
        pauses = self._ask("The marks of pauses", partial(paused, target)) or {}
        alarms: list[dict[str, Any]] | None = None
        if not is_embedded(target):
            groups = [*SHARED_GROUPS, *(each.name for each in chosen)]
            which = {"StateValue": "ALARM", "AlarmTypes": ["MetricAlarm"]}
            others = [each.name for each in subscribers]
            read = partial(list_alarms, target, groups, others=others, **which)
            alarms = self._ask("CloudWatch's alarms", read)
        described = {
            each["AlarmName"]: " ".join(each.get("AlarmDescription", "").split())
            for each in alarms or ()
        }
        for service in ("cloudwatch", "lambda", "logs", "pipes", "sqs"):
            target.client(service)  # boto3 makes clients in one thread only
        with ThreadPoolExecutor(_READERS) as pool:
            facts = list(pool.map(partial(self._subscriber, pauses), chosen))
        return Status(
            at=self._telemetry.now,
            source=self._telemetry.source,
            bus=self._examination.bus,
            publisher=publisher,
            subscribers=facts,
            alarms=None if alarms is None else described,
        )

    # Private functions

    def _publisher(self, publisher: Publisher) -> PublisherFacts:
        function, poller = publisher.function_name, self._poller
        series = self._series(function, PUBLISHER, (*_PUBLISHER_COUNTS, metrics.STREAM_LAG), "")
        failed = series[metrics.RECORDS_FAILED.name]
        lines = self._lines(function, "failed_sequence_numbers") if total(failed) else []
        failing, codes = newest_failures(
            (failing_metric(line), line.get("failed") or {}) for line in lines
        )
        # As the newest batch had it: CloudWatch knows of no change that was not tried.
        lags = [latest(series[name]) for name in (metrics.STREAM_LAG.name, "IteratorAge")]
        lag = max((lag / 1000 for lag in lags if lag is not None), default=None)
        mapping_id = publisher.mapping_id
        if not is_embedded(self._target):
            mapping = self._mapping(mapping_id)
        else:  # deployed disabled there: the local poller stands in for it
            error = poller and poller.pending_records and poller.last_error
            result = f"{_PROBLEM}: {error}" if error else ""
            mapping = MappingFacts(mapping_id=mapping_id, state="Enabled", last_result=result)
        store = ObjectStore(self._target.client("s3"), publisher.failure_bucket)
        return PublisherFacts(
            name=PUBLISHER,
            function=function,
            mapping=mapping,
            counts=_counts(series),
            failing=failing,
            codes=codes,
            is_failing=bool(poller.pending_records if poller else latest(failed)),
            lag_seconds=poller.lag_seconds(time.time()) if poller else lag,
            failures=self._ask("The failure store", lambda: store.count(FAILURES_MAX)),
        )

    def _subscriber(self, pauses: Mapping[str, Pause], subscriber: Subscriber) -> SubscriberFacts:
        name, function = subscriber.name, subscriber.function_name
        counted = (*_CONSUMER_COUNTS, metrics.END_TO_END_LAG)
        series = self._series(function, self._service(subscriber), counted, subscriber.queue_arn)
        retries = total(series[metrics.MESSAGES_RETRIED.name])
        lines = self._lines(function, "RETRY") if function and retries else []
        failing, codes = newest_failures(
            (_FAULTS.get(each["cause"], ""), {each["reason"]: 1})
            for line in lines
            for each in line.get("problems") or ()
            if each["outcome"] == "RETRY"
        )
        faults = latest(added([series[name] for name in _FAULTS.values()]))
        subscription, late = of_subscriber(self._target, subscriber), latest(series[_LATE])
        queue = self._queue(subscription.queue)
        return SubscriberFacts(
            name=name,
            function=function,
            mapping=self._mapping(subscriber.mapping_id) if subscriber.mapping_id else None,
            counts=_counts(series),
            failing=failing,
            codes=codes,
            is_failing=bool(faults and _total(queue)),
            lag_seconds=None if late is None else late / 1000,
            table=subscriber.table,
            pause=pauses.get(name),
            queue=queue,
            dlq=self._queue(subscription.dlq),
            oldest_age_seconds=latest(series[_AGE]),
            done=added([series[metric.name] for metric in _DONE]),
        )

    def _series(
        self, function: str | None, service: str, counted: Sequence[Metric], queue_arn: str
    ) -> dict[str, Series]:
        """By name: our own metrics, those of Lambda, and the age of a queue."""
        own = {"deployment": self._target.prefix, "service": service}
        of_lambda = {"FunctionName": function or ""}
        queue = {"QueueName": queue_arn.rpartition(":")[2]}
        wanted = [
            *(
                Wanted(name=metric.name, dimensions=own, is_sum=metric.unit == "Count")
                for metric in counted
            ),
            Wanted(name="Errors", namespace="AWS/Lambda", dimensions=of_lambda),
            Wanted(name="Throttles", namespace="AWS/Lambda", dimensions=of_lambda),
            Wanted(name="IteratorAge", namespace="AWS/Lambda", dimensions=of_lambda, is_sum=False),
            Wanted(name=_AGE, namespace="AWS/SQS", dimensions=queue, is_sum=False),
        ]
        nothing: dict[str, Series] = {one.name: () for one in wanted}
        known = [one for one in wanted if all(one.dimensions.values())]
        read = partial(self._telemetry.series, function, known)
        return nothing | (self._ask(self._telemetry.source, read) or {})

    def _service(self, subscriber: Subscriber) -> str:
        """The dimension `service` of its metrics, as `event_consumer.settings` has it."""
        name, functions = subscriber.function_name, self._target.client("lambda")
        read = partial(functions.get_function_configuration, FunctionName=name)
        answer = self._ask(f"The function {name}", read) if name else None
        variables = (answer or {}).get("Environment", {}).get("Variables", {})
        usual = f"{subscriber.name.replace('-', '_')}_consumer"
        return str(variables.get("POWERTOOLS_SERVICE_NAME") or usual)

    def _lines(self, function: str, term: str) -> list[Mapping[str, Any]]:
        read = partial(self._telemetry.lines, function, term)
        return self._ask(f"The log of {function}", read) or []

    def _queue(self, queue: SqsQueue) -> QueueFacts | None:
        try:
            return self._ask("A queue", queue.facts)
        except Refused:  # it does not exist
            return None

    def _mapping(self, mapping_id: str) -> MappingFacts | None:
        read = partial(self._examination.mapping, mapping_id)
        answer = self._ask(f"The mapping {mapping_id}", read)
        return answer and MappingFacts.of(mapping_id, answer)


_PUBLISHER_COUNTS = (
    *(metrics.STREAM_RECORDS, metrics.EVENTS_PUBLISHED, metrics.RECORDS_PARKED),
    *(metrics.RECORDS_FAILED, metrics.RECORDS_HELD, metrics.BUS_FAULTS),
)
_DONE = (metrics.EVENTS_APPLIED, metrics.EVENTS_DUPLICATE, metrics.EVENTS_STALE)
_CONSUMER_COUNTS = (
    *(*_DONE, metrics.MESSAGES_PARKED, metrics.MESSAGES_RETRIED),
    *(metrics.DEPENDENCY_FAULTS, metrics.UNEXPECTED_EXCEPTIONS),
)
_FAULTS = {
    "DEPENDENCY_FAULT": metrics.DEPENDENCY_FAULTS.name,
    "UNEXPECTED": metrics.UNEXPECTED_EXCEPTIONS.name,
}
"""What counts a consumer's retry, by its cause in the log."""
_AGE = "ApproximateAgeOfOldestMessage"
_LATE = metrics.END_TO_END_LAG.name
_GAUGES = {_AGE, _LATE, "IteratorAge", metrics.STREAM_LAG.name}


def _counts(series: Mapping[str, Series]) -> dict[str, int | None]:
    return {name: total(values) for name, values in series.items() if name not in _GAUGES}


def failing_metric(line: Mapping[str, Any]) -> str:
    """What counts the failures of a publisher's batch, by its line in the log."""
    if line.get("bus_faults"):
        return metrics.BUS_FAULTS.name
    is_held = any(code.startswith("BadDeployment") for code in line.get("failed") or ())
    return (metrics.RECORDS_HELD if is_held else metrics.RECORDS_FAILED).name


def newest_failures(
    failures: Iterable[tuple[str, Mapping[str, int]]],
) -> tuple[str, dict[str, int]]:
    """What counts the newest failures, and their codes since they began, the newest last."""
    newest, codes = "", dict[str, int]()
    for metric, found in failures:
        if metric != newest:
            newest, codes = metric, {}
        for code, count in found.items():
            codes[code] = codes.pop(code, 0) + count
    return newest, codes


def _poller(target: AwsTarget, state: Path) -> PollerStatus | None:
    """What stands in for the stream's mapping, where it runs on this state folder."""
    recorded = runtime.look(state)
    if recorded is None or recorded.deployment is None or not recorded.is_running():
        return None
    here = target.client("sqs").meta.endpoint_url
    return recorded.poller if recorded.deployment.endpoint_url == here else None


# How it is shown


def status(
    context: typer.Context,
    subscriber: Annotated[
        str | None, typer.Argument(help="Only this subscriber; all if left out.")
    ] = None,
    *,
    watch: Annotated[
        bool, option("Show it again every 5 seconds, until Ctrl-C.", "--watch")
    ] = False,
    state: Annotated[
        Path, option("State folder of `fanout local up`, where that runs.", "--state")
    ] = runtime.DEFAULT_STATE_DIR,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """Show the whole path at once: what is wrong first, and what to type next.

    Receives no message. On AWS, numbers come from CloudWatch.

    Exit codes: 0, or with --check 1 if something is wrong.
    """
    if watch and (check or as_json):
        raise WrongUse("--watch is for a person: leave it out with --check or --json.")
    while True:
        asking = Asking()
        look = Look(context.obj, state=state, now=datetime.now(UTC), asking=asking)
        now = look.status(subscriber)
        found = worst_first([*asking.findings(), *judge(now)])
        is_wrong = any(finding.severity is Severity.WRONG for finding in found)
        if as_json:
            said = {"verdict": "wrong" if is_wrong else "fine"}
            listed = {"findings": [asdict(finding) for finding in found]}
            print_json(said | listed | {"window_minutes": WINDOW_MINUTES} | asdict(now))
            break
        if watch:
            OUT.clear()
        show(context.obj.prefix, now, found)
        if not watch:
            break
        time.sleep(_WATCH_SECONDS)
    if check and is_wrong:
        raise typer.Exit(int(ExitCode.FOUND))


def show(prefix: str, status: Status, found: Sequence[Finding]) -> None:
    """Print the verdict, the findings and the numbers, for 80 columns."""
    OUT.print(f"[bold]{escape(prefix)}[/] at {moment(status.at)} UTC: {verdict(found)}")
    show_findings(found)
    _show_publisher(status)
    rows = table(
        f"Subscribers, and their last {WINDOW_MINUTES} minutes",
        *("name", "waiting", "oldest", "retried", "dead", "lag", "done"),
        whole=range(1, 7),
    )
    for each in status.subscribers:
        rows.add_row(
            escape(each.name),
            _number(_total(each.queue)),
            _seconds(each.oldest_age_seconds),
            _number(each.counts[metrics.MESSAGES_RETRIED.name]),
            _number(_total(each.dlq)),
            _seconds(each.lag_seconds),
            f"{_number(total(each.done))}\n{sparkline(each.done)}",
        )
    OUT.print(rows)


def _show_publisher(status: Status) -> None:
    facts, alarms = status.publisher, status.alarms
    counts = [_number(facts.counts[metric.name]) for metric in _PUBLISHER_COUNTS]
    mapping, lag = facts.mapping, facts.lag_seconds
    print_facts(
        "Publisher",
        [
            ("oldest pending change", "not known" if lag is None else _seconds(lag)),
            ("mapping", mapping and f"{mapping.state} {mapping.last_result}".strip()),
            (
                f"last {WINDOW_MINUTES} minutes",
                "{} records, {} published, {} parked, {} failed".format(*counts),
            ),
            ("failure store", _number(facts.failures)),
            ("alarms", "not available here" if alarms is None else f"{len(alarms)} on"),
            ("numbers from", status.source),
        ],
    )


def _total(queue: QueueFacts | None) -> int | None:
    return queue.depth.total if queue else None


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f} s" if value < 60 else span(value)  # noqa: PLR2004 (a minute)
