"""`fanout doctor` on either bus: what it reads of a subscriber that was deployed without care."""

import json

import pytest
from botocore.client import BaseClient

from integration.seeding_on_moto import PUBLISHER
from integration.test_subscribers_on_moto import deploy

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("transport", ["sns", "eventbridge"])
def test_it_reads_queues_and_deliveries_and_says_what_it_can_not_read(aws, fanout, transport):
    ssm, name = deploy(transport).target.client("ssm"), "/fanout/subscribers/risk"
    document = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    ssm.put_parameter(Name=name, Value=json.dumps(document | {"table": "gone"}), Overwrite=True)
    ended = fanout("doctor", "--check", "--json")
    found = {(one["subject"], one["what"]) for one in json.loads(ended.out)["findings"]}
    service = "sns" if transport == "sns" else "events"
    assert ended.code == 1
    assert found >= {
        ("this command", "The publisher can't be read (GetBucketVersioning: NoSuchBucket)."),
        ("risk", f"the policy of its queue does not admit {service}.amazonaws.com."),
        ("risk", f"the policy of its DLQ does not admit {service}.amazonaws.com."),
        ("risk", "its queue does not move dead messages to its DLQ."),
        ("risk", "what delivers to its queue has no DLQ."),
        ("risk", "what delivers to its queue has another filter than its SSM parameter says."),
        ("risk", "its table gone does not exist."),
        ("alarms", "there are none."),
    }


@pytest.fixture
def denied(monkeypatch):
    """What IAM's simulation denies, by the role; moto has none."""
    found, call = set(), BaseClient._make_api_call

    def answer(client, operation, request):
        if operation != "SimulatePrincipalPolicy":
            return call(client, operation, request)
        role, results = request["PolicySourceArn"], []
        for action in request["ActionNames"]:
            decision = "implicitDeny" if (role, action) in found else "allowed"
            results.append({"EvalActionName": action, "EvalDecision": decision})
        return {"EvaluationResults": results}

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    return found


def test_a_pipe_that_is_stopped_or_gone_or_lacks_a_permission_is_found(aws, fanout, denied):
    target = deploy("eventbridge").target
    target.client("s3").create_bucket(
        Bucket=PUBLISHER["failure_bucket"],
        CreateBucketConfiguration={"LocationConstraint": target.region},
    )
    pipe, pipes = {"Name": PUBLISHER["mapping_id"]}, target.client("pipes")
    assert f"publisher: its pipe {pipe['Name']} is gone." in fanout("doctor").out
    arns = {name: f"arn:aws:any:::{name}" for name in ("Source", "Target", "RoleArn")}
    pipes.create_pipe(**pipe, **arns)
    assert "pipe" not in fanout("doctor").out
    denied.add((arns["RoleArn"], "dynamodb:GetRecords"))
    assert f"its role may not dynamodb:GetRecords on {PUBLISHER['stream_arn']}" in " ".join(
        fanout("doctor").out.split()
    )
    pipes.stop_pipe(**pipe)
    assert "publisher: its pipe is stopped." in fanout("doctor").out


def test_nobody_delivers_to_a_queue_after_its_subscription_is_gone(aws, fanout):
    deployed = deploy("sns")
    sns = deployed.target.client("sns")
    for each in sns.list_subscriptions()["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
    shown = fanout("doctor").out
    assert "✗ risk: nothing delivers to its queue." in shown
    assert "It sees no change." in shown


def test_what_sns_still_lists_of_a_subscription_that_is_gone_delivers_nothing(
    aws, fanout, monkeypatch
):
    """As SNS does for a while: https://github.com/ansible/ansible/pull/20086."""
    deploy("sns")
    call = BaseClient._make_api_call

    def answer(client, operation, request):
        found = call(client, operation, request)
        if operation == "ListSubscriptionsByTopic":
            found["Subscriptions"][0]["SubscriptionArn"] = "Deleted"
        return found

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    assert "✗ risk: nothing delivers to its queue." in fanout("doctor").out


@pytest.mark.parametrize("transport", ["sns", "eventbridge"])
def test_what_is_deleted_between_two_questions_delivers_nothing(
    aws, fanout, monkeypatch, transport
):
    deploy(transport)
    call = BaseClient._make_api_call

    def answer(client, operation, request):
        found = call(client, operation, request)
        if operation == "ListSubscriptionsByTopic":
            [subscription] = found["Subscriptions"]
            call(client, "Unsubscribe", {"SubscriptionArn": subscription["SubscriptionArn"]})
        elif operation == "ListRuleNamesByTarget":
            rule = {"Rule": found["RuleNames"][0], "EventBusName": "events"}
            call(client, "RemoveTargets", {**rule, "Ids": ["queue"]})
        return found

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    assert "✗ risk: nothing delivers to its queue." in fanout("doctor").out
