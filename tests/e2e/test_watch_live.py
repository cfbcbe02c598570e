"""What an operator sees on the embedded AWS, which checks permissions, in outages made for real.

Each test ends with the deployment whole again, so that they run in any order.
"""

import json
import signal
import sys
from contextlib import contextmanager

import pytest

from e2e.fanout_command import Fanout
from e2e.started_process import started
from fanout.local.runtime import running
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("watch")]
PUBLISHER = "fanout-publisher-us-east-1"
CONSUMER = "fanout-payments-consumer-us-east-1"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    with running(tmp_path_factory.mktemp("watch") / "state", iam=True) as up:
        yield up


@pytest.fixture
def fanout(deployment, tmp_path):
    return Fanout(deployment=deployment, state=tmp_path)


@pytest.fixture
def status(deployment, tmp_path):
    """Await that `fanout status payments --check` says these words of one thing and exits with 1.

    Without words: that nothing waits in the queue any more.
    """
    process = Fanout(deployment=deployment, state=tmp_path, is_process=True)

    def says(*words):
        ended = process.ended("status", "payments", "--check", "--state", deployment.state_dir)
        shown = json.loads(ended.stdout)
        found = [one for one in shown["findings"] if one["severity"] == "wrong"]
        assert ended.returncode == bool(found), ended.stderr
        texts = [" ".join(finding.values()) for finding in found]
        if words:
            return any(all(word in text for word in words) for text in texts)
        [payments] = shown["subscribers"]
        return not any(payments["queue"]["depth"].values())

    def awaits(*words):
        eventually(lambda: says(*words), f"status says {words or 'no message'}")

    return awaits


@contextmanager
def without(deployment, role, policy, action):
    """A role that may not do one thing for a while."""
    iam, name = deployment.client("iam"), {"RoleName": role, "PolicyName": policy}
    allowed = iam.get_role_policy(**name)["PolicyDocument"]
    kept = [one for one in allowed["Statement"] if action not in json.dumps(one["Action"])]
    assert len(kept) < len(allowed["Statement"])
    iam.put_role_policy(**name, PolicyDocument=json.dumps(allowed | {"Statement": kept}))
    try:
        yield
    finally:
        iam.put_role_policy(**name, PolicyDocument=json.dumps(allowed))


def put(deployment, customer, status="ACTIVE"):
    deployment.client("dynamodb").put_item(
        TableName=deployment.accounts_table,
        Item={"customer_id": {"S": customer}, "status": {"S": status}},
    )


def test_a_publisher_that_may_not_publish_is_named_with_its_error(deployment, status):
    with without(deployment, PUBLISHER, "publish-status-changes", "sns:Publish"):
        put(deployment, "not-published")
        status(deployment.publisher_function, "AuthorizationError", "Allow sns:Publish")
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
        status("is disabled", "1 message waits", "fanout subscribers resume payments")
    finally:
        client.update_event_source_mapping(UUID=mapping, Enabled=True)
    status()


def test_a_paused_subscriber_waits_on_purpose_and_catches_up(deployment, fanout, status):
    pause = ("subscribers", "pause", "payments", "--for", "1h", "--because", "a test")
    assert fanout(*pause, "--execute")["executed"]
    try:
        put(deployment, "paused")
        ended = fanout.ended("status", "payments")
        [noted] = [one for one in json.loads(ended.stdout)["findings"] if "paused" in one["what"]]
        assert noted["severity"] == "note"
    finally:
        fanout("subscribers", "resume", "payments", "--execute")
    rows, key = deployment.client("dynamodb"), {"customer_id": {"S": "paused"}}
    row = {"TableName": deployment.payments_table, "Key": key}
    eventually(lambda: "Item" in rows.get_item(**row), "the change is stored")


def test_events_are_watched_as_they_pass_and_nothing_stays_behind(deployment, fanout, tmp_path):
    sns, output = deployment.client("sns"), tmp_path / "output"
    command = [sys.executable, "-c", "from fanout.cli import main; main()", "tail", "--reveal"]
    with (
        output.open("w") as file,
        started(command, env=fanout.environment(), stdout=file) as watching,
    ):
        eventually(lambda: len(sns.list_subscriptions()["Subscriptions"]) > 1, "it listens")
        put(deployment, "watched")
        eventually(lambda: "watched NONE>ACTIVE v2" in output.read_text(), "the event is shown")
        watching.send_signal(signal.SIGINT)
        assert watching.wait() == 130
    assert '"status": "ACTIVE"' in output.read_text()
    assert len(sns.list_subscriptions()["Subscriptions"]) == 1
    left = deployment.client("sqs").list_queues(QueueNamePrefix="fanout-tail-")
    assert not left.get("QueueUrls")


def test_one_customer_is_followed_through_everything_that_can_become_of_a_change(
    deployment, fanout, status
):
    def places(count):
        """Of each change by its transition: where it is, and why."""
        shown = fanout("where", "followed")
        assert len(shown["changes"]) <= count
        return {
            change["transition"]: (place["state"], place["detail"], place["at"])
            for change in shown["changes"]
            for place in change["places"]
        }

    def becomes(count, transition, state, words=""):
        def found():
            at = places(count).get(transition, ("", "", ""))
            return at if at[0] == state and words in at[1] else None

        return eventually(found, f"{transition} is {state}")

    put(deployment, "followed")
    assert becomes(1, "NONE>ACTIVE", "applied")[2]
    put(deployment, "followed", "SUSPENDED")
    becomes(2, "ACTIVE>SUSPENDED", "applied")
    becomes(2, "NONE>ACTIVE", "superseded")
    put(deployment, "followed", "FROZEN")
    becomes(3, "?", "parked", "UnknownStatus")

    with without(deployment, CONSUMER, "keep-payments-standing", "dynamodb:UpdateItem"):
        put(deployment, "followed", "CLOSED")
        becomes(4, "NONE>CLOSED", "retried", "AccessDenied")
    becomes(4, "NONE>CLOSED", "applied")

    # A counter that restarted, as the guard sees it: the consumer parks what is newer by time only.
    deployment.client("dynamodb").update_item(
        TableName=deployment.payments_table,
        Key={"customer_id": {"S": "followed"}},
        UpdateExpression="SET #s = :s, occurred_at = :o",
        ExpressionAttributeNames={"#s": "sequence"},
        ExpressionAttributeValues={
            ":s": {"S": f"0001.{'9' * 40}"},
            ":o": {"S": "2026-01-01T00:00:00.000000Z"},
        },
    )
    put(deployment, "followed", "ACTIVE")
    becomes(5, "CLOSED>ACTIVE", "dead", "OrderContradiction")
    status()


def test_the_doctor_finds_nothing_in_what_is_deployed_and_what_is_changed_by_hand(
    deployment, fanout
):
    sqs, sns = deployment.client("sqs"), deployment.client("sns")

    def found(code):
        ended = fanout.ended("doctor", "--check")
        assert ended.returncode == code, ended.stderr
        return [one["what"] for one in json.loads(ended.stdout)["findings"]]

    assert found(0) == []
    arn = sns.list_subscriptions_by_topic(TopicArn=deployment.topic_arn)["Subscriptions"][0]
    name = {"SubscriptionArn": arn["SubscriptionArn"], "AttributeName": "FilterPolicy"}
    policy = sns.get_subscription_attributes(SubscriptionArn=arn["SubscriptionArn"])["Attributes"]
    queue = {"QueueUrl": deployment.dlq_url}
    with without(deployment, PUBLISHER, "publish-status-changes", "sns:Publish"):
        sns.set_subscription_attributes(**name, AttributeValue='{"type": ["other"]}')
        sqs.set_queue_attributes(**queue, Attributes={"MessageRetentionPeriod": "3600"})
        try:
            retention, role, policy_differs = sorted(found(1))
        finally:
            sns.set_subscription_attributes(**name, AttributeValue=policy["FilterPolicy"])
            sqs.set_queue_attributes(**queue, Attributes={"MessageRetentionPeriod": "1209600"})
    assert "keeps messages for 3,600 seconds" in retention
    assert f"may not sns:Publish on {deployment.topic_arn}" in role
    assert "another filter" in policy_differs
    assert found(0) == []
