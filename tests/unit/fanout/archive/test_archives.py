"""What AWS is asked for a replay; the answers are those of botocore's own shapes."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import ANY, Stubber
from typer.testing import CliRunner

from fanout.archive import commands
from fanout.archive.archives import EventBridgeArchive, Progress, SnsArchive
from fanout.archive.commands import window
from fanout.cli import app
from fanout.errors import Refused, WrongUse
from sentinel.discovery import Bus

NOW = datetime.now(UTC).replace(microsecond=0)
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:fraud"
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/customer-status"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/customer-status/fraud"
ARCHIVE = "arn:aws:events:eu-west-1:123456789012:archive/kept"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status.fifo"
SUBSCRIPTION = f"{TOPIC}:8f1c"
OF_SUBSCRIPTION = {"SubscriptionArn": SUBSCRIPTION}


WINDOW = (NOW - timedelta(hours=5), NOW - timedelta(hours=1))


def stubbed(service):
    client = boto3.client(
        service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    return client, Stubber(client)


def on(transport, arn, client):
    return {
        "target": SimpleNamespace(client=lambda _service: client),
        "bus": Bus(transport=transport, arn=arn),
        "subscriber": SimpleNamespace(name="fraud", queue_arn=QUEUE),
    }


class OnEventBridge:
    def __init__(self, *, archives=("kept",), rules=("fraud",), targets=(QUEUE,)):
        client, self.stubber = stubbed("events")
        self.stubber.add_response(
            "list_archives",
            {"Archives": [{"ArchiveName": name, "State": "ENABLED"} for name in archives]},
            {"EventSourceArn": BUS},
        )
        if archives:
            self.stubber.add_response("describe_archive", {"ArchiveArn": ARCHIVE})
            self.stubber.add_response(
                "list_rule_names_by_target",
                {"RuleNames": list(rules)},
                {"TargetArn": QUEUE, "EventBusName": "customer-status"},
            )
        for _ in rules if archives else ():
            self.stubber.add_response(
                "list_targets_by_rule",
                {"Targets": [{"Id": str(index), "Arn": arn} for index, arn in enumerate(targets)]},
            )
        if targets == (QUEUE,) and archives:
            for _ in rules:
                self.stubber.add_response("describe_rule", {"Arn": RULE})
        self.stubber.activate()
        self.archive = EventBridgeArchive(**on("eventbridge", BUS, client))


def test_an_eventbridge_replay_names_the_subscribers_rule_and_no_other():
    rig = OnEventBridge()
    plan = rig.archive.plan(*WINDOW)
    assert plan.only_to == (RULE,)
    rig.stubber.add_response(
        "start_replay",
        {"State": "STARTING"},
        {
            "ReplayName": ANY,
            "EventSourceArn": ARCHIVE,
            "EventStartTime": NOW - timedelta(hours=5),
            "EventEndTime": NOW - timedelta(hours=1),
            "Destination": {"Arn": BUS, "FilterArns": [RULE]},
        },
    )
    name = rig.archive.start(plan)
    assert name.startswith("fanout-fraud-")
    rig.stubber.add_response(
        "describe_replay", {"State": "RUNNING", "EventLastReplayedTime": NOW}, {"ReplayName": name}
    )
    rig.stubber.add_response("cancel_replay", {"State": "CANCELLING"}, {"ReplayName": name})
    rig.stubber.add_response("describe_replay", {"State": "CANCELLED"}, {"ReplayName": name})
    assert not rig.archive.progress(name).is_over
    rig.archive.cancel(name)
    assert rig.archive.progress(name).is_over
    rig.stubber.assert_no_pending_responses()


def test_the_last_ten_minutes_are_said_to_be_missing_perhaps():
    now = datetime.now(UTC)  # when the test runs, which may be long after the module was read
    plans = [OnEventBridge().archive.plan(WINDOW[0], ends_at) for ends_at in (now, WINDOW[1])]
    assert ["10 minutes" in plan.remarks[-1] for plan in plans] == [True, False]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"archives": ()}, "has no archive"),
        ({"rules": ()}, "is it subscribed"),
        ({"targets": (QUEUE, "arn:aws:sqs:eu-west-1:123456789012:other")}, "also targets"),
    ],
)
def test_a_bus_that_can_not_replay_to_one_subscriber_alone_is_refused(wrong, sentence):
    with pytest.raises(WrongUse, match=sentence):
        OnEventBridge(**wrong).archive.plan(*WINDOW)


NOTHING = {}
RUNNING = {
    "ReplayStatus": "In progress",
    "ReplayPolicy": '{"StartingPoint":"2026-11-20T00:00:00.000Z",'
    '"EndingPoint":"2026-11-21T00:00:00.000Z","PointType":"Timestamp"}',
}
OVER = RUNNING | {"ReplayStatus": "Completed"}


def on_sns(*, policy='{"MessageRetentionPeriod":"30"}', endpoint=QUEUE, found=NOTHING):
    client, stubber = stubbed("sns")
    attributes = {"ArchivePolicy": policy, "BeginningArchiveTime": "2026-11-01T00:00:00.000Z"}
    stubber.add_response("get_topic_attributes", {"Attributes": attributes}, {"TopicArn": TOPIC})
    listed = {"SubscriptionArn": SUBSCRIPTION, "Endpoint": endpoint, "Protocol": "sqs"}
    stubber.add_response("list_subscriptions_by_topic", {"Subscriptions": [listed]})
    for _ in ("plan", "start"):
        stubber.add_response("get_subscription_attributes", {"Attributes": found}, OF_SUBSCRIPTION)
    stubber.activate()
    return SnsArchive(**on("sns-fifo", TOPIC, client)), stubber


@pytest.mark.parametrize("found", [NOTHING, OVER, OVER | {"ReplayStatus": "Failed"}])
def test_an_sns_replay_is_a_policy_on_the_subscribers_own_subscription(found):
    archive, stubber = on_sns(found=found)
    plan = archive.plan(*WINDOW)
    policy = {
        "PointType": "Timestamp",
        "StartingPoint": f"{WINDOW[0]:%Y-%m-%dT%H:%M:%S}.000Z",
        "EndingPoint": f"{WINDOW[1]:%Y-%m-%dT%H:%M:%S}.000Z",
    }
    stubber.add_response(
        "set_subscription_attributes",
        {},
        OF_SUBSCRIPTION | {"AttributeName": "ReplayPolicy", "AttributeValue": json.dumps(policy)},
    )
    assert archive.start(plan) == SUBSCRIPTION
    for status, over in [("In progress", False), ('{"status": "Completed"}', True)]:
        stubber.add_response(
            "get_subscription_attributes", {"Attributes": {"ReplayStatus": status}}, OF_SUBSCRIPTION
        )
        assert archive.progress(SUBSCRIPTION).is_over is over
    stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [({"policy": "{}"}, "has no archive policy"), ({"endpoint": "arn:other"}, "is it subscribed")],
)
def test_a_topic_that_keeps_nothing_or_knows_no_subscriber_is_refused(wrong, sentence):
    archive, _ = on_sns(**wrong)
    with pytest.raises(WrongUse, match=sentence):
        archive.plan(*WINDOW)


@pytest.mark.parametrize("status", ["In progress", "Pending", '{"status": "Pending"}', None])
def test_a_second_sns_replay_is_refused_and_told_which_one_runs(status):
    found = {name: one for name, one in (RUNNING | {"ReplayStatus": status}).items() if one}
    archive, stubber = on_sns(found=found)
    plan = archive.plan(*WINDOW)
    assert "is running" in plan.remarks[-1]
    with pytest.raises(Refused, match=r"11-20T00:00:00\.000Z to 2026-11-21T00"):
        archive.start(plan)
    stubber.assert_no_pending_responses()


def test_sns_is_not_said_to_cancel():
    archive, _ = on_sns()
    with pytest.raises(WrongUse, match="console"):
        archive.cancel(SUBSCRIPTION)


@pytest.mark.parametrize(
    ("begins", "ends"), [("1h", "1h"), ("1h", "2h"), ("2h", "2999-01-01T00:00:00Z"), (None, None)]
)
def test_a_window_that_is_empty_or_not_over_is_wrong_use(begins, ends):
    with pytest.raises(WrongUse):
        window(begins, ends)


@pytest.mark.parametrize(
    ("state", "code"), [("COMPLETED", 0), ("Completed", 0), ("CANCELLED", 1), ("Failed", 1)]
)
def test_who_follows_a_replay_that_did_not_complete_gets_exit_code_1(state, code, monkeypatch):
    archive = SimpleNamespace(progress=lambda _name: Progress(state=state))
    monkeypatch.setattr(commands, "_archive", lambda *_: archive)
    ended = CliRunner().invoke(app, ["archive", "replay", "fraud", "--follow", "mine"])
    assert isinstance(ended.exception, SystemExit | None)
    assert ended.exit_code == code
