"""What `fanout subscribers new` writes for Terraform is valid, and so is a key that is given."""

import pytest

from fanout.subscribers.creation import Choices, RuleKind, infrastructure_files
from infra.terraform_workspace import TERRAFORM, Workspace
from sentinel.contract.filters import Transport
from sentinel.contract.folder import read_contract

pytestmark = [pytest.mark.slow, pytest.mark.infra]
EVENT = read_contract(TERRAFORM.parents[1] / "schemas").event("CustomerStatusChanged")
GIVEN_KEY = """
resource "aws_kms_key" "mine" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = module.event_bus.key_policy_statements
  })
}

module "event_bus" {
  source  = "../modules/event_bus"
  kms_key = { arn = aws_kms_key.mine.arn }
}
"""
NAMES = ["null", "true", "for", "no", "z" * 30]


def test_subscribers_of_any_name_and_a_key_that_its_user_permits_are_valid(terraform: Workspace):
    """All in one: Terraform reads the provider's schema once, and an error names its file.

    A given key takes its policy from the module that uses it, and that is no circle.
    """
    root = terraform.folder("subscribers")
    for name in NAMES:
        choices = Choices(
            name=name,
            rule=RuleKind.EVERY_EVENT if name == "for" else RuleKind.LATEST_STATE,
            versions=(2,),
            statuses=("CLOSED",),
            bus=Transport.SNS,
            external=False,
        )
        for path, text in infrastructure_files(choices, EVENT).items():
            if path.endswith(".tf"):
                target = terraform.root.parents[1] / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
    modules = [f'module "of_{name}" {{\n  source = "./{name}"\n}}\n' for name in NAMES]
    (root / "main.tf").write_text("\n".join([*modules, GIVEN_KEY]))
    terraform.init(root)
    assert "The configuration is valid" in terraform.run(root, "validate")
