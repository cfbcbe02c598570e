"""Each rule of `fanout doctor`: what the templates deploy breaks none, and one flaw breaks one."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from deployed_facts import DELIVERY, DLQ, MAPPING, NOW, PAYMENTS, PUBLISHER, QUEUE, STREAM
from sentinel.contract.folder import installed_contract
from sentinel.discovery import Pause
from sentinel.examination import needs_of_publisher
from sentinel.findings import Severity
from sentinel.rules import MISSING, check_alarms, check_publisher, check_subscriber, check_table

WRONG, WARNING = Severity.WRONG, Severity.WARNING


def of_publisher(**other):
    return list(check_publisher(replace(PUBLISHER, **other), now=NOW))


def of_payments(**other):
    facts = replace(PAYMENTS, **other)
    return list(check_subscriber(facts, installed_contract(), now=NOW))


def without(given, name, **other):
    return {key: value for key, value in (given | other).items() if key != name}


def streamed(**other):
    return {"mapping": PUBLISHER.mapping | other}


def consumed(**other):
    return {"mapping": PAYMENTS.mapping | other}


def paused(hours):
    ends = {"until": NOW + timedelta(hours=hours), "loses_at": NOW + timedelta(days=7)}
    return Pause(since=NOW - timedelta(hours=2), because="moving", **ends)


PIPE = {"publisher": replace(PUBLISHER.publisher, mapping_id="fanout-pipe")}


def test_what_the_templates_deploy_breaks_no_rule():
    assert of_publisher() == []
    assert of_payments() == []
    assert list(check_alarms([{"AlarmName": "a", "AlarmActions": ["arn"]}])) == []


@pytest.mark.parametrize(
    ("other", "severity", "words"),
    [
        (
            {"table": PUBLISHER.table | {"StreamSpecification": {"StreamViewType": "NEW_IMAGE"}}},
            WRONG,
            "view type NEW_IMAGE",
        ),
        ({"table": PUBLISHER.table | {"StreamSpecification": None}}, WRONG, "it is off"),
        ({"table": PUBLISHER.table | {"LatestStreamArn": f"{STREAM}-2"}}, WRONG, f"{STREAM}-2"),
        (streamed(FunctionResponseTypes=[]), WRONG, "FunctionResponseTypes"),
        (streamed(StartingPosition="LATEST"), WRONG, "LATEST"),
        (streamed(BisectBatchOnFunctionError=False), WRONG, "Bisect"),
        (streamed(MaximumRetryAttempts=3), WRONG, "MaximumRetryAttempts 3"),
        (streamed(FilterCriteria={"Filters": [{"Pattern": "{}"}]}), WRONG, "FilterCriteria"),
        (
            streamed(DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:x"}}),
            WRONG,
            "no bucket",
        ),
        (streamed(MaximumRecordAgeInSeconds=-1), WARNING, "keeps trying"),
        ({"topic": {}}, WARNING, "topic is not encrypted"),
        ({"bucket_lacks": ["versions", "encryption"]}, WARNING, "no versions and no encryption"),
        ({"mapping": {"State": MISSING}}, WRONG, f"its event source mapping {MAPPING} is gone"),
        (streamed(State="Disabled"), WRONG, "its event source mapping is disabled"),
        (PIPE | {"mapping": {"State": MISSING}}, WRONG, "its pipe fanout-pipe is gone"),
        (PIPE | {"mapping": {"CurrentState": "STOPPED"}}, WRONG, "its pipe is stopped"),
        ({"denied": ["sns:Publish on x"]}, WRONG, "may not sns:Publish on x"),
        ({"table": None}, WRONG, "the table accounts does not exist"),
        ({"function": None}, WRONG, "its function publisher does not exist"),
        (
            {"function": {"Runtime": "python3.10"}},
            WARNING,
            "python3.10 is deprecated since 2026-10-31",
        ),
    ],
)
def test_a_flaw_of_the_publisher_is_found_with_its_harm_and_its_fix(other, severity, words):
    [finding] = of_publisher(**other)
    assert (finding.severity, finding.subject) == (severity, "publisher")
    assert words in finding.what
    assert finding.harm
    assert finding.fix


@pytest.mark.parametrize(
    ("other", "severity", "words"),
    [
        ({"queue": without(QUEUE, "KmsMasterKeyId")}, WARNING, "queue is not encrypted"),
        ({"queue": QUEUE | {"Policy": ""}}, WRONG, "policy of its queue does not admit sns"),
        ({"dlq": PAYMENTS.dlq | {"Policy": ""}}, WRONG, "policy of its DLQ does not admit sns"),
        ({"queue": without(QUEUE, "RedrivePolicy")}, WRONG, "does not move dead messages"),
        (
            {
                "queue": QUEUE
                | {"RedrivePolicy": json.dumps({"deadLetterTargetArn": DLQ, "maxReceiveCount": 5})}
            },
            WARNING,
            "maxReceiveCount is 5",
        ),
        (
            {"dlq": PAYMENTS.dlq | {"MessageRetentionPeriod": "604800"}},
            WRONG,
            "keeps messages for 604,800",
        ),
        ({"queue": QUEUE | {"VisibilityTimeout": "30"}}, WARNING, "visibility timeout is 30"),
        ({"queue": None}, WRONG, "its queue does not exist"),
        ({"deliveries": []}, WRONG, "nothing delivers"),
        (
            {"deliveries": [DELIVERY | {"PendingConfirmation": "true"}]},
            WRONG,
            "waits for confirmation",
        ),
        (
            {"deliveries": [DELIVERY | {"State": "DISABLED", "Name": "r"}]},
            WRONG,
            "rule is disabled",
        ),
        ({"deliveries": [without(DELIVERY, "RedrivePolicy")]}, WARNING, "has no DLQ"),
        ({"deliveries": [DELIVERY | {"FilterPolicy": '{"type": ["x"]}'}]}, WRONG, "another filter"),
        ({"subscriber": replace(PAYMENTS.subscriber, filter=None)}, WRONG, "another filter"),
        (consumed(FunctionResponseTypes=[]), WRONG, "lacks ReportBatchItemFailures"),
        (consumed(FilterCriteria={"Filters": [{}]}), WRONG, "mapping filters"),
        (consumed(State="Disabled"), WRONG, "mapping is disabled"),
        ({"mapping": {"State": MISSING}}, WRONG, "is gone"),
        ({"denied": ["dynamodb:UpdateItem on t"]}, WRONG, "may not dynamodb:UpdateItem on t"),
        ({"function": None}, WRONG, "its function consumer does not exist"),
        (consumed(State="Disabled") | {"pause": paused(-1)}, WRONG, "and is still off"),
        ({"pause": paused(1)}, WRONG, "marked as paused until 2026-11-27 10:30:00 UTC, and runs"),
    ],
)
def test_a_flaw_of_a_subscriber_is_found_with_its_harm_and_its_fix(other, severity, words):
    [finding] = of_payments(**other)
    assert (finding.severity, finding.subject) == (severity, "payments")
    assert words in finding.what
    assert finding.harm
    assert finding.fix


def test_a_filter_that_can_not_match_is_found():
    policy = {"type": ["novapay.accounts.CustomerStatusChange"]}
    subscriber = replace(PAYMENTS.subscriber, filter=policy)
    [finding] = of_payments(
        subscriber=subscriber, deliveries=[DELIVERY | {"FilterPolicy": json.dumps(policy)}]
    )
    assert finding.what.startswith("its filter: ")


def test_a_subscriber_that_is_paused_on_purpose_is_only_noted():
    [noted] = of_payments(**consumed(State="Disabled"), pause=paused(1))
    assert noted.severity is Severity.NOTE


def test_a_table_that_is_gone_is_found():
    [finding] = check_table(PAYMENTS.subscriber, None)
    assert (finding.severity, finding.what) == (WRONG, "its table payments does not exist.")
    assert list(check_table(PAYMENTS.subscriber, {"TableName": "payments"})) == []


def test_alarms_that_nobody_hears_and_missing_ones_are_found():
    heard = {"AlarmName": "fanout-a", "AlarmActions": ["arn"]}
    [silent] = check_alarms([heard, {"AlarmName": "fanout-b", "AlarmActions": []}])
    assert "1 of 2 notify nobody: fanout-b" in silent.what
    page = {"AlarmName": "fanout-page", "AlarmActions": ["arn"], "AlarmRule": 'ALARM("fanout-b")'}
    assert list(check_alarms([page, {"AlarmName": "fanout-b", "AlarmActions": []}])) == []
    [unpaged] = check_alarms([page, {"AlarmName": "fanout-b-now", "AlarmActions": []}])
    assert "1 of 2 notify nobody: fanout-b-now" in unpaged.what
    [off] = check_alarms([heard | {"ActionsEnabled": False}])
    assert "1 of 1" in off.what
    [none] = check_alarms([])
    assert (none.severity, none.what) == (WRONG, "there are none.")


def test_a_pipe_reads_and_publishes_itself_and_its_function_only_parks():
    needs = needs_of_publisher(PUBLISHER.publisher, PAYMENTS.bus)
    assert needs[STREAM] == ["dynamodb:GetRecords"]
    assert needs[PAYMENTS.bus.arn] == ["sns:Publish"]
    assert list(needs_of_publisher(PIPE["publisher"], PAYMENTS.bus).values()) == [["s3:PutObject"]]
