"""What a deployment has to be like: plain functions from what AWS says of it to findings.

Each rule is something that deploys without an error and loses or delays changes later. Facts are
AWS's own answers; None stands for what does not exist, or could not be read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final, Self

from sentinel.contract.filter_lint import lint, transport_of
from sentinel.contract.folder import Contract
from sentinel.discovery import Bus, Pause, Publisher, Subscriber, is_mapping
from sentinel.findings import Finding, Severity

RECEIVES_MIN = 240
"""So often a message is received in an outage of 12 hours, at most (docs/guarantees.md)."""
DEPRECATED_FROM: Final = {
    "python3.9": date(2025, 12, 15),
    "python3.10": date(2026, 10, 31),
    "python3.11": date(2027, 6, 30),
    "python3.12": date(2028, 10, 31),
    "python3.13": date(2029, 6, 30),
    "python3.14": date(2029, 6, 30),
}
"""Lambda developer guide, "Lambda runtimes"."""
_VIEW_TYPE = "NEW_AND_OLD_IMAGES"
_REPORTS = "ReportBatchItemFailures"
_FIXED_SETTINGS: Mapping[str, tuple[str, Sequence[Any]]] = {
    "StartingPosition": (
        "Changes are missed while a mapping is being created.",
        ("TRIM_HORIZON", None),
    ),
    "FilterCriteria": ("What it filters out leaves no trace.", ({"Filters": []}, {}, None)),
    "FunctionResponseTypes": (
        "Records that fail are not delivered again: they are lost.",
        ([_REPORTS],),
    ),
    "BisectBatchOnFunctionError": ("One bad record holds up its whole batch.", (True,)),
    "MaximumRetryAttempts": ("An outage of minutes drains into the failure store.", (-1, None)),
}
"""Settings that our templates fix: the harm of another value, and each that means the same; None:
left out."""
_VISIBILITY_PER_TIMEOUT = 6
"""As Lambda's guide asks ("Using Lambda with Amazon SQS"), or a second worker gets the message."""
PUBLISHER = "publisher"
MISSING = "Missing"  # the `State` of a mapping or a pipe that does not exist
_RUNS = {"CREATING", "ENABLED", "ENABLING", "RUNNING", "STARTING", "UPDATING"}
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingFacts:
    """An event source mapping, or a pipe, in AWS's own words; `state` is `Missing` for none."""

    mapping_id: str
    state: str
    last_result: str = ""
    state_reason: str = ""

    @classmethod
    def of(cls, mapping_id: str, answer: Answer) -> Self:
        """By what Lambda answers, or EventBridge Pipes."""
        return cls(
            mapping_id=mapping_id,
            state=answer.get("State") or answer["CurrentState"],
            last_result=answer.get("LastProcessingResult") or "",
            state_reason=answer.get("StateTransitionReason") or answer.get("StateReason") or "",
        )

    @property
    def runs(self) -> bool:
        """Whether it delivers, or is about to."""
        return self.state.upper() in _RUNS


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherFacts:
    """The publisher, and what it reads and writes.

    `mapping` may be a pipe; `denied` are actions that its role lacks; `bucket_lacks`: what the
    failure store has not.
    """

    publisher: Publisher
    table: Answer | None
    mapping: Answer
    function: Answer | None
    topic: Answer | None
    denied: Sequence[str] = ()
    bucket_lacks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberFacts:
    """A subscriber; `deliveries` are the attributes of SNS subscriptions or of targets of rules."""

    subscriber: Subscriber
    bus: Bus
    queue: Answer | None
    dlq: Answer | None
    mapping: Answer | None
    function: Answer | None
    deliveries: Sequence[Answer]
    denied: Sequence[str] = ()
    pause: Pause | None = None


def check_publisher(facts: PublisherFacts, *, now: datetime) -> Iterator[Finding]:
    """What is wrong with the publisher, the table's stream, the bus and the failure store."""
    _, warning = _about(PUBLISHER)
    yield from _check_stream(facts)
    yield from _check_function(
        facts.function, facts.publisher.function_name, facts.denied, PUBLISHER, now.date()
    )
    mapping = MappingFacts.of(facts.publisher.mapping_id, facts.mapping)
    harm = "No change is published; after 24 hours the stream deletes it."
    yield from check_switch(PUBLISHER, mapping, harm=harm, now=now)
    if is_mapping(mapping.mapping_id) and mapping.state != MISSING:
        yield from check_stream_mapping(facts.mapping)
    if facts.topic is not None and not facts.topic.get("KmsMasterKeyId"):
        yield warning(
            "its topic is not encrypted.",
            harm="Customers' statuses lie in SNS in clear text.",
            fix="Set the topic's KmsMasterKeyId, as the templates do.",
        )
    if facts.bucket_lacks:
        lacks = " and no ".join(facts.bucket_lacks)
        yield warning(
            f"the bucket {facts.publisher.failure_bucket} has no {lacks}.",
            harm="It holds customers' records; what is deleted by mistake is lost for good.",
            fix="Deploy the bucket of the templates again.",
        )


def _check_stream(facts: PublisherFacts) -> Iterator[Finding]:
    wrong, _ = _about(PUBLISHER)
    name, arn = facts.publisher.accounts_table, facts.publisher.stream_arn
    if facts.table is None:
        fix = "Restore it, and follow docs/howto/recover-the-publisher.md."
        harm = "There is nothing to publish from."
        yield wrong(f"the table {name} does not exist.", harm=harm, fix=fix)
        return
    view = (facts.table.get("StreamSpecification") or {}).get("StreamViewType")
    if view != _VIEW_TYPE:
        yield wrong(
            f"the stream of {name} has the view type {view or 'none: it is off'}.",
            harm="Without both images no change of a status can be told from any other write.",
            fix=f"Enable it with {_VIEW_TYPE}, deploy its new ARN, then fanout reconcile.",
        )
    latest = facts.table.get("LatestStreamArn")
    if latest and latest != arn:
        yield wrong(
            f"it reads the stream {arn}, and {name} has {latest}.",
            harm="The stream was created anew: no change is published since.",
            fix="Deploy the new ARN with SEQUENCE_EPOCH + 1, then fanout reconcile.",
        )


def check_stream_mapping(mapping: Answer) -> Iterator[Finding]:
    """What is wrong with the settings of the stream's mapping."""
    wrong, warning = _about(PUBLISHER)
    for setting, (harm, allowed) in _FIXED_SETTINGS.items():
        if mapping.get(setting) not in allowed:
            what = f"its mapping has {setting} {mapping.get(setting)!r}, expected {allowed[0]!r}."
            yield wrong(what, harm=harm, fix="Deploy the mapping of the templates again.")
    on_failure = (mapping.get("DestinationConfig") or {}).get("OnFailure") or {}
    if ":s3:::" not in (on_failure.get("Destination") or ""):
        yield wrong(
            "its mapping has no bucket for batches that are given up.",
            harm="They are lost; a queue or a topic would get only a pointer into the stream.",
            fix="Set DestinationConfig.OnFailure to the failure store.",
        )
    age_seconds = mapping.get("MaximumRecordAgeInSeconds") or -1
    if not 0 < age_seconds < 86_400:  # noqa: PLR2004 (a day)
        yield warning(
            f"its mapping keeps trying for {age_seconds} seconds.",
            harm="The stream deletes a record after 24 hours, and it never comes to the store.",
            fix="Set MaximumRecordAgeInSeconds to 43200.",
        )


def check_subscriber(
    facts: SubscriberFacts, contract: Contract, *, now: datetime
) -> Iterator[Finding]:
    """What is wrong with a subscriber's queues, its deliveries, its mapping and its function."""
    subscriber = facts.subscriber
    wrong, _ = _about(subscriber.name)
    for attributes, what in ((facts.queue, "queue"), (facts.dlq, "DLQ")):
        yield from _check_queue(attributes, what, facts)
    if facts.queue is not None and facts.dlq is not None:
        yield from _check_redrive(facts.queue, facts.dlq, facts)
    yield from check_deliveries(subscriber, facts.deliveries)
    if subscriber.filter:
        policy = dict(subscriber.filter)
        for each in lint(policy, contract, transport=transport_of(policy), latest_state=False):
            if each.severity == "error":
                fix = "Correct it; fanout schema lint-filter checks one."
                yield wrong(f"its filter: {each.sentence}", harm="Events don't come.", fix=fix)
    if facts.mapping is not None:
        mapping = MappingFacts.of(subscriber.mapping_id or "", facts.mapping)
        harm = "Nothing is consumed, until retention deletes it."
        yield from check_switch(subscriber.name, mapping, harm=harm, now=now, pause=facts.pause)
        if mapping.state != MISSING:
            yield from _check_queue_mapping(facts.mapping, subscriber.name)
    yield from _check_function(
        facts.function, subscriber.function_name, facts.denied, subscriber.name, now.date()
    )


def check_table(subscriber: Subscriber, table: Answer | None) -> Iterator[Finding]:
    """What is wrong with a subscriber's table; None: it does not exist."""
    wrong, _ = _about(subscriber.name)
    if table is None:
        yield wrong(
            f"its table {subscriber.table} does not exist.",
            harm="Its messages are retried for 12 hours, then they are parked.",
            fix="Restore it or deploy it again; then fanout backfill and fanout reconcile.",
        )


def _check_queue(attributes: Answer | None, what: str, facts: SubscriberFacts) -> Iterator[Finding]:
    wrong, warning = _about(facts.subscriber.name)
    if attributes is None:
        yield wrong(f"its {what} does not exist.", harm="Events are lost.", fix="Deploy it again.")
        return
    if not attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled") != "true":
        yield warning(
            f"its {what} is not encrypted.",
            harm="Customers' statuses lie in SQS in clear text.",
            fix="Set KmsMasterKeyId, as the templates do.",
        )
    service = "events" if facts.bus.transport == "eventbridge" else "sns"
    if f"{service}.amazonaws.com" not in attributes.get("Policy", ""):
        yield wrong(
            f"the policy of its {what} does not admit {service}.amazonaws.com.",
            harm="What is delivered there is dropped without a trace.",
            fix="Deploy the queue's policy of the templates again.",
        )


def _check_redrive(queue: Answer, dlq: Answer, facts: SubscriberFacts) -> Iterator[Finding]:
    wrong, warning = _about(facts.subscriber.name)
    redrive = json.loads(queue.get("RedrivePolicy") or "{}")
    if redrive.get("deadLetterTargetArn") != facts.subscriber.dlq_arn:
        yield wrong(
            "its queue does not move dead messages to its DLQ.",
            harm="They are retried until retention deletes them.",
            fix=f"Set the redrive policy to {facts.subscriber.dlq_arn}.",
        )
    elif int(redrive["maxReceiveCount"]) < RECEIVES_MIN and facts.function is not None:
        yield warning(
            f"its maxReceiveCount is {redrive['maxReceiveCount']}.",
            harm="An outage of less than 12 hours sends good messages to the DLQ.",
            fix=f"Set it to {RECEIVES_MIN}.",
        )
    kept, dead = (int(each["MessageRetentionPeriod"]) for each in (queue, dlq))
    if dead <= kept:
        yield wrong(
            f"its DLQ keeps messages for {dead:,} seconds, its queue for {kept:,}.",
            harm="A DLQ counts from the first send: a dead message may be deleted at once.",
            fix="Set the DLQ's MessageRetentionPeriod to 1209600.",
        )
    if facts.function is None:
        return
    needed = _VISIBILITY_PER_TIMEOUT * int(facts.function.get("Timeout") or 3)
    if int(queue["VisibilityTimeout"]) < needed:
        yield warning(
            f"its queue's visibility timeout is {queue['VisibilityTimeout']} seconds.",
            harm="A second worker gets a message while the first still handles it.",
            fix=f"Set it to {needed} or more: {_VISIBILITY_PER_TIMEOUT} times the function's.",
        )


def check_deliveries(subscriber: Subscriber, deliveries: Sequence[Answer]) -> Iterator[Finding]:
    """What is wrong with what delivers to a subscriber's queue."""
    wrong, warning = _about(subscriber.name)
    if not deliveries:
        what, harm = "nothing delivers to its queue.", "It sees no change."
        fix = f"Deploy it again, then fanout reconcile {subscriber.name} --repair."
        yield wrong(what, harm=harm, fix=fix)
    for each in deliveries:
        if each.get("PendingConfirmation") == "true":
            what = "its subscription waits for confirmation."
            yield wrong(what, harm="It sees no change.", fix="Subscribe from the topic's account.")
        if each.get("State") == "DISABLED":
            what, fix = "its rule is disabled.", f"aws events enable-rule --name {each['Name']}"
            yield wrong(what, harm="It sees no change.", fix=fix)
        if not (each.get("RedrivePolicy") or each.get("DeadLetterConfig")):
            yield warning(
                "what delivers to its queue has no DLQ.",
                harm="An event that the queue refuses is lost, after a deletion or a wrong policy.",
                fix="Set its redrive policy (SNS) or its dead-letter queue (EventBridge).",
            )
        deployed = json.loads(each.get("FilterPolicy") or each.get("EventPattern") or "{}")
        if deployed != (subscriber.filter or {}):
            yield wrong(
                "what delivers to its queue has another filter than its SSM parameter says.",
                harm="Backfill and reconcile decide by the parameter, and would be wrong.",
                fix="Deploy the subscriber again.",
            )


def _check_queue_mapping(mapping: Answer, name: str) -> Iterator[Finding]:
    wrong, _ = _about(name)
    if _REPORTS not in (mapping.get("FunctionResponseTypes") or []):
        yield wrong(
            f"its mapping lacks {_REPORTS}.",
            harm="Messages that are to be retried are deleted: they are lost.",
            fix=f"Add {_REPORTS} to FunctionResponseTypes.",
        )
    if (mapping.get("FilterCriteria") or {}).get("Filters"):
        what, harm = "its mapping filters.", "SQS deletes what a mapping's filter leaves out."
        yield wrong(what, harm=harm, fix="Filter at the topic or the rule instead.")


# What both have: what delivers, functions and alarms


def check_switch(
    subject: str, mapping: MappingFacts, *, harm: str, now: datetime, pause: Pause | None = None
) -> Iterator[Finding]:
    """Whether it is on, unless it is paused on purpose; `harm`: of its being off."""
    wrong, _ = _about(subject)
    what = "event source mapping" if is_mapping(mapping.mapping_id) else "pipe"
    resume = f"fanout subscribers resume {subject} --execute"
    if mapping.state == MISSING:
        yield wrong(f"its {what} {mapping.mapping_id} is gone.", harm=harm, fix="Deploy it again.")
    elif pause and mapping.runs:
        says = f"it is marked as paused until {_moment(pause.until)}, and runs."
        mute = "Its alarms may be mute, and the sentinel leaves its rows out."
        yield wrong(says, harm=mute, fix=resume)
    elif pause:
        over = now > pause.until
        yield Finding(
            Severity.WRONG if over else Severity.NOTE,
            subject,
            f"it {'was to be' if over else 'is'} paused until {_moment(pause.until)} "
            f"({pause.because}){', and is still off' if over else ''}.",
            harm=f"{harm} Its queue starts to lose messages at {_moment(pause.loses_at)}.",
            fix=resume,
        )
    elif not mapping.runs:
        why = f" ({mapping.state_reason})" if mapping.state_reason else ""
        fix = f"aws lambda update-event-source-mapping --enabled --uuid {mapping.mapping_id}"
        if what == "pipe":
            fix = f"aws pipes start-pipe --name {mapping.mapping_id}"
        elif subject != PUBLISHER:
            fix = resume
        state = mapping.state.lower().replace("_", " ")
        yield wrong(f"its {what} is {state}{why}.", harm=harm, fix=fix)


def _check_function(
    function: Answer | None, name: str | None, denied: Sequence[str], subject: str, today: date
) -> Iterator[Finding]:
    wrong, warning = _about(subject)
    if name and function is None:
        what = f"its function {name} does not exist."
        yield wrong(what, harm="Nothing is handled, until it is lost.", fix="Deploy it again.")
    if denied:
        yield wrong(
            f"its role may not {', '.join(denied)}.",
            harm="It fails as soon as it needs that.",
            fix="Deploy the role again; look for a boundary or a denial too.",
        )
    runtime = (function or {}).get("Runtime", "")
    if (ends := DEPRECATED_FROM.get(runtime)) and today >= ends:
        yield warning(
            f"its runtime {runtime} is deprecated since {ends}.",
            harm="It gets no security updates, and soon can't be deployed.",
            fix="Deploy it with a newer Runtime.",
        )


def check_alarms(alarms: Sequence[Answer]) -> Iterator[Finding]:
    """What is wrong with the deployment's alarms; a composite one notifies for those it names."""
    wrong, warning = _about("alarms")
    if not alarms:
        yield wrong("there are none.", harm="An outage is not noticed.", fix="Deploy them.")
    heard = [each for each in alarms if each.get("ActionsEnabled", True) and each["AlarmActions"]]
    through = " ".join(each.get("AlarmRule", "") for each in heard)
    silent = [
        each["AlarmName"]
        for each in alarms
        if each not in heard and f'"{each["AlarmName"]}"' not in through
    ]
    if silent:
        yield warning(
            f"{len(silent)} of {len(alarms)} notify nobody: {', '.join(silent[:3])}.",
            harm="They turn on and nobody hears of it.",
            fix="Name a topic: AlarmTopicArn (SAM), alarm_topic_arns (Terraform).",
        )


def _about(subject: str) -> tuple[partial[Finding], partial[Finding]]:
    return partial(Finding, Severity.WRONG, subject), partial(Finding, Severity.WARNING, subject)


def _moment(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
