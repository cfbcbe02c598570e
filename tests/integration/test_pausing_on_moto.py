"""Pausing a subscriber: what is marked, muted and switched off, and what is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import ANY, Stubber

from fanout.errors import WrongUse
from fanout.subscribers.pausing import carry_out, plan_pause, plan_resume
from integration.dlq_on_moto import make_subscriber
from integration.test_status_on_moto import add_function
from sentinel.discovery import paused

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 27, 9, 30, 20, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def mapping_id(aws):
    """A subscriber with a consumer, whose queue keeps messages for four days."""
    make_subscriber(aws)
    add_function(aws, "consumer")
    name = {"Name": "/fanout/subscribers/payments"}
    document = json.loads(aws.client("ssm").get_parameter(**name)["Parameter"]["Value"])
    made = aws.client("lambda").create_event_source_mapping(
        FunctionName="consumer", EventSourceArn=document["queue_arn"]
    )
    value = json.dumps(document | {"function_name": "consumer", "mapping_id": made["UUID"]})
    aws.client("ssm").put_parameter(**name, Value=value, Overwrite=True)
    other = {"Name": "/fanout/subscribers/payments-eu", "Type": "String"}
    aws.client("ssm").put_parameter(**other, Value=json.dumps(document | {"name": "payments-eu"}))
    for alarm in ("fanout-payments-drift", "fanout-payments-eu-drift", "fanout-publisher-errors"):
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName=alarm,
            MetricName="any",
            Namespace="any",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            Statistic="Sum",
        )
    return made["UUID"]


def state(aws, mapping_id):
    return aws.client("lambda").get_event_source_mapping(UUID=mapping_id)["State"]


def test_a_pause_is_marked_mutes_only_its_own_alarms_and_switches_the_consumer_off(aws, mapping_id):
    plan = plan_pause(aws, "payments", length=DAY, because="moving", now=NOW)
    with Stubber(aws.client("cloudwatch")) as cloudwatch:
        muted = {
            "Name": "fanout-payments-paused",
            "Description": ANY,
            "Rule": {"Schedule": {"Expression": "at(2026-11-27T09:31)", "Duration": "PT1440M"}},
            "MuteTargets": {"AlarmNames": ["fanout-payments-drift"]},
        }
        cloudwatch.add_response("put_alarm_mute_rule", {}, muted)
        carry_out(aws, plan)
        cloudwatch.assert_no_pending_responses()
    assert state(aws, mapping_id) == "Disabled"
    mark = paused(aws)["payments"]
    assert (mark.because, mark.until, mark.loses_at) == ("moving", NOW + DAY, NOW + 4 * DAY)

    resumed = plan_resume(aws, "payments")
    with Stubber(aws.client("cloudwatch")) as cloudwatch:
        deleted = {"AlarmMuteRuleName": "fanout-payments-paused"}
        cloudwatch.add_response("delete_alarm_mute_rule", {}, deleted)
        carry_out(aws, resumed)
    assert state(aws, mapping_id) == "Enabled"
    assert paused(aws) == {}


def test_a_pause_in_which_the_queue_would_lose_messages_is_refused(aws, mapping_id):
    with pytest.raises(WrongUse, match="starts to lose messages at 2026-12-01T09:30:20Z"):
        plan_pause(aws, "payments", length=4 * DAY, because="", now=NOW)
    oldest = {
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": "payments"}],
        "Value": 86_400,
        "Timestamp": NOW - timedelta(minutes=2),
    }
    aws.client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[oldest])
    with pytest.raises(WrongUse, match="2026-11-30T09:30:20Z"):
        plan_pause(aws, "payments", length=3 * DAY, because="", now=NOW)


def test_a_pause_of_no_time_is_refused(aws, mapping_id):
    with pytest.raises(WrongUse, match="a minute or more"):
        plan_pause(aws, "payments", length=timedelta(0), because="", now=NOW)


def test_a_longer_pause_counts_from_the_first_one(aws, mapping_id):
    first = plan_pause(aws, "payments", length=DAY, because="", now=NOW)
    carry_out(aws, replace(first, alarms=()))
    with pytest.raises(WrongUse, match="2026-12-01T09:30:20Z"):
        plan_pause(aws, "payments", length=2 * DAY, because="", now=NOW + 2 * DAY)


def test_without_execute_nothing_changes(aws, fanout, mapping_id):
    ended = fanout("subscribers", "pause", "payments", "--for", "2h", "--because", "a test")
    assert ended.code == 0
    assert "Nothing was changed" in ended.out
    assert "1 of payments" in ended.out
    assert paused(aws) == {}
    assert state(aws, mapping_id) == "Enabled"


def test_a_consumer_that_is_not_known_here_is_refused(aws, fanout):
    make_subscriber(aws)
    ended = fanout("subscribers", "resume", "payments", "--execute")
    assert ended.code == 2
    assert "pause its consumer where it runs" in ended.err
