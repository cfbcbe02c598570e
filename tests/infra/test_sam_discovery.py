"""What the template tells the services, the alarms and the operator's tools."""

import boto3
import pytest
from moto import mock_aws

from fanout.aws import AwsTarget
from infra.sam_template import deployed, of_type
from publisher import settings as publisher_settings
from sentinel.discovery import find_bus, find_publisher, find_subscriber


@pytest.mark.parametrize("prefix", ["fanout", "a", "z" * 20])
@mock_aws
def test_the_operators_tools_find_everything_through_the_parameters(monkeypatch, prefix):
    template = deployed(
        Prefix=prefix,
        SequenceAttribute="version",
        PublishVersions="1,2",
        TableStatusMap="active=ACTIVE",
    )
    _publish_parameters(monkeypatch, template)
    target = AwsTarget(prefix=prefix, region="eu-west-1")
    outputs = {name: output["Value"] for name, output in template["Outputs"].items()}

    bus = find_bus(target)
    publisher = find_publisher(target)
    payments = find_subscriber(target, "payments")

    assert (bus.transport, bus.arn) == ("sns", outputs["TopicArn"])
    assert publisher.function_name == outputs["PublisherFunction"]
    assert publisher.mapping_id == outputs["PublisherMappingId"]
    assert publisher.accounts_table == outputs["AccountsTable"]
    assert publisher.stream_arn == outputs["AccountsStreamArn"]
    assert publisher.failure_bucket == outputs["FailureBucket"]
    assert publisher.sequence_attribute == "version"
    assert publisher.table_status_map == "active=ACTIVE"
    assert publisher.sequence_epoch == 1
    assert publisher.publish_versions == (1, 2)
    assert payments.queue_url == outputs["QueueUrl"]
    assert payments.queue_arn == outputs["QueueArn"]
    assert payments.dlq_url == outputs["DlqUrl"]
    assert payments.dlq_arn == outputs["DlqArn"]
    assert payments.function_name == outputs["ConsumerFunction"]
    assert payments.table == outputs["PaymentsTable"]
    assert payments.versions == (2,)
    assert payments.since is None
    assert payments.parked_groups_table is None


@mock_aws
def test_an_attribute_that_is_not_used_is_told_as_none(monkeypatch):
    _publish_parameters(monkeypatch, deployed())
    target = AwsTarget(prefix="fanout", region="eu-west-1")
    assert find_publisher(target).sequence_attribute is None


@pytest.mark.parametrize("epoch", ["1", "9999"])
def test_the_publisher_accepts_the_environment_that_it_is_given(epoch):
    template = deployed(
        SequenceEpoch=epoch,
        PublishVersions="1,2",
        EntityFilter="kind=customer",
        TableStatusMap="active=ACTIVE,on hold=SUSPENDED",
    )
    function = of_type(template, "AWS::Lambda::Function")["PublisherFunction"]
    environment = {name: str(value) for name, value in _variables(function).items()}
    settings = publisher_settings.from_environment(environment)
    assert settings.bus_arn == template["Outputs"]["TopicArn"]["Value"]
    assert settings.failure_bucket == template["Outputs"]["FailureBucket"]["Value"]
    assert settings.service == "publisher"
    assert settings.rules.status_map == {"active": "ACTIVE", "on hold": "SUSPENDED"}


# Private functions


def _variables(function):
    return function["Environment"]["Variables"]


def _publish_parameters(monkeypatch, template):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    ssm = boto3.client("ssm", region_name="eu-west-1")
    for properties in of_type(template, "AWS::SSM::Parameter").values():
        ssm.put_parameter(
            Name=properties["Name"], Value=properties["Value"], Type=properties["Type"]
        )
