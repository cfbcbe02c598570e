"""The examples, deployed for real on the embedded AWS with the real packages, and taken down."""

from urllib.request import Request, urlopen

import pytest

from bare_emulator import emulator_in
from fanout.local.deployment import local_target
from fanout.packaging.build import build_package
from infra import terraform_emulator as embedded
from infra.terraform_workspace import require_provider, workspace

pytestmark = [pytest.mark.slow, pytest.mark.infra]

KEPT = {"sns_fanout", "pipes_fanout"}
"""Deployed by `make test`; the other two by `make test-infra`."""

REFUSED_KEY_POLICY = """
module "event_bus" {
  source  = "../../modules/subscriber"
  prefix  = "refused"
  name    = "fraud"
  bus     = { transport = "sns", arn = "arn:aws:sns:us-east-1:000000000000:a-topic" }
  kms_key = { arn = aws_kms_key.mine.arn, policy = aws_kms_key.mine.policy }
}

resource "aws_kms_key" "mine" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::000000000000:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    return {
        service: build_package(service, arch="local", output=folder)
        for service in ("publisher", "payments_consumer")
    }


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """MiniStack with nothing deployed."""
    with emulator_in(tmp_path_factory.mktemp("emulator"), region=embedded.REGION) as target:
        yield target


@pytest.fixture(scope="module")
def terraform(tmp_path_factory, aws):
    with workspace(
        tmp_path_factory.mktemp("terraform"), AWS_ENDPOINT_URL=aws.endpoint_url, NO_PROXY="*"
    ) as found:
        require_provider(found)
        yield found


@pytest.fixture
def emptied(aws):
    with urlopen(Request(f"{aws.endpoint_url}/_ministack/reset", method="POST"), timeout=30):
        return aws


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, marks=() if example in KEPT else pytest.mark.exhaustive)
        for example in embedded.FAULTS
    ],
)
def test_an_example_is_deployed_carries_a_change_and_leaves_nothing(
    example, terraform, emptied, packages
):
    target = local_target(emptied.endpoint_url, embedded.REGION, "example")
    deployment = embedded.prepare(terraform, example, target, packages)
    deployment.apply()
    if example in embedded.CARRIES:
        with embedded.stream_is_read(target):
            for status, payments in (("ACTIVE", "ALLOWED"), ("SUSPENDED", "BLOCKED")):
                embedded.write_status(target, "C-1", status)
                embedded.await_true(
                    lambda wanted=payments: (
                        embedded.row_of(target, "C-1").get("payments") == wanted
                    ),
                    f"the row is {payments}",
                )
    assert deployment.second_plan() == set(embedded.FAULTS[example])
    deployment.destroy()
    assert embedded.leftovers(target) == {}


def test_a_plan_with_a_key_that_does_not_admit_sns_is_refused(terraform, emptied):
    folder = terraform.folder("examples", "refused_key")
    folder.mkdir()
    (folder / "main.tf").write_text(REFUSED_KEY_POLICY + embedded.PROVIDER)
    terraform.init(folder)
    done = terraform.attempt(folder, "plan")
    assert done.returncode == 1
    assert "does not let sns.amazonaws.com use" in " ".join(done.stdout.split())
