"""What a deployment has to be like: plain functions from what AWS says of it to findings.

Each rule is something that deploys without an error and loses or delays changes later. Facts are
AWS's own answers; None stands for what does not exist, or could not be read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

from sentinel.contract.filter_lint import lint, transport_of
from sentinel.contract.folder import Contract
from sentinel.discovery import Bus, Publisher, Subscriber
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
FIXED_SETTINGS: Mapping[str, tuple[Any, ...]] = {
    "StartingPosition": ("TRIM_HORIZON", None),
    "FilterCriteria": ({"Filters": []}, {}, None),
    "FunctionResponseTypes": (["ReportBatchItemFailures"],),
    "BisectBatchOnFunctionError": (True,),
    "MaximumRetryAttempts": (-1, None),
}
"""Settings that our templates fix, with each value that means the same; None: left out."""
_VIEW_TYPE = "NEW_AND_OLD_IMAGES"
_REPORTS = "ReportBatchItemFailures"
_OFF = {"Disabled", "Disabling"}
_VISIBILITY_PER_TIMEOUT = 6
"""As Lambda's guide asks ("Using Lambda with Amazon SQS"), or a second worker gets the message."""
_PIPE_RUNS = {"RUNNING", "STARTING", "CREATING", "UPDATING"}
MISSING = "Missing"
"""The `State` of a mapping, or `CurrentState` of a pipe, that does not exist."""
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherFacts:
    """The publisher, and what it reads and writes.

    `mapping` is None with a pipe, and `pipe` without one; `denied` are actions that its role lacks;
    `bucket_lacks`: what the failure store has not.
    """

    publisher: Publisher
    bus: Bus
    table: Answer | None
    mapping: Answer | None
    function: Answer | None
    topic: Answer | None
    pipe: Answer | None = None
    denied: Sequence[str] = ()
    bucket_lacks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberFacts:
    """A subscriber; `deliveries` are the attributes of SNS subscriptions or of targets of rules.

    `is_marked`: it has the mark of a pause; `is_paused`: and that pause is not over.
    """

    subscriber: Subscriber
    bus: Bus
    queue: Answer | None
    dlq: Answer | None
    mapping: Answer | None
    function: Answer | None
    deliveries: Sequence[Answer]
    denied: Sequence[str] = ()
    is_marked: bool = False
    is_paused: bool = False


# The publisher


def check_publisher(facts: PublisherFacts, *, today: date) -> Iterator[Finding]:
    """What is wrong with the publisher, the table's stream, the bus and the failure store."""
    _, warning = _about("publisher")
    yield from _check_stream(facts)
    yield from _check_function(
        facts.function, facts.publisher.function_name, facts.denied, "publisher", today
    )
    if facts.mapping is not None:
        yield from _check_stream_mapping(facts.mapping)
    if facts.pipe is not None:
        yield from _check_pipe(facts.pipe)
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
    wrong, _ = _about("publisher")
    name, arn = facts.publisher.accounts_table, facts.publisher.stream_arn
    if facts.table is None:
        what, harm = f"the table {name} does not exist.", "There is nothing to publish from."
        yield wrong(
            what, harm=harm, fix="Restore it, and follow docs/howto/recover-the-publisher.md."
        )
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


def _check_stream_mapping(mapping: Answer) -> Iterator[Finding]:
    wrong, warning = _about("publisher")
    if mapping.get("State") == MISSING:
        yield wrong("its mapping is gone.", harm="No change is published.", fix="Deploy it again.")
        return
    if mapping.get("State") in _OFF:
        enable = f"aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}"
        harm = "No change is published; after 24 hours the stream deletes it."
        yield wrong("its mapping is disabled.", harm=harm, fix=enable)
    harms = {
        "FunctionResponseTypes": "Records that fail are not delivered again: they are lost.",
        "FilterCriteria": "What it filters out leaves no trace.",
        "StartingPosition": "Changes are missed while a mapping is being created.",
        "BisectBatchOnFunctionError": "One bad record holds up its whole batch.",
        "MaximumRetryAttempts": "An outage of minutes drains into the failure store.",
    }
    for setting, allowed in FIXED_SETTINGS.items():
        if mapping.get(setting) not in allowed:
            what = f"its mapping has {setting} {mapping.get(setting)!r}, expected {allowed[0]!r}."
            yield wrong(what, harm=harms[setting], fix="Deploy the mapping of the templates again.")
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


def _check_pipe(pipe: Answer) -> Iterator[Finding]:
    wrong, _ = _about("publisher")
    harm = "No change is published; after 24 hours the stream deletes it."
    if pipe["CurrentState"] == MISSING:
        yield wrong("its pipe is gone.", harm=harm, fix="Deploy it again.")
    elif pipe["CurrentState"] not in _PIPE_RUNS:
        state = pipe["CurrentState"].lower().replace("_", " ")
        fix = f"aws pipes start-pipe --name {pipe['Name']}"
        yield wrong(f"its pipe is {state}.", harm=harm, fix=fix)


# A subscriber


def check_subscriber(
    facts: SubscriberFacts, contract: Contract, *, today: date
) -> Iterator[Finding]:
    """What is wrong with a subscriber's queues, its deliveries, its mapping and its function."""
    subscriber = facts.subscriber
    wrong, _ = _about(subscriber.name)
    for attributes, what in ((facts.queue, "queue"), (facts.dlq, "DLQ")):
        yield from _check_queue(attributes, what, facts)
    if facts.queue is not None and facts.dlq is not None:
        yield from _check_redrive(facts.queue, facts.dlq, facts)
    yield from _check_deliveries(facts)
    if subscriber.filter:
        policy = dict(subscriber.filter)
        found = lint(policy, contract, transport=transport_of(policy), latest_state=False)
        for each in found:
            if each.severity == "error":
                fix = "Correct it; fanout schema lint-filter checks one."
                yield wrong(f"its filter: {each.sentence}", harm="Events don't come.", fix=fix)
    if facts.mapping is not None:
        yield from _check_queue_mapping(facts)
    yield from _check_function(
        facts.function, subscriber.function_name, facts.denied, subscriber.name, today
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


def _check_deliveries(facts: SubscriberFacts) -> Iterator[Finding]:
    wrong, warning = _about(facts.subscriber.name)
    if not facts.deliveries:
        what, harm = "nothing delivers to its queue.", "It sees no change."
        yield wrong(what, harm=harm, fix="Deploy it again, then fanout backfill.")
    for each in facts.deliveries:
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
        deployed = each.get("FilterPolicy") or each.get("EventPattern")
        said = facts.subscriber.filter
        if said is not None and (not deployed or json.loads(deployed) != said):
            yield wrong(
                "what delivers to its queue has another filter than its SSM parameter says.",
                harm="Backfill and reconcile decide by the parameter, and would be wrong.",
                fix="Deploy the subscriber again.",
            )


def _check_queue_mapping(facts: SubscriberFacts) -> Iterator[Finding]:
    wrong, _ = _about(facts.subscriber.name)
    mapping = facts.mapping or {}
    if mapping.get("State") == MISSING:
        yield wrong("its mapping is gone.", harm="Nothing is consumed.", fix="Deploy it again.")
        return
    if _REPORTS not in (mapping.get("FunctionResponseTypes") or []):
        yield wrong(
            f"its mapping lacks {_REPORTS}.",
            harm="Messages that are to be retried are deleted: they are lost.",
            fix=f"Add {_REPORTS} to FunctionResponseTypes.",
        )
    if (mapping.get("FilterCriteria") or {}).get("Filters"):
        what, harm = "its mapping filters.", "SQS deletes what a mapping's filter leaves out."
        yield wrong(what, harm=harm, fix="Filter at the topic or the rule instead.")
    is_off = mapping.get("State") in _OFF
    resume = f"fanout subscribers resume {facts.subscriber.name} --execute"
    if is_off and not facts.is_paused:
        what = f"its mapping is disabled{', and its pause is over' if facts.is_marked else ''}."
        fix = resume if facts.is_marked else f"fanout status {facts.subscriber.name}"
        yield wrong(what, harm="Nothing is consumed, until retention deletes it.", fix=fix)
    elif facts.is_marked and not is_off:
        what = "it is marked as paused, and its mapping is on."
        harm = "Its alarms may be mute, and the sentinel leaves its rows out."
        yield wrong(what, harm=harm, fix=resume)


# What both have: functions and alarms


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
    make = (partial(_finding, each, subject) for each in (Severity.WRONG, Severity.WARNING))
    return next(make), next(make)


def _finding(severity: Severity, subject: str, what: str, *, harm: str, fix: str) -> Finding:
    return Finding(severity=severity, subject=subject, what=what, harm=harm, fix=fix)
