"""What `fanout subscribers new` writes for Terraform is valid, whatever the subscriber is named."""

import pytest

from fanout.contract.filters import Transport
from fanout.contract.folder import read_contract
from fanout.subscribers.creation import Choices, RuleKind, infrastructure_files
from infra.terraform_workspace import TERRAFORM, Workspace

pytestmark = [pytest.mark.slow, pytest.mark.infra]
EVENT = read_contract(TERRAFORM.parents[1] / "schemas").event("CustomerStatusChanged")
NAMES = ["null", "true", "for", "no", "z" * 30]


@pytest.mark.parametrize("name", NAMES)
def test_a_subscriber_of_any_name_is_a_valid_configuration(terraform: Workspace, name: str):
    choices = Choices(
        name=name,
        rule=RuleKind.LATEST_STATE,
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
            terraform.init(target.parent)
            said = terraform.run(target.parent, "validate")
            assert "The configuration is valid" in said
