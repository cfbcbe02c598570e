"""What the template's parameters do, and which values they refuse."""

import json
import re
from types import SimpleNamespace

import pytest

from infra.sam_template import (
    DEPLOYMENTS,
    EXISTING_TABLE,
    FOLDER,
    IN_A_VPC,
    NOTIFYING,
    PAGES,
    REGION,
    TICKETS,
    TO_TRY,
    deployed,
    of_type,
    read,
    refusals,
)
from sentinel.rounds import INTERVAL_SECONDS

UNITS = {"Seconds": "econds", "Milliseconds": "Milliseconds", "Days": "Days"}
NAME_PROPERTIES = {
    "AlarmName",
    "AliasName",
    "BucketName",
    "FunctionName",
    "LogGroupName",
    "Name",
    "QueueName",
    "RoleName",
    "TableName",
    "TopicName",
}


def test_without_a_stream_an_accounts_table_with_both_images_is_created_and_read():
    template = deployed(CustomerIdAttribute="id")
    table = of_type(template, "AWS::DynamoDB::Table")["AccountsTable"]
    mapping = of_type(template, "AWS::Lambda::EventSourceMapping")["PublisherMapping"]
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert f"table/{table['TableName']}/stream/" in mapping["EventSourceArn"]


def test_with_a_stream_no_accounts_table_is_created_and_the_stream_is_read():
    template = deployed(**EXISTING_TABLE)
    mapping = of_type(template, "AWS::Lambda::EventSourceMapping")["PublisherMapping"]
    assert set(of_type(template, "AWS::DynamoDB::Table")) == {"PaymentsTable"}
    assert mapping["EventSourceArn"] == EXISTING_TABLE["AccountsStreamArn"]
    assert template["Outputs"]["AccountsTable"]["Value"] == "accounts"


@pytest.mark.parametrize(("given", "may"), [(EXISTING_TABLE, True), ({}, False)])
def test_the_publisher_may_use_the_key_of_an_existing_table_only_where_it_has_one(given, may):
    role = of_type(deployed(**given), "AWS::IAM::Role")["PublisherRole"]
    [policy] = role["Policies"]
    resources = [one["Resource"] for one in policy["PolicyDocument"]["Statement"]]
    assert (EXISTING_TABLE["AccountsTableKmsKeyArn"] in resources) is may


def test_without_payments_topic_publisher_and_their_alarms_are_deployed_alone():
    template = deployed(DeployPayments="false")
    names = {it["FunctionName"] for it in of_type(template, "AWS::Lambda::Function").values()}
    assert names == {"fanout-publisher", "fanout-sentinel"}
    left = json.dumps(template)
    assert "payments" not in left.lower().replace("novapay", "")
    assert "PublisherErrorsAlarm" in template["Resources"]


def test_in_a_vpc_lambda_may_attach_the_function_and_the_functions_own_code_may_not():
    template = deployed(**IN_A_VPC)
    names = {it["FunctionName"] for it in of_type(template, "AWS::Lambda::Function").values()}
    denied = set()
    for role in of_type(template, "AWS::IAM::Role").values():
        allow, deny = (
            it
            for it in role["Policies"][0]["PolicyDocument"]["Statement"]
            if "ec2:CreateNetworkInterface" in it["Action"]
        )
        assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
        assert allow["Action"] == deny["Action"]
        denied.add(deny["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"].split(":")[-1])
    assert denied == names


@pytest.mark.parametrize(("given", "enabled"), [("true", True), ("false", False)])
def test_the_stream_mapping_can_be_left_disabled(given, enabled):
    template = deployed(StreamMappingEnabled=given)
    mapping = of_type(template, "AWS::Lambda::EventSourceMapping")["PublisherMapping"]
    assert mapping["Enabled"] is enabled


@pytest.mark.parametrize(("size", "window"), [("1", 0), ("10", 0), ("100", 1), ("1000", 1)])
def test_the_consumer_waits_for_a_batch_only_where_lambda_demands_it(size, window):
    template = deployed(ConsumerBatchSize=size)
    mapping = of_type(template, "AWS::Lambda::EventSourceMapping")["ConsumerMapping"]
    assert mapping["MaximumBatchingWindowInSeconds"] == window
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] == 10


@pytest.mark.parametrize(
    ("given", "pages", "tickets"),
    [
        ({}, (), ()),
        ({"AlarmTopicArn": PAGES}, (PAGES,), (PAGES,)),
        ({"TicketTopicArn": TICKETS}, (), (TICKETS,)),
        (NOTIFYING, (PAGES,), (TICKETS,)),
    ],
)
def test_pages_and_tickets_notify_their_topics_and_nobody_else(given, pages, tickets):
    def notified(kind):
        return {
            tuple(it.get("AlarmActions", [])) for it in of_type(deployed(**given), kind).values()
        }

    assert notified("AWS::CloudWatch::CompositeAlarm") == {pages}
    assert notified("AWS::CloudWatch::Alarm") == {(), tickets, pages}


def test_an_alarm_links_to_its_page_where_the_runbooks_are_served():
    template = deployed(RunbookBaseUrl="https://wiki.example.com/runbooks")
    alarm = of_type(template, "AWS::CloudWatch::Alarm")["PublisherStoppedAlarm"]
    assert alarm["AlarmDescription"].endswith(
        "Runbook: https://wiki.example.com/runbooks/publisher-behind.md"
    )


def test_every_name_starts_with_the_prefix():
    names = {
        properties[key]
        for resource in deployed(Prefix="blue")["Resources"].values()
        for properties in [resource["Properties"]]
        for key in NAME_PROPERTIES & set(properties)
        if resource["Type"] != "AWS::Lambda::EventSourceMapping"
    }
    assert len(names) > len(NAME_PROPERTIES)
    assert [one for one in names if not re.match(r"(alias/|/|/aws/lambda/)?blue\b", one)] == []


@pytest.mark.parametrize("name", sorted(read()["Parameters"]))
def test_a_parameter_says_what_it_is_in_which_unit_and_what_a_wrong_value_would_do(name):
    parameter = read()["Parameters"][name]
    assert parameter["Description"]
    for suffix, word in UNITS.items():
        if name.endswith(suffix):
            assert word in parameter["Description"]
    if parameter["Type"] == "Number":
        assert "AllowedValues" in parameter or {"MinValue", "MaxValue"} <= set(parameter)
    if "AllowedPattern" in parameter or "MinValue" in parameter:
        assert parameter["ConstraintDescription"].startswith("Must be")
    if "AllowedPattern" in parameter:
        assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"])


REFUSED = [
    ("AccountsStreamArn", "arn:aws:dynamodb:eu-west-1:123456789012:table/accounts"),
    ("AccountsTableKmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:alias/accounts"),
    ("AccountsTableName", "ac"),
    ("AlarmTopicArn", "on-call"),
    ("TicketTopicArn", "tickets.fifo"),
    ("RunbookBaseUrl", "https://wiki.example.com/"),
    ("Architecture", "arm"),
    ("ChangedAtAttribute", "changed at"),
    ("CodeSigningConfigArn", "csc-0123456789abcdef0"),
    ("CustomerIdAttribute", ""),
    ("EntityFilter", 'kind="customer"'),
    ("EventSource", "accounts"),
    ("ExecWrapper", "otel-instrument"),
    ("LayerArns", "arn:aws:lambda:eu-west-1:123456789012:layer:agent"),
    ("PaymentsSubscribedSince", "yesterday"),
    ("PermissionsBoundaryArn", "boundary"),
    ("Prefix", "Fanout"),
    ("Prefix", "fanout-"),
    ("Prefix", "z" * 21),
    ("ReasonAttribute", "z" * 256),
    ("RolePath", "/fanout"),
    ("SequenceAttribute", "a version"),
    ("StatusAttribute", 'status"'),
    ("TableStatusMap", "gone=REMOVED"),
    ("TableStatusMap", 'a"=ACTIVE'),
    ("TraceparentAttribute", "trace parent"),
    ("VpcSecurityGroupIds", "subnet-1"),
    ("VpcSubnetIds", "subnet-1, subnet-2"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_value_that_would_do_harm_is_refused(name, value):
    assert not re.fullmatch(read()["Parameters"][name]["AllowedPattern"], value)


def test_every_pattern_refuses_something():
    parameters = read()["Parameters"].items()
    assert {name for name, _ in REFUSED} == {
        name for name, it in parameters if "AllowedPattern" in it
    }


CONTRADICTIONS = [
    ({}, "there is nothing to read"),
    (TO_TRY | {"AccountsStreamArn": "arn", "AccountsTableName": "a"}, "give one of the two"),
    (TO_TRY | {"PaymentsSchemaVersion": "1"}, "Payments would never get a message"),
    (TO_TRY | {"AccountsTableName": "accounts"}, "the named one never read"),
    (TO_TRY | {"VpcSubnetIds": "subnet-1"}, "outside of the VPC"),
    (TO_TRY | {"VpcSecurityGroupIds": "sg-1"}, "outside of the VPC"),
    (TO_TRY | {"ExecWrapper": "/opt/otel-instrument"}, "no function starts"),
    (
        {"AccountsStreamArn": EXISTING_TABLE["AccountsStreamArn"]},
        "reconcile cannot find the table",
    ),
]


@pytest.mark.parametrize(("parameters", "harm"), CONTRADICTIONS)
def test_parameters_that_contradict_each_other_are_refused_with_the_harm(parameters, harm):
    [refusal] = refusals(**parameters)
    assert harm in refusal


def test_every_rule_refuses_something():
    rules = [
        assertion["AssertDescription"]
        for rule in read()["Rules"].values()
        for assertion in rule["Assertions"]
    ]
    refused = [sentence for given, _ in CONTRADICTIONS for sentence in refusals(**given)]
    assert sorted(refused) == sorted(rules)


@pytest.mark.parametrize("parameters", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_parameters_that_agree_are_accepted(parameters):
    assert refusals(**parameters) == []


def test_the_sentinel_starts_as_often_as_it_counts_on():
    """Else a run that is to compare would take itself for one between."""
    [rule] = of_type(deployed(), "AWS::Events::Rule").values()
    assert rule["ScheduleExpression"] == f"cron(0/{INTERVAL_SECONDS // 60} * * * ? *)"


def test_the_readme_has_the_four_headings():
    assert re.findall(r"^## (.+)$", _readme(), re.MULTILINE) == [
        "Purpose",
        "Usage",
        "Nuances",
        "Parameters",
    ]


def test_the_readme_describes_each_parameter_as_the_template_does():
    rows = {
        name: f"| `{name}` | {_default(parameter)} | {parameter['Description']} |"
        for name, parameter in read()["Parameters"].items()
    }
    assert [name for name, row in rows.items() if row not in _readme()] == []


def test_the_readme_names_the_runbook_of_each_alarm():
    lines = _readme().splitlines()
    for alarm in of_type(deployed(Prefix="p"), "AWS::CloudWatch::Alarm").values():
        [line] = [line for line in lines if f"`PREFIX{alarm['AlarmName'][1:]}`" in line]
        assert f"`{alarm['AlarmDescription'].rpartition(' ')[2]}`" in line


def test_cloudformation_refuses_a_template_that_sam_did_not_build(monkeypatch):
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.translator.transform import transform  # half a second, for each worker

    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with pytest.raises(InvalidDocumentException) as refused:
        transform(read(), {}, SimpleNamespace(load=dict))
    publisher, consumer, sentinel = (one.message for one in refused.value.causes)
    assert "[PublisherFunction] is invalid. 'CodeUri' requires Bucket and Key" in publisher
    assert "[SentinelFunction] is invalid. 'CodeUri' requires Bucket and Key" in sentinel
    assert "[ConsumerFunction] is invalid. 'CodeUri' requires Bucket and Key" in consumer


# Private functions


def _readme():
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def _default(parameter):
    default = str(parameter["Default"])
    return f"`{default}`" if default else "empty"
