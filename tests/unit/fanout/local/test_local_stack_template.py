import pytest

from fanout.errors import WrongUse
from fanout.local import stack

ABSENT = {"AWS::Logs::QueryDefinition", "AWS::XRay::ResourcePolicy"}
"""Kinds of resources that the emulator does not have."""


@pytest.fixture(scope="module")
def template():
    return stack.load_template()


def test_only_the_code_addresses_of_the_functions_change(template):
    packages = {service: f"{service}.zip" for service in stack.services(template, {})}
    rewritten = stack.with_code_at(template, "packages", packages)
    addresses = {
        name: resource["Properties"].pop("CodeUri")
        for name, resource in rewritten["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert sorted(addresses.values()) == [
        "s3://packages/payments_consumer.zip",
        "s3://packages/publisher.zip",
        "s3://packages/sentinel.zip",
    ]
    for name in addresses:
        rewritten["Resources"][name]["Properties"]["CodeUri"] = template["Resources"][name][
            "Properties"
        ]["CodeUri"]
    assert rewritten == template


def test_only_some_alarms_what_is_absent_there_and_denials_of_plain_http_are_left_out(template):
    kept = stack.for_emulator(template, {})["Resources"]
    lost = [template["Resources"][name] for name in template["Resources"].keys() - kept]
    alarms = [one for one in lost if one["Type"].startswith("AWS::CloudWatch::")]
    assert len(alarms) > 2
    assert all({"Metrics", "AlarmRule"} & one["Properties"].keys() for one in alarms)
    absent = [one for one in lost if one["Type"] in ABSENT]
    for policy in (one for one in lost if one not in alarms + absent):
        [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
        assert statement["Sid"] == "OnlyEncryptedTransport"


def test_no_mapping_refers_to_a_number_parameter(template):
    resources = stack.for_emulator(template, {"ConsumerMaximumConcurrency": "2"})["Resources"]
    mapping = resources["ConsumerMapping"]["Properties"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert isinstance(mapping["BatchSize"], int)
    assert mapping["FunctionName"] == {"Ref": "ConsumerFunction"}


def test_a_template_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WrongUse, match=r"nowhere\.yaml can't be read"):
        stack.load_template(tmp_path / "nowhere.yaml")


def test_a_trial_table_is_made_unless_the_stream_of_a_table_is_given(template):
    arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/prod-accounts/stream/1"
    alone = stack._parameters(template, "prod", {})
    beside = stack._parameters(template, "prod", {"AccountsStreamArn": arn})
    assert (alone["CreateAccountsTable"], beside["CreateAccountsTable"]) == ("true", "false")
