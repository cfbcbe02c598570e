"""The examples, deployed for real on the embedded AWS with the real packages, and taken down."""

import hashlib
import shutil
from base64 import b64encode

import pytest

from bare_emulator import emulator_in
from fanout.local.deployment import local_target
from fanout.packaging.build import build_package
from infra import terraform_emulator as embedded
from infra.terraform_workspace import Workspace, one_provider, workspace
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.infra]
GIVEN_KEY = """
resource "aws_kms_key" "mine" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = module.event_bus.key_policy_statements
  })
}

module "event_bus" {
  source  = "../../modules/event_bus"
  kms_key = { arn = aws_kms_key.mine.arn }
}
"""
RELEASED = """
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}

module "fanout" {
  create_accounts_table = true
  package_folder        = null
  packages = {
    publisher = { path = "publisher-1.0.0-python3.13-arm64.zip" }
    sentinel  = { s3_bucket = "artifacts", s3_key = "sentinel-1.0.0-python3.13-arm64.zip" }
    payments  = { s3_bucket = "artifacts", s3_key = "payments_consumer-1.0.0-python3.13-arm64.zip" }
  }
}
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    return {
        service: build_package(service, output=folder).path
        for service in ("publisher", "sentinel", "payments_consumer")
    }


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """MiniStack with nothing deployed."""
    with emulator_in(tmp_path_factory.mktemp("emulator"), region=embedded.REGION) as target:
        yield target


def test_the_examples_are_deployed_carry_a_change_and_leave_nothing(
    tmp_path_factory, aws, packages
):
    """In one run: to deploy them one by one, or from several workers, takes minutes."""
    targets = {
        example: local_target(aws.endpoint_url, embedded.REGION, example.replace("_", "-"))
        for example in embedded.FAULTS
    }
    root = tmp_path_factory.mktemp("terraform")
    settings = {"AWS_ENDPOINT_URL": aws.endpoint_url, "NO_PROXY": "*"}
    with workspace(root, **settings) as copied, one_provider(copied) as terraform:
        deployment = embedded.prepare(terraform, targets, packages)
        deployment.apply()
        for example in sorted(embedded.CARRIES):
            carries_a_change(targets[example])
        found = {example: set(faults) for example, faults in embedded.FAULTS.items()}
        assert deployment.second_plan() == found
        deployment.destroy()
    assert embedded.leftovers(targets["sns_fanout"]) == {}


def carries_a_change(target):
    with embedded.stream_is_read(target):
        for status, payments in (("ACTIVE", "ALLOWED"), ("SUSPENDED", "BLOCKED")):
            embedded.write_status(target, "C-1", status)
            eventually(
                lambda wanted=payments: embedded.row_of(target, "C-1").get("payments") == wanted,
                f"{target.prefix}: the row is {payments}",
            )


def test_released_packages_are_planned_where_there_is_no_python(tmp_path, aws, packages):
    programs = tmp_path / "programs"
    programs.mkdir()
    programs.joinpath("terraform").symlink_to(shutil.which("terraform"))
    settings = {"AWS_ENDPOINT_URL": aws.endpoint_url, "NO_PROXY": "*", "PATH": str(programs)}
    with workspace(tmp_path / "clone", **settings) as terraform:
        folder = terraform.folder("examples", "sns_fanout")
        folder.joinpath("released_override.tf").write_text(RELEASED)
        released = folder / "publisher-1.0.0-python3.13-arm64.zip"
        shutil.copy(packages["publisher"], released)
        terraform.init(folder)
        terraform.run(folder, "plan", "-out=released.plan")
        planned = {
            change["change"]["after"]["function_name"]: change["change"]["after"]
            for change in terraform.changes(folder, "released.plan")
            if change["type"] == "aws_lambda_function"
        }
    hashed = b64encode(hashlib.sha256(released.read_bytes()).digest()).decode()
    assert planned["fanout-publisher"]["source_code_hash"] == hashed
    assert planned["fanout-payments-consumer"]["s3_bucket"] == "artifacts"


def test_a_given_key_takes_its_policy_from_the_module_that_uses_it(terraform: Workspace):
    folder = terraform.folder("examples", "given_key")
    folder.mkdir()
    (folder / "main.tf").write_text(GIVEN_KEY)
    terraform.init(folder)
    assert "The configuration is valid" in terraform.run(folder, "validate")
