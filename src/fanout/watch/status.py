"""`fanout status`: one verdict for the whole path, what is wrong first and what to type next.

Only attributes, metrics and logs are read: no message is received, so no attempt is used up and no
metric of a queue goes blind.
"""

import time
from collections import Counter
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
from customer_events.instants import to_wire
from customer_events.metrics import Metric
from fanout.aws import AwsTarget
from fanout.console import OUT, print_facts, print_json, table
from fanout.errors import ExitCode, Refused, WrongUse
from fanout.failures.store import ObjectStore
from fanout.local import runtime
from fanout.runs.options import Check, Json
from fanout.sqs.queue import QueueFacts, SqsQueue
from fanout.sqs.subscription import of_subscriber
from fanout.streams.poller import PollerStatus
from fanout.text import moment, span
from fanout.watch import findings as findings_module
from fanout.watch.telemetry import (
    NOTHING,
    WINDOW_MINUTES,
    CloudWatch,
    Logs,
    Series,
    Telemetry,
    Wanted,
    added,
    latest,
    ours,
    sparkline,
    total,
)
from sentinel.discovery import (
    SHARED_GROUPS,
    Bus,
    Pause,
    Subscriber,
    find_bus,
    find_publisher,
    find_subscriber,
    is_mapping,
    list_alarms,
    list_subscribers,
    paused,
)
from sentinel.findings import Asking, Finding, Severity, worst_first

FAILURES_MAX = 1_000
"""Objects of each kind that are counted in the failure store."""
LATE_SECONDS = 300
"""Older than this, what waits is late, as the alarms have it by default."""
_WATCH_SECONDS = 5

_READERS = 8

# What is known


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingFacts:
    """An event source mapping, or a pipe, in AWS's own words; `state` is `Missing` for none."""

    mapping_id: str
    state: str
    last_result: str = ""
    state_reason: str = ""

    @property
    def runs(self) -> bool:
        """Whether it delivers, or is about to."""
        return self.state in {"Enabled", "Enabling", "Updating", "Creating", "RUNNING", "STARTING"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherFacts:
    """The publisher. `counts` are those of the window by metric, `codes` those of its failures.

    `lag_seconds` is the age of the oldest change that is not published; None: not known.
    """

    function: str
    mapping: MappingFacts | None
    lag_seconds: float | None
    counts: Mapping[str, int | None]
    codes: Mapping[str, int]
    is_failing: bool
    failures: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberFacts:
    """One subscriber; a queue is None where there is none or it can't be read.

    `codes` are the reasons of what is retried; ages and lag in seconds; `done` by minute.
    """

    name: str
    function: str | None
    table: str | None
    mapping: MappingFacts | None
    pause: Pause | None
    queue: QueueFacts | None
    dlq: QueueFacts | None
    oldest_age_seconds: int | None
    counts: Mapping[str, int | None]
    codes: Mapping[str, int]
    lag_seconds: float | None
    done: Series = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A deployment at an instant; `alarms` are those that are on, None: none to be had here."""

    at: datetime
    source: str
    bus: Bus
    publisher: PublisherFacts
    subscribers: Sequence[SubscriberFacts]
    alarms: Sequence[str] | None


# What is wrong, by the facts alone


def judge(status: Status) -> list[Finding]:
    """What is wrong, by the facts."""
    page = "docs/runbooks/README.md names its page."
    return [
        *_judge_publisher(status.publisher, status.bus),
        *(finding for each in status.subscribers for finding in _judge_subscriber(each, status.at)),
        *(_wrong("alarm", f"{name} is on.", fix=page) for name in status.alarms or ()),
    ]


def _judge_publisher(facts: PublisherFacts, bus: Bus) -> Iterator[Finding]:
    wrong = partial(_wrong, "publisher")
    lost = "Changes wait in the stream, and go to the failure store after 12 hours."
    deleted = "Changes wait in the stream, which deletes them after 24 hours."
    yield from _judge_mapping("publisher", facts.mapping, deleted)
    codes, counts = _codes(facts.codes), facts.counts
    failed = counts[metrics.RECORDS_FAILED.name]
    if failed and not facts.is_failing:
        what = f"{facts.function} failed in the last {WINDOW_MINUTES} min, and recovered: {codes}."
        yield Finding(severity=Severity.NOTE, subject="publisher", what=what)
    elif counts[metrics.BUS_FAULTS.name]:
        action = "events:PutEvents" if bus.transport == "eventbridge" else "sns:Publish"
        yield wrong(
            f"the bus refuses what {facts.function} publishes: {codes}.",
            harm=lost,
            fix=_remedy(
                facts.codes,
                denied=f"Allow {action} on {bus.arn}, and its key, for the function's role",
                gone=f"Deploy {bus.arn} again, or correct BUS_ARN",
                page="docs/runbooks/publisher-failing.md",
            ),
        )
    elif counts[metrics.RECORDS_HELD.name]:
        what = f"{facts.function} can read no record, and holds all of them: {codes}."
        yield wrong(what, harm=lost, fix="docs/runbooks/publisher-failing.md")
    elif failed:
        what = f"{facts.function} fails: {codes}."
        yield wrong(what, harm=lost, fix="docs/runbooks/publisher-failing.md")
    yield from _judge_function("publisher", facts.function, counts, lost)
    if facts.failures:
        many = f"{facts.failures:,}" + (" or more" if facts.failures >= FAILURES_MAX else "")
        yield wrong(f"the failure store holds {many}.", fix="fanout failures list")
    if facts.lag_seconds is not None and facts.lag_seconds > LATE_SECONDS:
        what = f"the oldest pending change is {span(facts.lag_seconds)} old."
        yield wrong(what, harm=lost, fix="docs/runbooks/publisher-behind.md")


def _judge_subscriber(facts: SubscriberFacts, now: datetime) -> Iterator[Finding]:
    wrong, counts = partial(_wrong, facts.name), facts.counts
    waiting = facts.queue.depth.total if facts.queue else 0
    wait = f"{waiting:,} {'message waits' if waiting == 1 else 'messages wait'}."
    for queue, what in ((facts.queue, "queue"), (facts.dlq, "DLQ")):
        if queue is None:
            yield wrong(f"its {what} does not exist or can't be read.", fix="Deploy it again.")
    if facts.pause and facts.mapping and not facts.mapping.runs:
        yield _paused(facts, facts.pause, wait, now)
    else:
        yield from _judge_mapping(facts.name, facts.mapping, f"Nothing is consumed. {wait}")
    faults, bugs = (
        counts[each.name] for each in (metrics.DEPENDENCY_FAULTS, metrics.UNEXPECTED_EXCEPTIONS)
    )
    codes = _codes(facts.codes)
    if (faults or bugs) and not waiting:
        what = f"{facts.function} failed in the last {WINDOW_MINUTES} min, and recovered: {codes}."
        yield Finding(severity=Severity.NOTE, subject=facts.name, what=what)
    elif faults:
        yield wrong(
            f"what {facts.function} needs is down: {codes}.",
            harm=f"{wait} They are retried, and parked after 12 hours.",
            fix=_remedy(
                facts.codes,
                denied=f"Give the function's role its permissions on {facts.table} back",
                gone=f"Deploy its table ({facts.table}) again",
                page="docs/runbooks/consumer-dependency-faults.md",
            ),
        )
    elif bugs:
        what = f"{facts.function} has a bug: {codes}."
        yield wrong(what, harm=wait, fix="docs/runbooks/consumer-failing.md")
    yield from _judge_function(facts.name, facts.function, counts, wait)
    if facts.dlq and (dead := facts.dlq.depth.total):
        what = f"{dead:,} {'message is' if dead == 1 else 'messages are'} dead."
        yield wrong(what, fix=f"fanout dlq show {facts.name}")
    if (facts.oldest_age_seconds or 0) > LATE_SECONDS:
        what = f"its oldest message waits for {span(facts.oldest_age_seconds or 0)}."
        yield wrong(what, harm=wait, fix="docs/runbooks/consumer-behind.md")


def _paused(facts: SubscriberFacts, pause: Pause, wait: str, now: datetime) -> Finding:
    over = now > pause.until
    return Finding(
        severity=Severity.WRONG if over else Severity.NOTE,
        subject=facts.name,
        what=f"it {'was to be' if over else 'is'} paused until {moment(pause.until)} UTC"
        f" ({pause.because}){', and is still off' if over else ''}.",
        harm=f"{wait} Its queue starts to lose messages at {moment(pause.loses_at)} UTC.",
        fix=f"fanout subscribers resume {facts.name} --execute",
    )


def _judge_function(
    subject: str, function: str | None, counts: Mapping[str, int | None], harm: str
) -> Iterator[Finding]:
    for metric, happened in (("Errors", "ended with an error"), ("Throttles", "was throttled")):
        if many := counts[metric]:
            what = f"{function} {happened} {many:,} times in {WINDOW_MINUTES} min."
            fix = f"aws logs tail /aws/lambda/{function} --since {WINDOW_MINUTES}m"
            yield _wrong(subject, what, harm=harm, fix=fix)


def _judge_mapping(subject: str, mapping: MappingFacts | None, harm: str) -> Iterator[Finding]:
    if mapping is None:
        return
    wrong = partial(_wrong, subject, harm=harm)
    if mapping.state == "Missing":
        yield wrong(f"its event source mapping {mapping.mapping_id} is gone.", fix="Deploy again.")
    elif not mapping.runs:
        why = f" ({mapping.state_reason})" if mapping.state_reason else ""
        what, fix = "event source mapping", f"fanout subscribers resume {subject} --execute"
        if not is_mapping(mapping.mapping_id):
            what, fix = "pipe", f"aws pipes start-pipe --name {mapping.mapping_id}"
        elif subject == "publisher":
            fix = f"aws lambda update-event-source-mapping --enabled --uuid {mapping.mapping_id}"
        yield wrong(f"its {what} is {mapping.state.lower()}{why}.", fix=fix)
    elif mapping.last_result.startswith("PROBLEM"):
        yield wrong(f"its event source mapping says: {mapping.last_result}.")


def _wrong(subject: str, what: str, *, harm: str = "", fix: str = "") -> Finding:
    return Finding(severity=Severity.WRONG, subject=subject, what=what, harm=harm, fix=fix)


def _codes(codes: Mapping[str, int]) -> str:
    """`AccessDeniedException (12 times)`, the most frequent first."""
    shown = sorted(codes.items(), key=lambda pair: -pair[1])[:3]
    return ", ".join(f"{code} ({count:,} times)" for code, count in shown) or "see its log"


def _remedy(codes: Mapping[str, int], *, denied: str, gone: str, page: str) -> str:
    """What to do about AWS's error codes; `page` has the rest."""
    text = " ".join(codes).lower()
    if "kms" in text:
        return f"Enable the key, or let the function's role use it: {page}"
    if "denied" in text or "authoriz" in text:
        return f"{denied}: {page}"
    if "notfound" in text or "doesnotexist" in text:
        return f"{gone}: {page}"
    return page


# How it is found out


class Look:
    """One look at a deployment; notes what AWS refuses to say, so that it hides nothing else.

    Args:
        state: the state folder of `fanout local up`, where that runs.
    """

    def __init__(self, target: AwsTarget, *, state: Path, now: datetime, asking: Asking) -> None:
        self._target = target
        self._now = now
        self._publisher = find_publisher(target)
        self._is_local = target.is_embedded
        self._poller = _poller(target, state) if self._is_local else None
        self._telemetry: Telemetry = CloudWatch(target, now)
        self._series: Mapping[Wanted, Series] = {}
        self._pauses: Mapping[str, Pause] = {}
        self._ask = asking.ask

    def status(self, name: str | None) -> Status:
        """Ask AWS for everything; `name`: of one subscriber only.

        Raises:
            WrongUse: nothing is deployed under this prefix, or there is no such subscriber.
        """
        target, publisher = self._target, self._publisher.function_name
        chosen = [find_subscriber(target, name)] if name else list_subscribers(target)
        services = [self._service(each) for each in chosen]
        if self._is_local:
            functions = [publisher, *(each.function_name for each in chosen if each.function_name)]
            self._telemetry = Logs(target, self._now, functions)
        wanted = _of_publisher(target.prefix, publisher)
        for each, service in zip(chosen, services, strict=True):
            wanted += _of_subscriber(target.prefix, each, service)
        self._series = self._ask("CloudWatch", partial(self._telemetry.series, wanted), {})
        self._pauses = self._ask("The marks of pauses", partial(paused, target), {})
        target.client("sqs")  # boto3 makes clients in one thread only
        with ThreadPoolExecutor(_READERS) as pool:
            subscribers = list(pool.map(self._subscriber, chosen, services))
        return Status(
            at=self._now,
            source=self._telemetry.source,
            bus=find_bus(target),
            publisher=self._publisher_facts(),
            subscribers=subscribers,
            alarms=None if self._is_local else self._alarms_on([each.name for each in chosen]),
        )

    # Private functions

    def _alarms_on(self, subscribers: Sequence[str]) -> list[str] | None:
        groups = [*SHARED_GROUPS, *subscribers]
        read = partial(list_alarms, self._target, groups, StateValue="ALARM")
        alarms = self._ask("CloudWatch's alarms", read, None)
        return None if alarms is None else [each["AlarmName"] for each in alarms]

    def _service(self, subscriber: Subscriber) -> str:
        """The dimension `service` of its metrics, as `event_consumer.settings` has it."""
        answer: dict[str, Any] = {}
        if name := subscriber.function_name:
            read = self._target.client("lambda").get_function_configuration
            answer = self._ask(f"The function {name}", partial(read, FunctionName=name), {})
        variables = answer.get("Environment", {}).get("Variables", {})
        usual = f"{subscriber.name.replace('-', '_')}_consumer"
        return str(variables.get("POWERTOOLS_SERVICE_NAME") or usual)

    def _values(self, wanted: Wanted) -> Series:
        return self._series.get(wanted, NOTHING)

    def _counts(
        self, counted: Iterable[Metric], service: str, function: str | None
    ) -> dict[str, int | None]:
        """By name: our own metrics, and those of Lambda."""
        of_ours = [ours(metric, self._target.prefix, service) for metric in counted]
        of_lambda = [_lambda(name, function) for name in _OF_LAMBDA]
        return {each.name: total(self._values(each)) for each in (*of_ours, *of_lambda)}

    def _publisher_facts(self) -> PublisherFacts:
        publisher, prefix, poller = self._publisher, self._target.prefix, self._poller
        function = publisher.function_name
        counts = self._counts(_PUBLISHER_COUNTS, "publisher", function)
        failed = metrics.RECORDS_FAILED
        codes: Counter[str] = Counter()
        if counts[failed.name]:
            for line in self._lines(function, "failed_sequence_numbers"):
                codes.update(line.get("failed") or {})
        # As the newest batch had it: CloudWatch knows of no change that was not tried.
        lags = [ours(metrics.STREAM_LAG, prefix, "publisher"), _iterator_age(function)]
        known = [lag / 1000 for each in lags if (lag := latest(self._values(each))) is not None]
        lag_seconds = poller.lag_seconds(time.time()) if poller else max(known, default=None)
        store = ObjectStore(self._target.client("s3"), publisher.failure_bucket)
        failing = latest(self._values(ours(failed, prefix, "publisher")))
        return PublisherFacts(
            function=function,
            # Deployed disabled on the embedded AWS, where the local poller stands in for it.
            mapping=None if self._is_local else self._mapping(publisher.mapping_id),
            lag_seconds=lag_seconds,
            counts=counts,
            codes=dict(codes),
            is_failing=bool(poller.pending_records if poller else failing),
            failures=self._ask("The failure store", lambda: store.count(FAILURES_MAX), None),
        )

    def _subscriber(self, subscriber: Subscriber, service: str) -> SubscriberFacts:
        name, function = subscriber.name, subscriber.function_name
        counts = self._counts(_CONSUMER_COUNTS, service, function)
        codes: Counter[str] = Counter()
        if function and counts[metrics.MESSAGES_RETRIED.name]:
            for line in self._lines(function, "RETRY"):
                problems = line.get("problems") or []
                codes.update(each["reason"] for each in problems if each["outcome"] == "RETRY")
        prefix = self._target.prefix
        age = latest(self._values(_age(subscriber.queue_arn)))
        lag = latest(self._values(ours(metrics.END_TO_END_LAG, prefix, service)))
        done = [self._values(ours(metric, prefix, service)) for metric in _DONE]
        subscription = of_subscriber(self._target, subscriber)
        return SubscriberFacts(
            name=name,
            function=function,
            table=subscriber.table,
            mapping=self._mapping(subscriber.mapping_id) if subscriber.mapping_id else None,
            pause=self._pauses.get(name),
            queue=self._queue(subscription.queue),
            dlq=self._queue(subscription.dlq),
            oldest_age_seconds=None if age is None else int(age),
            counts=counts,
            codes=dict(codes),
            lag_seconds=None if lag is None else lag / 1000,
            done=added(done),
        )

    def _lines(self, function: str, term: str) -> list[Mapping[str, Any]]:
        nothing: list[Mapping[str, Any]] = []
        read = partial(self._telemetry.lines, function, term)
        return self._ask(f"The log of {function}", read, nothing)

    def _queue(self, queue: SqsQueue) -> QueueFacts | None:
        try:
            return self._ask("A queue", queue.facts, None)
        except Refused:  # it does not exist
            return None

    def _mapping(self, mapping_id: str) -> MappingFacts | None:
        read = partial(read_mapping, self._target, mapping_id)
        return self._ask(f"The mapping {mapping_id}", read, None)


_PUBLISHER_COUNTS = (
    *(metrics.STREAM_RECORDS, metrics.EVENTS_PUBLISHED, metrics.RECORDS_PARKED),
    *(metrics.RECORDS_FAILED, metrics.RECORDS_HELD, metrics.BUS_FAULTS),
)
_DONE = (metrics.EVENTS_APPLIED, metrics.EVENTS_DUPLICATE, metrics.EVENTS_STALE)
_CONSUMER_COUNTS = (
    *(*_DONE, metrics.MESSAGES_PARKED, metrics.MESSAGES_RETRIED),
    *(metrics.DEPENDENCY_FAULTS, metrics.UNEXPECTED_EXCEPTIONS),
)
_OF_LAMBDA = ("Errors", "Throttles")


def _lambda(metric: str, function: str | None, statistic: str = "Sum") -> Wanted:
    dimensions = (("FunctionName", function or ""),)
    return Wanted(name=metric, namespace="AWS/Lambda", dimensions=dimensions, statistic=statistic)


def _iterator_age(function: str) -> Wanted:
    return _lambda("IteratorAge", function, "Maximum")


def _age(arn: str) -> Wanted:
    return Wanted(
        name="ApproximateAgeOfOldestMessage",
        namespace="AWS/SQS",
        dimensions=(("QueueName", arn.rpartition(":")[2]),),
        statistic="Maximum",
    )


def _of_publisher(prefix: str, function: str) -> list[Wanted]:
    counted = (*_PUBLISHER_COUNTS, metrics.STREAM_LAG)
    of_lambda = [_lambda(metric, function) for metric in _OF_LAMBDA]
    return [
        *(ours(metric, prefix, "publisher") for metric in counted),
        *(*of_lambda, _iterator_age(function)),
    ]


def _of_subscriber(prefix: str, subscriber: Subscriber, service: str) -> list[Wanted]:
    queue, function = [_age(subscriber.queue_arn)], subscriber.function_name
    if function is None:
        return queue
    counted = (*_CONSUMER_COUNTS, metrics.END_TO_END_LAG)
    of_ours = [ours(metric, prefix, service) for metric in counted]
    return queue + of_ours + [_lambda(metric, function) for metric in _OF_LAMBDA]


def read_mapping(target: AwsTarget, mapping_id: str) -> MappingFacts:
    """What Lambda says of an event source mapping, or EventBridge of a pipe."""
    functions, pipes = target.client("lambda"), target.client("pipes")
    gone = (functions.exceptions.ResourceNotFoundException, pipes.exceptions.NotFoundException)
    try:
        if not is_mapping(mapping_id):
            pipe = pipes.describe_pipe(Name=mapping_id)
            state, result = pipe["CurrentState"], ""
            reason = pipe.get("StateReason") or ""
        else:
            answer = functions.get_event_source_mapping(UUID=mapping_id)
            state, result = answer["State"], answer.get("LastProcessingResult") or ""
            reason = answer.get("StateTransitionReason") or ""
    except gone:
        return MappingFacts(mapping_id=mapping_id, state="Missing")
    return MappingFacts(mapping_id=mapping_id, state=state, last_result=result, state_reason=reason)


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
        bool, typer.Option("--watch", help="Show it again every 5 seconds, until Ctrl-C.")
    ] = False,
    state: Annotated[
        Path, typer.Option("--state", help="State folder of `fanout local up`, where that runs.")
    ] = runtime.DEFAULT_STATE_DIR,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """Show the whole path at once: what is wrong first, and what to type next.

    Receives no message. Exit code 0; with --check 1 where something is wrong; 2 where nothing is
    deployed under this prefix.
    """
    if watch and (check or as_json):
        raise WrongUse("--watch is for a person: leave it out with --check or --json.")
    while True:
        asking = Asking()
        look = Look(context.obj, state=state, now=datetime.now(UTC), asking=asking)
        now = look.status(subscriber)
        found = worst_first([*asking.findings(), *judge(now)])
        if as_json:
            print_json(to_document(now, found))
            break
        if watch:
            OUT.clear()
        show(context.obj.prefix, now, found)
        if not watch:
            break
        time.sleep(_WATCH_SECONDS)
    if check and any(finding.severity is Severity.WRONG for finding in found):
        raise typer.Exit(int(ExitCode.FOUND))


def to_document(status: Status, found: Sequence[Finding]) -> dict[str, Any]:
    """One JSON object with every fact and finding."""
    wrong = any(finding.severity is Severity.WRONG for finding in found)
    return {
        "at": to_wire(status.at),
        "verdict": "wrong" if wrong else "fine",
        "findings": [finding.to_document() for finding in found],
        "window_minutes": WINDOW_MINUTES,
        "source": status.source,
        "publisher": asdict(status.publisher),
        "subscribers": [asdict(each) for each in status.subscribers],
        "alarms_on": status.alarms,
    }


def show(prefix: str, status: Status, found: Sequence[Finding]) -> None:
    """Print the verdict, the findings and the numbers, for 80 columns."""
    verdict = findings_module.verdict(found)
    OUT.print(f"[bold]{escape(prefix)}[/] at {moment(status.at)} UTC: {verdict}")
    findings_module.show(found)
    _show_publisher(status)
    rows = table(
        f"Subscribers, and their last {WINDOW_MINUTES} minutes",
        *("name", "waiting", "oldest", "retried", "dead", "lag", "done"),
    )
    for column in (1, 3, 4):
        rows.columns[column].justify = "right"
    for each in status.subscribers:
        retried = each.counts[metrics.MESSAGES_RETRIED.name]
        rows.add_row(
            escape(each.name),
            _depth(each.queue),
            "-" if each.oldest_age_seconds is None else span(each.oldest_age_seconds),
            _number(retried),
            _depth(each.dlq),
            "-" if each.lag_seconds is None else _seconds(each.lag_seconds),
            f"{_number(total(each.done))}\n{sparkline(each.done)}",
        )
    OUT.print(rows)


def _show_publisher(status: Status) -> None:
    facts, lag = status.publisher, status.publisher.lag_seconds
    words = ("records", "published", "parked", "failed")
    shown = _PUBLISHER_COUNTS[: len(words)]
    counts = (
        f"{_number(facts.counts[metric.name])} {word}"
        for word, metric in zip(words, shown, strict=True)
    )
    mapping = facts.mapping
    print_facts(
        "Publisher",
        [
            ("oldest pending change", "not known" if lag is None else _seconds(lag)),
            ("mapping", mapping and f"{mapping.state} {mapping.last_result}".strip()),
            (f"last {WINDOW_MINUTES} minutes", ", ".join(counts)),
            ("failure store", _number(facts.failures)),
            ("alarms", _alarms(status.alarms)),
            ("numbers from", status.source),
        ],
    )


def _alarms(alarms: Sequence[str] | None) -> str:
    return "not available here" if alarms is None else f"{len(alarms)} on"


def _depth(queue: QueueFacts | None) -> str:
    return _number(queue.depth.total if queue else None)


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 60 else span(value)  # noqa: PLR2004 (a minute)
