"""Terraform's files are formatted, and each folder keeps the rules that its own tests name.

The fan-out examples are planned by `planned_state`, with a mocked AWS, and applied on the
embedded AWS by `test_terraform_examples.py`.
"""

import re
import shutil

import pytest

from infra.terraform_workspace import TERRAFORM, Workspace

pytestmark = [pytest.mark.slow, pytest.mark.infra]
_RUN = re.compile(r'^(run ".*" \{)$', re.MULTILINE)


def test_everything_is_formatted(terraform: Workspace):
    assert terraform.run(TERRAFORM, "fmt", "-check", "-recursive", "-diff") == ""


def test_each_folder_keeps_the_rules_that_its_own_tests_name(terraform: Workspace):
    """All in one folder, as Terraform reads the provider's schema for each in which it starts."""
    together = terraform.folder("modules", "together")
    together.mkdir()
    shutil.copy(terraform.folder("modules", "fanout", "versions.tf"), together)
    runs = 0
    for file in TERRAFORM.glob("*/*/tests/*.tftest.hcl"):
        tested = file.parents[1].relative_to(TERRAFORM)
        module = f'\\1\n  module {{\n    source = "../../{tested.as_posix()}"\n  }}'
        text, count = _RUN.subn(module, file.read_text())
        together.joinpath(f"{tested.name}_{file.name}").write_text(text)
        runs += count
    terraform.init(together)
    assert f"{runs} passed, 0 failed" in terraform.run(together, "test")
