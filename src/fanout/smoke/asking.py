"""Try a thing on queues and customers of the smoke test's own, and say what happened."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from botocore.exceptions import ClientError

from fanout.smoke.site import NotInTime, Site

_ATTRIBUTES = 11
_WAIT_SECONDS = 5
_EMPTY_MAX = 2
"""An open shard has no end; so many empty answers in a row count as now."""


def later_changes_are_numbered_higher(site: Site) -> str:
    """Three changes of one customer; the stream's own numbers."""
    customer = "smoke-numbers"
    for status in ("PENDING", "ACTIVE", "SUSPENDED"):
        site.put(customer, status)
    site.await_status(customer, "SUSPENDED")
    numbers = [int(one["SequenceNumber"]) for one in _records(site, customer)]
    rising = all(a < b for a, b in pairwise(numbers))
    return f"{'yes' if rising else 'NO'}: {len(numbers)} changes in one shard"


def records_of_an_idle_update(site: Site) -> str:
    """An update without an expression, between two changes."""
    customer = "smoke-idle"
    site.put(customer, "ACTIVE")
    site.client("dynamodb").update_item(
        TableName=site.publisher.accounts_table,
        Key={site.publisher.customer_id_attribute: {"S": customer}},
    )
    site.put(customer, "CLOSED")
    site.await_status(customer, "CLOSED")
    extra = len(list(_records(site, customer))) - 2
    return "no" if extra == 0 else f"yes: {extra} more than the two changes"


def fifo_queue_on_a_standard_topic(site: Site) -> str:
    """Subscribe one; take it back at once if that worked."""
    if site.bus.transport != "sns":
        raise NotInTime(f"the bus is {site.bus.transport}")
    sns = site.client("sns")
    with _queue(site, "question.fifo", FifoQueue="true") as (_, arn):
        try:
            done = sns.subscribe(
                TopicArn=site.bus.arn, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
            )
        except ClientError as error:
            return f"refused: {error.response['Error']['Code']}"
        sns.unsubscribe(SubscriptionArn=done["SubscriptionArn"])
        return "accepted"


def eleven_attributes(site: Site) -> str:
    """Publish one with too many, then one with ten; whatever came before the second counts."""
    if site.bus.transport != "sns":
        raise NotInTime(f"the bus is {site.bus.transport}")
    sns = site.client("sns")
    with _queue(site, "question") as (url, arn):
        _let_topic_send(site, url, arn)
        subscription = sns.subscribe(
            TopicArn=site.bus.arn,
            Protocol="sqs",
            Endpoint=arn,
            ReturnSubscriptionArn=True,
            Attributes={
                "RawMessageDelivery": "true",
                "FilterPolicy": json.dumps({"smoke0": ["x"]}),
            },
        )["SubscriptionArn"]
        try:
            for count in (_ATTRIBUTES, _ATTRIBUTES - 1):
                attribute = {"DataType": "String", "StringValue": "x"}
                sns.publish(
                    TopicArn=site.bus.arn,
                    Message=str(count),
                    MessageAttributes={f"smoke{place}": attribute for place in range(count)},
                )
            bodies: set[str] = set()

            def ten_came() -> bool:
                bodies.update(one["Body"] for one in _receive(site, url))
                return str(_ATTRIBUTES - 1) in bodies

            site.await_true(ten_came, "the message with ten attributes")
            bodies.update(one["Body"] for one in _receive(site, url))
        finally:
            sns.unsubscribe(SubscriptionArn=subscription)
    return "yes" if str(_ATTRIBUTES) in bodies else "no, and publishing it had succeeded"


def receives_after_a_redrive(site: Site) -> str:
    """Let a message die of one receive, have SQS move it back, and receive it again."""
    sqs = site.client("sqs")
    with _queue(site, "question-dlq") as (dlq_url, dlq_arn):
        policy = json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": 1})
        with _queue(site, "question", RedrivePolicy=policy) as (url, _):
            sqs.send_message(QueueUrl=url, MessageBody="redrive")
            site.await_true(lambda: _receive(site, url, visibility=0), "the first receive")
            site.await_true(
                lambda: not _receive(site, url, visibility=0) and _receive(site, dlq_url),
                "the message in the DLQ",
            )
            sqs.start_message_move_task(SourceArn=dlq_arn)
            back = site.await_true(lambda: _receive(site, url), "the message after the redrive")
    count = back[0]["Attributes"]["ApproximateReceiveCount"]
    return f"yes: counted as receive {count}" if count == "1" else f"no: it is receive {count}"


# Private functions


@contextmanager
def _queue(site: Site, name: str, **attributes: str) -> Iterator[tuple[str, str]]:
    """A queue for one question: its URL and ARN."""
    sqs = site.client("sqs")
    full = f"{site.target.prefix}-{name}"
    url = sqs.create_queue(QueueName=full, Attributes=attributes)["QueueUrl"]
    try:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        yield url, found["Attributes"]["QueueArn"]
    finally:
        sqs.delete_queue(QueueUrl=url)


def _let_topic_send(site: Site, url: str, arn: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": site.bus.arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    site.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def _receive(site: Site, url: str, *, visibility: int = 30) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        site.client("sqs")
        .receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=0 if site.local else _WAIT_SECONDS,
            VisibilityTimeout=visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        .get("Messages", [])
    )
    return found


def _records(site: Site, customer: str) -> Iterator[dict[str, Any]]:
    """The stream's records of a customer, shard by shard, up to now."""
    streams, arn = site.client("dynamodbstreams"), site.publisher.stream_arn
    key = site.publisher.customer_id_attribute
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        empty = 0
        while iterator and empty < _EMPTY_MAX:
            page = streams.get_records(ShardIterator=iterator)
            empty = 0 if page["Records"] else empty + 1
            for record in page["Records"]:
                if record["dynamodb"]["Keys"][key]["S"] == customer:
                    yield record["dynamodb"]
            iterator = page.get("NextShardIterator")
