"""What AWS says of a deployment in which nothing is wrong, as far as the doctor's rules ask."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from sentinel.discovery import Bus, Publisher, Subscriber
from sentinel.rules import PublisherFacts, SubscriberFacts

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
"""No runtime is deprecated then."""
MAPPING = "47bd6eae-828b-45af-a5a7-f1ac970fcd1e"
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/accounts/stream/2026"
DLQ = "arn:aws:sqs:eu-west-1:123456789012:fanout-payments-dlq"
FILTER = {"type": ["novapay.accounts.CustomerStatusChanged.v2"]}
PUBLISHER = PublisherFacts(
    publisher=Publisher(
        function_name="publisher",
        mapping_id=MAPPING,
        accounts_table="accounts",
        stream_arn=STREAM,
        failure_bucket="failures",
        source="urn:novapay:accounts",
        customer_id_attribute="customer_id",
        status_attribute="status",
        sequence_attribute=None,
        sequence_epoch=1,
        publish_versions=(2,),
    ),
    table={
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "LatestStreamArn": STREAM,
    },
    mapping={
        "State": "Enabled",
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": 43_200,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
    },
    function={"Runtime": "python3.13"},
    topic={"KmsMasterKeyId": "key"},
)
ADMITTED = {"KmsMasterKeyId": "key", "Policy": '{"Service": "sns.amazonaws.com"}'}
QUEUE = ADMITTED | {
    "RedrivePolicy": json.dumps({"deadLetterTargetArn": DLQ, "maxReceiveCount": 240}),
    "MessageRetentionPeriod": "604800",
    "VisibilityTimeout": "181",
}
DELIVERY = {"RedrivePolicy": "{}", "FilterPolicy": json.dumps(FILTER)}
PAYMENTS = SubscriberFacts(
    subscriber=Subscriber(
        name="payments",
        queue_url="q",
        queue_arn="arn:q",
        dlq_url="d",
        dlq_arn=DLQ,
        function_name="consumer",
        table="payments",
        filter=FILTER,
        versions=(2,),
        since=None,
        mapping_id=MAPPING,
    ),
    bus=Bus(transport="sns", arn="arn:aws:sns:eu-west-1:123456789012:events"),
    queue=QUEUE,
    dlq=ADMITTED | {"MessageRetentionPeriod": "1209600"},
    mapping={"State": "Enabled", "FunctionResponseTypes": ["ReportBatchItemFailures"]},
    function={"Runtime": "python3.13", "Timeout": 30},
    deliveries=[DELIVERY],
)
PATTERN = {"detail-type": ["CustomerStatusChanged"], "detail": FILTER}


def sound(transport: str) -> tuple[PublisherFacts, SubscriberFacts]:
    """The same with another bus, or a pipe; a FIFO subscription has no filter."""
    if transport == "sns":
        return PUBLISHER, PAYMENTS
    name = "eventbridge" if transport == "pipes" else transport
    bus = Bus(transport=name, arn=f"arn:aws:x:eu-west-1:123456789012:{name}")
    publisher, subscriber = PUBLISHER, PAYMENTS.subscriber
    if transport == "pipes":
        piped = replace(publisher.publisher, mapping_id="fanout-publisher")
        publisher = replace(publisher, publisher=piped, mapping={"CurrentState": "RUNNING"})
    if transport == "sns-fifo":
        unfiltered = replace(PAYMENTS, bus=bus, subscriber=replace(subscriber, filter=None))
        return publisher, replace(unfiltered, deliveries=[{"RedrivePolicy": "{}"}])
    admitted = {"Policy": '{"Service": "events.amazonaws.com"}'}
    return replace(publisher, topic=None), replace(
        PAYMENTS,
        bus=bus,
        subscriber=replace(subscriber, filter=PATTERN),
        queue=QUEUE | admitted,
        dlq=(PAYMENTS.dlq or {}) | admitted,
        deliveries=[{"DeadLetterConfig": {"Arn": DLQ}, "EventPattern": json.dumps(PATTERN)}],
    )
