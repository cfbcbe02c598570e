"""What must hold for every deployment of the template; each rule lists its violations.

They are functions, and not only tests, so that `test_sam_rules.py` can show that each of them
notices a template in which it is broken.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from customer_events.event import TYPE_PREFIX
from infra.sam_permission_rules import (
    each_function_writes_to_its_own_logs_only,
    key_admits_sns_and_eventbridge_to_the_queues,
    key_admits_the_log_groups,
    plain_transport_is_denied,
    roles_name_what_they_touch,
)
from infra.sam_template import of_type

RUNBOOKS = {
    "consumer-behind",
    "consumer-dependency-faults",
    "consumer-failing",
    "dead-letters",
    "delivery-failing",
    "drift",
    "failure-store",
    "publisher-behind",
    "publisher-failing",
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


def everything_is_encrypted_with_the_key(template: dict[str, Any]) -> Iterator[str]:
    """Topics, queues, tables, buckets, log groups and the functions' environment."""

    def bucket_key(properties: dict[str, Any]) -> Any:
        [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        return rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]

    where: dict[str, Callable[[dict[str, Any]], Any]] = {
        "AWS::SNS::Topic": lambda found: found["KmsMasterKeyId"],
        "AWS::SQS::Queue": lambda found: found["KmsMasterKeyId"],
        "AWS::DynamoDB::Table": lambda found: found["SSESpecification"]["KMSMasterKeyId"],
        "AWS::S3::Bucket": bucket_key,
        "AWS::Logs::LogGroup": lambda found: found["KmsKeyId"],
        "AWS::Lambda::Function": lambda found: found["KmsKeyArn"],
    }
    for kind, key_of in where.items():
        for name, properties in of_type(template, kind).items():
            try:
                key = str(key_of(properties))
            except KeyError:
                key = "no key"
            if key.rpartition("/")[2] != "Key":
                yield f"{name}: encrypted with {key}"


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


def stream_is_read_without_loss(template: dict[str, Any]) -> Iterator[str]:
    """TRIM_HORIZON, partial answers, bisection, no attempt limit, 12 hours, S3 on failure."""
    mapping = of_type(template, "AWS::Lambda::EventSourceMapping")["PublisherMapping"]
    bucket = of_type(template, "AWS::S3::Bucket")["FailureBucket"]["BucketName"]
    expected = {
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": 12 * 3600,
        "DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
        "FilterCriteria": None,
    }
    for name, value in expected.items():
        if mapping.get(name) != value:
            yield f"PublisherMapping: {name} is {mapping.get(name)}"


def dead_letter_queue_lets_in_who_needs_it(template: dict[str, Any]) -> Iterator[str]:
    """The queue by its redrive policy, SNS by the queue's policy, the consumer by its role."""
    queues = of_type(template, "AWS::SQS::Queue")
    [subscription] = of_type(template, "AWS::SNS::Subscription").values()
    dlq = f":{queues['PaymentsDlq']['QueueName']}"
    for name, policy in (
        ("PaymentsQueue", queues["PaymentsQueue"].get("RedrivePolicy", {})),
        ("PaymentsSubscription", subscription.get("RedrivePolicy", {})),
    ):
        if not policy.get("deadLetterTargetArn", "").endswith(dlq):
            yield f"{name}: its dead letters go elsewhere"
    receives_max = queues["PaymentsQueue"]["RedrivePolicy"]["maxReceiveCount"]
    if int(receives_max) < 5:
        yield "PaymentsQueue: throttles would kill healthy messages"
    consumer = template["Resources"]["ConsumerFunction"]["Properties"]
    if str(consumer["Environment"]["Variables"].get("MAX_RECEIVE_COUNT")) != str(receives_max):
        yield "ConsumerFunction: does not know when a message is received for the last time"
    for name, arn_end in (("PaymentsQueue", subscription["Endpoint"]), ("PaymentsDlq", dlq)):
        if not any(
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": "sns.amazonaws.com"}
            and statement["Action"] == "sqs:SendMessage"
            and statement["Resource"].endswith(arn_end)
            and statement["Condition"]["ArnEquals"]["aws:SourceArn"] == subscription["TopicArn"]
            for policy in of_type(template, "AWS::SQS::QueuePolicy").values()
            for statement in policy["PolicyDocument"]["Statement"]
        ):
            yield f"{name}: does not let the topic in"


def data_outlives_the_stack(template: dict[str, Any]) -> Iterator[str]:
    """What exists nowhere else is kept when the stack, or the resource in it, goes."""
    for name, resource in template["Resources"].items():
        if name in OUTLIVE_THE_STACK:
            if resource.get("DeletionPolicy") != "RetainExceptOnCreate":
                yield f"{name}: goes with the stack"
            if resource.get("UpdateReplacePolicy") != "Retain":
                yield f"{name}: goes when it is replaced"


def failures_are_kept_until_a_person_decides(template: dict[str, Any]) -> Iterator[str]:
    """Versioned, closed to the public, and no current object expires."""
    bucket = of_type(template, "AWS::S3::Bucket")["FailureBucket"]
    if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield "FailureBucket: not versioned"
    blocked = bucket.get("PublicAccessBlockConfiguration", {})
    if sum(value is True for value in blocked.values()) != 4:
        yield "FailureBucket: may become public"
    for rule in bucket["LifecycleConfiguration"]["Rules"]:
        if any(name.startswith(("Expiration", "Transition")) for name in rule):
            yield f"FailureBucket: {rule['Id']} touches current objects"


def each_alarm_names_its_runbook(template: dict[str, Any]) -> Iterator[str]:
    """An alarm that says what happened, and where to read what to do."""
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        _, _, path = alarm["AlarmDescription"].partition(" Runbook: ")
        if path not in {f"docs/runbooks/{runbook}.md" for runbook in RUNBOOKS}:
            yield f"{name}: names the runbook {path!r}"
        if alarm["TreatMissingData"] != "notBreaching":
            yield f"{name}: alarms in a quiet hour"


def dead_letters_are_counted_by_what_is_visible(template: dict[str, Any]) -> Iterator[str]:
    """NumberOfMessagesSent does not count what SQS itself moves into a DLQ."""
    dlq = of_type(template, "AWS::SQS::Queue")["PaymentsDlq"]["QueueName"]
    watched = {
        alarm["MetricName"]
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        if {"Name": "QueueName", "Value": dlq} in alarm.get("Dimensions", [])
    }
    if watched != {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}:
        yield f"PaymentsDlq: watched by {sorted(watched)}"


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
    everything_is_encrypted_with_the_key,
    plain_transport_is_denied,
    key_admits_sns_and_eventbridge_to_the_queues,
    key_admits_the_log_groups,
    roles_name_what_they_touch,
    each_function_writes_to_its_own_logs_only,
    dead_letters_leave_time_to_decide,
    stream_is_read_without_loss,
    dead_letter_queue_lets_in_who_needs_it,
    data_outlives_the_stack,
    failures_are_kept_until_a_person_decides,
    each_alarm_names_its_runbook,
    dead_letters_are_counted_by_what_is_visible,
    subscription_and_discovery_agree,
)
