"""The deployed system on the embedded AWS; `test_demo.py` has its poison messages."""

import json
from types import SimpleNamespace

import pytest

from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployment")]

CANARY = "canary-4711"


@pytest.fixture
def customers(deployment):
    """Write a customer into Accounts; read their status from Payments (None: no row)."""
    client = deployment.client("dynamodb")

    def put(customer, status):
        client.put_item(
            TableName=deployment.accounts_table,
            Item={"customer_id": {"S": customer}, "status": status, "note": {"S": CANARY}},
        )

    def status_of(customer):
        row = client.get_item(
            TableName=deployment.payments_table,
            Key={"customer_id": {"S": customer}},
            ConsistentRead=True,
        )
        return row.get("Item", {}).get("status", {}).get("S")

    return SimpleNamespace(put=put, status_of=status_of)


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


@pytest.mark.parametrize(
    ("customer", "status"),
    [("number", {"N": "7"}), ("unknown", {"S": "FROZEN"})],
)
def test_an_item_that_is_no_event_is_stored_whole_and_the_next_change_arrives(
    deployment, customers, customer, status
):
    customers.put(customer, status)
    customers.put(f"after-{customer}", {"S": "PENDING"})
    eventually(
        lambda: customers.status_of(f"after-{customer}") == "PENDING", "the next change arrives"
    )

    s3 = deployment.client("s3")

    def stored():
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=deployment.failure_bucket, Prefix="parked/"
        )
        for page in pages:
            for entry in page.get("Contents", []):
                found = s3.get_object(Bucket=deployment.failure_bucket, Key=entry["Key"])
                document = json.load(found["Body"])
                image = document["record"]["dynamodb"]["NewImage"]
                if image["customer_id"]["S"] == customer:
                    return document, image
        return None

    document, image = eventually(stored, "the record is in the failure store")
    assert document["reason"] == "UnknownStatus"
    assert image["status"] == status
    assert image["note"] == {"S": CANARY}
    assert customers.status_of(customer) is None


def test_no_payload_reaches_the_output_of_a_function(deployment, customers):
    customers.put("canary", {"S": "ACTIVE"})
    customers.put("canary-bad", {"S": CANARY})
    body = f'{{"{CANARY}"'
    deployment.client("sqs").send_message(QueueUrl=deployment.queue_url, MessageBody=body)
    eventually(lambda: customers.status_of("canary") == "ACTIVE", "the good change arrives")
    eventually(lambda: parked(deployment, body), "the bad message is parked")
    for function in (deployment.publisher_function, deployment.payments_function):
        lines = list(deployment.log_lines(function))
        assert any('"service"' in line for line in lines)
        assert not [line for line in lines if CANARY in line]
