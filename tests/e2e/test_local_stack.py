"""Deploying a SAM template through the emulator's CloudFormation."""

import zipfile

import pytest

from fanout.errors import Refused, WrongUse
from fanout.local import stack
from fanout.local.deployment import local_target

pytestmark = pytest.mark.slow


@pytest.fixture
def packages(tmp_path):
    path = tmp_path / "publisher.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("publisher/lambda_entry.py", "")
    return {"publisher": path}


def template(**resources):
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {
            "Prefix": {"Type": "String", "Default": "x"},
            "StreamMappingEnabled": {"Type": "String", "Default": "true"},
            "Greeting": {"Type": "String", "Default": "hello"},
        },
        "Resources": resources,
    }


FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {
        "FunctionName": {"Fn::Sub": "${Prefix}-greeter"},
        "Runtime": "python3.13",
        "CodeUri": "../../dist/nowhere.zip",
        "Handler": "publisher.lambda_entry.lambda_handler",
    },
}


def target(bare_emulator, prefix):
    there = bare_emulator.target
    return local_target(there.endpoint_url, there.region, prefix)


def test_a_failed_deployment_names_the_resource_and_the_reason(bare_emulator, packages):
    broken = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": "/twice", "Type": "Colour", "Value": "1"},
    }
    with pytest.raises(Refused, match=r"Wrong \(AWS::SSM::Parameter\): .+"):
        stack.deploy(
            target(bare_emulator, "broken"),
            packages=packages,
            parameters={},
            template=template(Wrong=broken),
        )


def test_a_resource_type_that_the_emulator_does_not_know_is_refused_by_name(
    bare_emulator, packages
):
    unknown = {"Type": "AWS::Nowhere::Thing", "Properties": {}}
    with pytest.raises(Refused, match="AWS::Nowhere::Thing"):
        stack.deploy(
            target(bare_emulator, "unknown"),
            packages=packages,
            parameters={},
            template=template(Thing=unknown),
        )


def test_a_parameter_that_the_template_lacks_is_refused_and_the_known_ones_are_named(
    bare_emulator, packages
):
    with pytest.raises(WrongUse, match=r"no parameter 'Colour'.*Greeting, Prefix"):
        stack.deploy(
            target(bare_emulator, "colour"),
            packages=packages,
            parameters={"Colour": "red"},
            template=template(Greeter=FUNCTION),
        )
