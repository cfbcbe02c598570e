"""`fanout status` on the embedded AWS with its permissions checked, in three outages made for real.

Each test ends with the deployment whole again, so that they run in any order.
"""

import json

import pytest

from e2e.fanout_command import Fanout
from fanout.local.runtime import running
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("status")]
WITHIN_SECONDS = 60
RECOVERS_SECONDS = 120


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    with running(tmp_path_factory.mktemp("status") / "state", iam=True) as up:
        yield up


@pytest.fixture
def status(deployment, tmp_path):
    """Await that `fanout status payments --check` says these words of one thing and exits with 1.

    Without words: that nothing is wrong, and it exits with 0.
    """
    fanout = Fanout(deployment=deployment, state=tmp_path)

    def says(*words):
        ended = fanout.ended("status", "payments", "--check", "--state", deployment.state_dir)
        found = [one for one in json.loads(ended.stdout)["findings"] if one["severity"] == "wrong"]
        assert ended.returncode == bool(found), ended.stderr
        texts = [" ".join(finding.values()) for finding in found]
        return any(all(word in text for word in words) for text in texts) if words else not texts

    def awaits(*words):
        seconds = WITHIN_SECONDS if words else RECOVERS_SECONDS
        eventually(lambda: says(*words), f"{words or 'nothing'} is wrong", deadline_seconds=seconds)

    return awaits


def put(deployment, customer):
    deployment.client("dynamodb").put_item(
        TableName=deployment.accounts_table,
        Item={"customer_id": {"S": customer}, "status": {"S": "ACTIVE"}},
    )


def test_a_publisher_that_may_not_publish_is_named_with_its_error(deployment, status):
    iam, role = deployment.client("iam"), "fanout-publisher-us-east-1"
    name = {"RoleName": role, "PolicyName": "publish-status-changes"}
    allowed = iam.get_role_policy(**name)["PolicyDocument"]
    kept = [one for one in allowed["Statement"] if one["Sid"] != "Publish"]
    iam.put_role_policy(**name, PolicyDocument=json.dumps(allowed | {"Statement": kept}))
    try:
        put(deployment, "not-published")
        status(deployment.publisher_function, "AuthorizationError", "Allow sns:Publish")
    finally:
        iam.put_role_policy(**name, PolicyDocument=json.dumps(allowed))
    status()


def test_a_consumer_whose_table_is_gone_is_named_with_its_error(deployment, status):
    dynamodb, table = deployment.client("dynamodb"), deployment.payments_table
    described = dynamodb.describe_table(TableName=table)["Table"]
    dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=table)
    try:
        put(deployment, "not-stored")
        status(deployment.payments_function, "ResourceNotFoundException", "1 message waits", table)
    finally:
        dynamodb.create_table(
            TableName=table,
            KeySchema=described["KeySchema"],
            AttributeDefinitions=described["AttributeDefinitions"],
            BillingMode="PAY_PER_REQUEST",
        )
    status()


def test_a_mapping_that_is_off_is_named_with_the_messages_that_wait(deployment, status):
    client, mapping = deployment.client("lambda"), deployment.payments_mapping_id
    client.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        put(deployment, "not-consumed")
        status("payments", "is disabled", "1 message waits", mapping)
    finally:
        client.update_event_source_mapping(UUID=mapping, Enabled=True)
    status()
