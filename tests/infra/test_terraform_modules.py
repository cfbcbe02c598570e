"""Terraform's files are formatted, and each folder keeps the rules that its own tests name.

The fan-out examples are planned by `planned_state`, with a mocked AWS, and applied on the
embedded AWS by `test_terraform_examples.py`.
"""

import re

import pytest

from infra.terraform_workspace import TERRAFORM, Workspace

pytestmark = [pytest.mark.slow, pytest.mark.infra]
TESTED = sorted(path.parent.relative_to(TERRAFORM) for path in TERRAFORM.glob("*/*/tests"))


def test_everything_is_formatted(terraform: Workspace):
    assert terraform.run(TERRAFORM, "fmt", "-check", "-recursive", "-diff") == ""


@pytest.mark.parametrize("folder", TESTED, ids=str)
def test_a_folder_keeps_the_rules_that_its_own_tests_name(terraform: Workspace, folder):
    path = terraform.root / folder
    terraform.init(path)
    printed = terraform.run(path, "test")
    runs = [
        name
        for file in path.glob("tests/*.tftest.hcl")
        for name in re.findall(r'^run "(.*)"', file.read_text(), re.MULTILINE)
    ]
    assert f"{len(runs)} passed, 0 failed" in printed
