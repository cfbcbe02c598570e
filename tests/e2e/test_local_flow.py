"""The deployed system on the embedded AWS; `test_demo.py` has its poison messages."""

import json
from types import SimpleNamespace

import pytest

from fanout.runs.function import log_texts
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployment")]

CANARY = "canary-4711"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def customers(deployment):
    """Write a customer into Accounts; read their status from Payments (None: no row)."""
    client = deployment.client("dynamodb")

    def put(customer, status, **other):
        client.put_item(
            TableName=deployment.accounts_table,
            Item={"customer_id": {"S": customer}, "status": status, "note": {"S": CANARY}, **other},
        )

    def row_of(customer):
        row = client.get_item(
            TableName=deployment.payments_table,
            Key={"customer_id": {"S": customer}},
            ConsistentRead=True,
        )
        return row.get("Item", {})

    def status_of(customer):
        return row_of(customer).get("status", {}).get("S")

    return SimpleNamespace(put=put, row_of=row_of, status_of=status_of)


@pytest.fixture
def event_of(deployment):
    """The published document of a customer, from a queue of the test's own."""
    sqs, sns = deployment.client("sqs"), deployment.client("sns")
    url = sqs.create_queue(QueueName="of-the-test")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    subscription = sns.subscribe(
        TopicArn=deployment.topic_arn,
        Protocol="sqs",
        Endpoint=arn["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )["SubscriptionArn"]

    def event_of(customer):
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        events = [json.loads(one["Body"]) for one in received.get("Messages", [])]
        return next((event for event in events if event["subject"] == customer), None)

    yield event_of
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


def parked(deployment, body):
    """The dead message with this body; whatever else is received becomes visible again."""
    sqs = deployment.client("sqs")
    received = sqs.receive_message(
        QueueUrl=deployment.dlq_url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageAttributeNames=["All"],
    )
    return next((one for one in received.get("Messages", []) if one["Body"] == body), None)


def test_no_payload_reaches_the_output_of_a_function(deployment, customers):
    customers.put("canary", {"S": "ACTIVE"})
    customers.put("canary-bad", {"S": CANARY})
    body = f'{{"{CANARY}"'
    deployment.client("sqs").send_message(QueueUrl=deployment.queue_url, MessageBody=body)
    eventually(lambda: customers.status_of("canary") == "ACTIVE", "the good change arrives")
    eventually(lambda: parked(deployment, body), "the bad message is parked")
    bucket = {"Bucket": deployment.failure_bucket, "Prefix": "parked/"}
    store = deployment.client("s3")
    eventually(lambda: store.list_objects_v2(**bucket)["KeyCount"], "the bad record is parked")
    for function in (deployment.publisher_function, deployment.payments_function):
        lines = list(log_texts(deployment.target(), function))
        assert any('"service"' in line for line in lines)
        assert not [line for line in lines if CANARY in line]
    deployment.client("dynamodb").delete_item(
        TableName=deployment.accounts_table, Key={"customer_id": {"S": "canary-bad"}}
    )


def test_one_trace_leads_from_the_write_to_the_event_both_log_lines_and_the_row(
    deployment, customers, event_of
):
    def line_of(function):
        return next(
            (line for line in log_texts(deployment.target(), function) if TRACE in line), None
        )

    customers.put("traced", {"S": "ACTIVE"}, traceparent={"S": TRACE})
    row = eventually(lambda: customers.row_of("traced"), "the change arrives")
    event = eventually(lambda: event_of("traced"), "the event is published")
    assert (event["traceparent"], row["traceparent"]) == (TRACE, {"S": TRACE})
    for function in (deployment.publisher_function, deployment.payments_function):
        line = json.loads(eventually(lambda of=function: line_of(of), "the batch is logged"))
        assert line["traces"] == [TRACE]
        assert line["xray_trace_id"].startswith("1-")
