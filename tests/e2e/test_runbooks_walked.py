"""Each runbook whose outage the embedded AWS can have, walked: broken for real, typed, recovered.

The commands are read from the pages. Each walk ends with nothing wrong and all of its page typed,
so that they run in any order on one deployment, which checks permissions.
"""

import json
import re
from contextlib import contextmanager
from functools import partial

import pytest

from customer_events.encoder import encode
from e2e.changed_package import EARLIER_HANDLER, ORDERED, deployed_package, with_modules
from e2e.fanout_command import Fanout
from e2e.ordered_system import ordered_system
from e2e.outages import (
    becomes,
    dead_id,
    earlier_release,
    is_put,
    mapping_off,
    misshape,
    put,
    receive,
    row,
    send,
    status_map,
    tampers,
    without,
)
from e2e.runbook import Runbook
from fanout.runs.function import log_texts
from fanout.sqs.queue import read_depth
from fanout.watch.where import Search
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("guarded")]
AN_ID = "0a6f2c1e-7a30-4e0c-9d5e-3f1f2f6f8a11"
"""Of a message, on the pages."""


@pytest.fixture(scope="module")
def deployment(guarded_deployment):
    return guarded_deployment


@pytest.fixture
def walk(deployment, tmp_path, monkeypatch):
    """Begin a page; at its end nothing is wrong, and all is typed but what it leaves out."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".fanout").symlink_to(deployment.state_dir)
    fanout = Fanout(deployment=deployment, state=tmp_path)
    environment = fanout.environment() | {"EDITOR": "sed -i s/updated/changed/"}

    def is_calm():
        ended = fanout.ended("status", "--check")
        depths = [each["queue"]["depth"] for each in json.loads(ended.stdout)["subscribers"]]
        return ended.returncode == 0 and not any(sum(each.values()) for each in depths)

    @contextmanager
    def walks(name, *, leaves_out=(), **filled):
        page = Runbook(page=name, fanout=fanout, environment=environment, filled=filled)
        yield page
        left = {each for each in page.left() if not each.startswith(tuple(leaves_out))}
        assert not left
        is_put(deployment, f"after-{name}")
        eventually(is_calm, "nothing is wrong, and nothing waits")

    return walks


# The walks


def test_in_calm_the_first_page_finds_nothing(walk):
    with walk("README") as page:
        page.opens("nothing is wrong")


def test_publisher_failing(deployment, walk):
    with walk("publisher-failing") as page:
        role = (f"fanout-publisher-{deployment.region}", "publish-status-changes", "sns:Publish")
        with without(deployment, *role):
            put(deployment, "not-published")
            said = page.opens(
                deployment.publisher_function, "AuthorizationError", "Allow sns:Publish"
            )
            assert '"failed":{"AuthorizationError":1}' in said
        becomes(deployment, "not-published", "ACTIVE")
        assert "customer_id" in page.types("It selects nothing")
        page.is_over()


def test_failure_store(deployment, walk):
    with walk("failure-store") as page:
        put(deployment, "of-its-own", "FROZEN")
        assert "UnknownStatus" in page.opens("the failure store is not empty (1)")
        with status_map(deployment, "FROZEN=SUSPENDED"):
            page.types("Then go by what it holds")
            page.is_over()
            becomes(deployment, "of-its-own", "SUSPENDED")
            put(deployment, "of-its-own", "SUSPENDED")


def test_cause_publisher(deployment, walk):
    with walk("cause-publisher") as page:
        put(deployment, "a-mistake", "SUSPENDDED")
        put(deployment, "a-value-of-its-own", "FROZEN")
        said = page.opens("the failure store is not empty (2)")
        assert "translate it with TABLE_STATUS_MAP" in said
        is_put(deployment, "a-mistake", "SUSPENDED")
        page.types("Type this", 1)
        with status_map(deployment, "FROZEN=SUSPENDED"):
            page.types("Type this", 2)
            becomes(deployment, "a-value-of-its-own", "SUSPENDED")
            put(deployment, "a-value-of-its-own", "SUSPENDED")


def test_consumer_failing(deployment, walk):
    with walk("consumer-failing") as page:
        with earlier_release(deployment):
            put(deployment, "fails", "SUSPENDED")
            put(deployment, "dies-meanwhile", "CLOSED")
            said = page.opens(f"{deployment.payments_function} has a bug", "LookupError")
            assert EARLIER_HANDLER in said
            assert '"UNEXPECTED"' in said
            dead_id(deployment, "UnknownStatus")
            page.types("Then go by the log")
        becomes(deployment, "fails", "SUSPENDED")
        page.is_over()
        becomes(deployment, "dies-meanwhile", "CLOSED")


def test_consumer_dependency_faults(deployment, walk):
    with walk("consumer-dependency-faults") as page:
        dynamodb, table = deployment.client("dynamodb"), deployment.payments_table
        described = dynamodb.describe_table(TableName=table)["Table"]
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=table)
        try:
            put(deployment, "not-stored")
            said = page.opens(
                "ResourceNotFoundException", "1 message waits", f"Deploy its table ({table}) again"
            )
            assert '"DEPENDENCY_FAULT"' in said
            page.types("How long it may last", 0)
            assert "is paused until" in page.types_again("fanout status payments")
            page.types("How long it may last", 1)
        finally:
            dynamodb.create_table(
                TableName=table,
                KeySchema=described["KeySchema"],
                AttributeDefinitions=described["AttributeDefinitions"],
                BillingMode="PAY_PER_REQUEST",
            )
        becomes(deployment, "not-stored", "ACTIVE")
        page.types_again("fanout backfill payments --execute")
        page.types_again("fanout reconcile payments")


def test_consumer_behind(deployment, walk):
    with walk("consumer-behind") as page:
        with mapping_off(deployment):
            put(deployment, "not-consumed")
            page.opens("its event source mapping is disabled", "1 message waits")
            page.types_again("fanout subscribers resume payments --execute")
            becomes(deployment, "not-consumed", "ACTIVE")
        page.is_over()


def test_delivery_failing(deployment, walk):
    sns, topic = deployment.client("sns"), {"TopicArn": deployment.topic_arn}
    with walk("delivery-failing") as page:
        [before] = sns.list_subscriptions_by_topic(**topic)["Subscriptions"]
        arn = {"SubscriptionArn": before["SubscriptionArn"]}
        attributes = sns.get_subscription_attributes(**arn)["Attributes"]
        sns.unsubscribe(**arn)
        try:
            put(deployment, "not-delivered")
            assert "nothing delivers to its queue" in page.opens("nothing is wrong")
        finally:
            names = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")
            sns.subscribe(
                **topic,
                Protocol="sqs",
                Endpoint=before["Endpoint"],
                Attributes={name: attributes[name] for name in names if name in attributes},
            )
        page.types_again("fanout reconcile payments --repair --execute")
        becomes(deployment, "not-delivered", "ACTIVE")
        page.is_over()


def test_drift(deployment, walk):
    with walk("drift") as page:
        is_put(deployment, "by-hand")
        tampers(deployment, "by-hand", payments="BLOCKED")
        assert "changed by hand" in page.opens("nothing is wrong")
        page.types("Then repair the rows")
        page.is_over()
        assert row(deployment, "by-hand")["payments"] == "ALLOWED"


def test_dead_letters(deployment, walk):
    with walk("dead-letters") as page:
        with earlier_release(deployment):
            put(deployment, "dead", "CLOSED")
            assert "UnknownStatus" in page.opens("1 message is dead")
            page.types("If it can't wait")
        assert "APPLIED" in page.types("Then go by the cause")
        becomes(deployment, "dead", "CLOSED")
        page.is_over()


def test_cause_deploy(deployment, walk):
    with walk("cause-deploy") as page:
        with earlier_release(deployment):
            put(deployment, "unknown", "CLOSED")
            assert "UnknownStatus" in page.opens("1 message is dead")
        assert "APPLIED" in page.types("Type this", 1)
        becomes(deployment, "unknown", "CLOSED")


def test_cause_discard(deployment, walk):
    with walk("cause-discard") as page:
        send(deployment, "hello")
        page.filled[AN_ID] = dead_id(deployment, "NotJson")
        assert "hello" in page.opens("1 message is dead")
        assert "DISCARDED" in page.types("Type this", 1)


def test_cause_edit(deployment, walk):
    with walk("cause-edit") as page:
        misshape(deployment, "of-a-group")
        page.filled[AN_ID] = dead_id(deployment, "SchemaViolation")
        assert "updated" in page.opens("1 message is dead")
        assert "SENT" in page.types("Type this", 1)
        page.types("What it does")
        misshape(deployment, "by-itself")
        page.filled[AN_ID] = dead_id(deployment, "SchemaViolation")
        page.types("Type this", 2)
        for customer in ("of-a-group", "by-itself"):
            becomes(deployment, customer, "ACTIVE")


def test_cause_keeps_failing(deployment, walk):
    with walk("cause-keeps-failing") as page:
        with earlier_release(deployment):
            with mapping_off(deployment):
                put(deployment, "fails-alone", "SUSPENDED")
                for _ in range(4):
                    receive(deployment)
                for number in range(3):
                    put(deployment, f"goes-well-{number}")
                depth = partial(read_depth, deployment.client("sqs"), deployment.queue_url)
                eventually(lambda: depth().waiting == 4, "they come in one batch")
            assert "KeepsFailing" in page.opens("1 message is dead")
        assert "APPLIED" in page.types("Type this", 1)
        becomes(deployment, "fails-alone", "SUSPENDED")


def test_cause_never_ran(deployment, walk):
    sqs, queue = deployment.client("sqs"), {"QueueUrl": deployment.queue_url}
    with walk("cause-never-ran", leaves_out=["aws sqs start-message-move-task"]) as page:
        kept = sqs.get_queue_attributes(**queue, AttributeNames=["RedrivePolicy"])["Attributes"]
        once = json.dumps(json.loads(kept["RedrivePolicy"]) | {"maxReceiveCount": 1})
        with mapping_off(deployment):
            sqs.set_queue_attributes(**queue, Attributes={"RedrivePolicy": once})
            put(deployment, "never-ran")
            receive(deployment)
        assert "NeverRan" in page.opens("1 message is dead")
        sqs.set_queue_attributes(**queue, Attributes=kept)
        assert "APPLIED" in page.types("Type this", 1)
        becomes(deployment, "never-ran", "ACTIVE")


def test_cause_undelivered(deployment, walk):
    sqs, queue = deployment.client("sqs"), {"QueueUrl": deployment.queue_url}
    with walk("cause-undelivered") as page:
        kept = sqs.get_queue_attributes(**queue, AttributeNames=["Policy"])["Attributes"]
        sqs.set_queue_attributes(**queue, Attributes={"Policy": ""})
        try:
            put(deployment, "undelivered")
            [change] = eventually(
                lambda: Search(deployment.target(), "undelivered").changes(1_000), "it changed"
            )
            sqs.send_message(QueueUrl=deployment.dlq_url, MessageBody=encode(change.events[0]))
            said = page.opens("1 message is dead")
            assert "Undelivered" in said
            assert "the policy of its queue does not admit sns.amazonaws.com" in said
        finally:
            sqs.set_queue_attributes(**queue, Attributes=kept)
        assert not row(deployment, "undelivered")
        assert "SENT" in page.types("Type this", 1)
        becomes(deployment, "undelivered", "ACTIVE")


def test_cause_order(deployment, walk):
    with walk("cause-order") as page:
        is_put(deployment, "counted-anew")
        ahead = {"sequence": f"0001.{'9' * 40}", "occurred_at": "2026-01-01T00:00:00.000000Z"}
        tampers(deployment, "counted-anew", **ahead)
        put(deployment, "counted-anew", "CLOSED")
        said = page.opens("1 message is dead")
        assert "in the DLQ: OrderContradiction" in said
        assert "STALE" in page.types("Then")
        assert row(deployment, "counted-anew")["status"] == "CLOSED"


@pytest.fixture
def orders(deployment):
    """Another subscriber, which parks by customer."""
    iam, role = deployment.client("iam"), {"RoleName": "orders"}
    made = iam.create_role(**role, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    allowed = [{"Effect": "Allow", "Action": ["sqs:*", "dynamodb:*"], "Resource": "*"}]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.put_role_policy(**role, PolicyName="all", PolicyDocument=document)
    package = with_modules(deployed_package(deployment), ORDERED)
    system = ordered_system(deployment.client, deployment.prefix, package, made)
    yield system
    deployment.client("ssm").delete_parameter(Name=system.parameter)


def test_cause_behind(walk, orders):
    with walk("cause-behind", payments="orders") as page:
        page.filled["c-4711"] = "a"
        orders.publish("a", 1, poison=True)
        for number in (2, 3):
            orders.publish("a", number)
        eventually(lambda: orders.dead() == 3, "two are behind the first")
        assert "BehindParkedEvent" in page.opens("3 messages are dead")
        page.types("Type this", 1)
        assert "APPLIED" not in page.types("Then", 0)
        said = page.types("Then", 1)
        assert "DISCARDED" in said
        assert "APPLIED" in said
        assert orders.seen("a") == [2, 3]

        orders.publish("b", 1, poison=True)
        orders.publish("b", 2)
        eventually(lambda: orders.dead() == 2, "one is behind the first")
        orders.delete_first()
        [page.filled[AN_ID]] = re.findall(
            r"[0-9a-f]{8}(?:-[0-9a-f]{4,12}){4}", page.types("Then", 2)
        )
        page.types("Then", 3)
        page.types_again("fanout dlq replay payments --through consumer --execute")
        eventually(lambda: orders.seen("b") == [2], "it waits for nobody any more")


def sentinel_round(deployment):
    """What the four runs of an hour counted, by metric, and how many customers they compared."""
    before = len(list(log_texts(deployment.target(), "fanout-sentinel")))
    for minute in (0, 15, 30, 45):
        event = json.dumps({"time": f"2026-11-27T00:{minute:02}:00Z"}).encode()
        answer = deployment.client("lambda").invoke(FunctionName="fanout-sentinel", Payload=event)
        assert "FunctionError" not in answer, answer["Payload"].read()
    lines = list(log_texts(deployment.target(), "fanout-sentinel"))[before:]
    written = [json.loads(line) for line in lines if line.startswith("{")]
    counted = {
        name: sum(sum(blob[name]) for blob in written if name in blob)
        for name in ("SentinelRuns", "SentinelFindings", "DriftedRows")
    }
    return counted, sum(line.get("customers", 0) for line in written)


def test_sentinel(deployment, walk):
    sqs, sns = deployment.client("sqs"), deployment.client("sns")
    [arn] = sns.list_subscriptions_by_topic(TopicArn=deployment.topic_arn)["Subscriptions"]
    name = {"SubscriptionArn": arn["SubscriptionArn"], "AttributeName": "FilterPolicy"}
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn["SubscriptionArn"])
    kept = attributes["Attributes"]["FilterPolicy"]
    queue, days_14 = {"QueueUrl": deployment.dlq_url}, {"MessageRetentionPeriod": "1209600"}
    role = (f"fanout-publisher-{deployment.region}", "publish-status-changes", "sns:Publish")
    table = {"TableName": deployment.accounts_table, "Select": "COUNT"}
    with walk("sentinel") as page:
        is_put(deployment, "compared")
        customers = deployment.client("dynamodb").scan(**table)["Count"]
        calm = {"SentinelRuns": 4, "SentinelFindings": 0, "DriftedRows": 0}
        assert sentinel_round(deployment) == (calm, customers)
        with without(deployment, *role):
            sns.set_subscription_attributes(**name, AttributeValue='{"type": ["other"]}')
            sqs.set_queue_attributes(**queue, Attributes={"MessageRetentionPeriod": "3600"})
            try:
                said = page.opens("nothing is wrong")
                assert sentinel_round(deployment)[0] == calm | {"SentinelFindings": 12}
            finally:
                sns.set_subscription_attributes(**name, AttributeValue=kept)
                sqs.set_queue_attributes(**queue, Attributes=days_14)
        logged = page.types("It has found something")
        for words in (
            "keeps messages for 3,600 seconds",
            f"may not sns:Publish on {deployment.topic_arn}",
            "another filter",
        ):
            assert words in said
            assert words in logged
        page.types("It has stopped")
        page.is_over()
