"""What must hold for every deployment of the template; each rule lists its violations.

With its default parameters, and with every setting that both tools take, the template deploys what
Terraform does, value by value. So the rules of `transport_rules.py`, `permission_needs.py` and
the modules' own tests hold here too. These are the rules that depend on parameters, or that only
CloudFormation has.

They are functions, and not only tests, so that `test_sam_rules.py` can show that each of them
notices a template in which it is broken.
"""

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from typing import Any

from customer_events.event import TYPE_PREFIX
from infra.sam_template import ACCOUNT, PARTITION, REGION, of_type

RUNBOOKS = {
    "consumer-behind",
    "consumer-dependency-faults",
    "consumer-failing",
    "dead-letters",
    "deprecated-version",
    "delivery-failing",
    "drift",
    "failure-store",
    "publisher-behind",
    "publisher-failing",
    "sentinel",
}
OUTLIVE_THE_STACK = {"AccountsTable", "FailureBucket", "Key", "PaymentsDlq", "PaymentsTable"}
DAY_SECONDS = 86_400
Rule = Callable[[dict[str, Any]], Iterator[str]]


def visibility_covers_six_timeouts(template: dict[str, Any]) -> Iterator[str]:
    """Source: AWS, "Configuring a queue to use with Lambda": six timeouts plus the window."""
    queue = of_type(template, "AWS::SQS::Queue")["PaymentsQueue"]
    timeout = of_type(template, "AWS::Lambda::Function")["ConsumerFunction"]["Timeout"]
    mapping = of_type(template, "AWS::Lambda::EventSourceMapping")["ConsumerMapping"]
    least = 6 * timeout + mapping["MaximumBatchingWindowInSeconds"]
    if queue["VisibilityTimeout"] < least:
        yield f"PaymentsQueue: visibility {queue['VisibilityTimeout']} s, needs {least} s"


def key_admits_the_log_groups(template: dict[str, Any]) -> Iterator[str]:
    """CloudWatch Logs refuses to create a group that it cannot encrypt."""
    for statement in of_type(template, "AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]:
        if str(statement["Principal"].get("Service", "")).startswith("logs."):
            pattern = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
            for name, group in of_type(template, "AWS::Logs::LogGroup").items():
                arn = f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT}:log-group:{group['LogGroupName']}"
                if not fnmatch(arn, pattern):
                    yield f"{name}: the key is not for {group['LogGroupName']}"
            return
    yield "the key is for no log group"


def dead_letters_leave_time_to_decide(template: dict[str, Any]) -> Iterator[str]:
    """A dead message keeps its age; the alarm comes a day before the first one is deleted."""
    queues = of_type(template, "AWS::SQS::Queue")
    kept = queues["PaymentsDlq"]["MessageRetentionPeriod"]
    before = int(queues["PaymentsQueue"]["MessageRetentionPeriod"])
    if kept < before + 4 * DAY_SECONDS:
        yield f"PaymentsDlq: keeps {kept} s, of which {before} s may have passed in the queue"
    alarm = of_type(template, "AWS::CloudWatch::Alarm")["DeadLettersExpireSoonAlarm"]
    if alarm["Threshold"] > kept - before - DAY_SECONDS:
        yield "DeadLettersExpireSoonAlarm: comes less than a day before the deletion"


def data_outlives_the_stack(template: dict[str, Any]) -> Iterator[str]:
    """What exists nowhere else is kept when the stack, or the resource in it, goes."""
    for name, resource in template["Resources"].items():
        if name in OUTLIVE_THE_STACK:
            if resource.get("DeletionPolicy") != "RetainExceptOnCreate":
                yield f"{name}: goes with the stack"
            if resource.get("UpdateReplacePolicy") != "Retain":
                yield f"{name}: goes when it is replaced"


def each_alarm_names_its_runbook(template: dict[str, Any]) -> Iterator[str]:
    """An alarm that says what happened, what to type, and where to read what to do."""
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        said, _, path = alarm["AlarmDescription"].partition(" Runbook: ")
        if path.rpartition("/")[2] not in {f"{runbook}.md" for runbook in RUNBOOKS}:
            yield f"{name}: names the runbook {path!r}"
        if " Type `fanout --prefix " not in said:
            yield f"{name}: says nothing to type"
        # What polls, and what runs on a schedule, writes something where there is nothing.
        polls = alarm.get("MetricName") in {"PolledEventCount", "SentinelRuns"}
        if alarm["TreatMissingData"] != ("breaching" if polls else "notBreaching"):
            yield f"{name}: alarms in a quiet hour, or not where nobody polls"


def each_alarm_reaches_somebody_once(template: dict[str, Any]) -> Iterator[str]:
    """A ticket notifies by itself, a page through an alarm on alarms: one outage is one page."""
    pages = of_type(template, "AWS::CloudWatch::CompositeAlarm").values()
    paged = [name for it in pages for name in re.findall(r'ALARM\("([^"]+)"\)', it["AlarmRule"])]
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        ways = bool(alarm.get("AlarmActions")) + paged.count(alarm["AlarmName"])
        if ways != 1:
            yield f"{name}: tells of itself in {ways} ways"


def subscription_and_discovery_agree(template: dict[str, Any]) -> Iterator[str]:
    """What operators are told to be the filter is the filter."""
    [subscription] = of_type(template, "AWS::SNS::Subscription").values()
    told = json.loads(
        of_type(template, "AWS::SSM::Parameter")["PaymentsSubscriberParameter"]["Value"]
    )
    if subscription["FilterPolicy"] != told["filter"]:
        yield f"PaymentsSubscription: filters {subscription['FilterPolicy']}"
    types = [f"{TYPE_PREFIX}{major}" for major in told["versions"].split(",")]
    if subscription["FilterPolicy"] != {"type": types}:
        yield f"PaymentsSubscription: versions {told['versions']}"
    if subscription["RawMessageDelivery"] is not True:
        yield "PaymentsSubscription: wraps messages"


RULES: tuple[Rule, ...] = (
    visibility_covers_six_timeouts,
    key_admits_the_log_groups,
    dead_letters_leave_time_to_decide,
    data_outlives_the_stack,
    each_alarm_names_its_runbook,
    each_alarm_reaches_somebody_once,
    subscription_and_discovery_agree,
)
