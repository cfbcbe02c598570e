import pytest

from fanout.errors import WrongUse
from fanout.local import stack
from fanout.local import stack as shims


@pytest.fixture(scope="module")
def template():
    return stack.load_template()


def test_only_the_code_addresses_of_the_functions_change(template):
    packages = {service: f"{service}.zip" for service in stack.services(template)}
    rewritten = stack.with_code_at(template, "packages", packages)
    addresses = {
        name: resource["Properties"].pop("CodeUri")
        for name, resource in rewritten["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert sorted(addresses.values()) == [
        "s3://packages/payments_consumer.zip",
        "s3://packages/publisher.zip",
    ]
    for name in addresses:
        rewritten["Resources"][name]["Properties"]["CodeUri"] = template["Resources"][name][
            "Properties"
        ]["CodeUri"]
    assert rewritten == template


def test_only_alarms_on_a_metric_expression_are_left_out(template):
    kept = shims.without_refused(template)
    lost = [
        template["Resources"][name] for name in template["Resources"].keys() - kept["Resources"]
    ]
    assert lost
    assert {resource["Type"] for resource in lost} == {"AWS::CloudWatch::Alarm"}
    assert all("Metrics" in resource["Properties"] for resource in lost)


def test_no_mapping_refers_to_a_number_parameter_once_shimmed(template):
    shimmed = shims.with_mapping_numbers(template, {"ConsumerMaximumConcurrency": "2"})
    mapping = shimmed["Resources"]["ConsumerMapping"]["Properties"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert isinstance(mapping["BatchSize"], int)
    assert mapping["FunctionName"] == {"Ref": "ConsumerFunction"}


def test_a_template_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WrongUse, match=r"nowhere\.yaml can't be read"):
        stack.load_template(tmp_path / "nowhere.yaml")
