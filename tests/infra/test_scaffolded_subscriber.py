"""What `fanout subscribers new` writes for Terraform is valid, whatever the subscriber is named."""

import pytest

from fanout.subscribers.creation import Choices, RuleKind, infrastructure_files
from infra.terraform_workspace import TERRAFORM, Workspace
from sentinel.contract.filters import Transport
from sentinel.contract.folder import read_contract

pytestmark = [pytest.mark.slow, pytest.mark.infra]
EVENT = read_contract(TERRAFORM.parents[1] / "schemas").event("CustomerStatusChanged")
NAMES = ["null", "true", "for", "no", "z" * 30]


def test_subscribers_of_any_name_are_valid_configurations(terraform: Workspace):
    """All in one: Terraform reads the provider's schema once, and an error names its file."""
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
    (root / "main.tf").write_text("\n".join(modules))
    terraform.init(root)
    assert "The configuration is valid" in terraform.run(root, "validate")
