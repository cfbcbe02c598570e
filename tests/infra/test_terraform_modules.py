"""Each module is formatted, valid, and keeps the rules that its own tests name; without AWS."""

import re

import pytest

from infra.terraform_workspace import (
    EXAMPLES,
    MODULES,
    TERRAFORM,
    Workspace,
    require_provider,
    workspace,
)

pytestmark = [pytest.mark.slow, pytest.mark.infra]
FOLDERS = [("modules", name) for name in MODULES] + [("examples", name) for name in EXAMPLES]
TESTED = [folder for folder in FOLDERS if TERRAFORM.joinpath(*folder, "tests").is_dir()]


@pytest.fixture(scope="module")
def terraform(tmp_path_factory):
    with workspace(tmp_path_factory.mktemp("terraform")) as found:
        require_provider(found)
        yield found


def test_everything_is_formatted(terraform: Workspace):
    assert terraform.run(terraform.root, "fmt", "-check", "-recursive", "-diff") == ""


@pytest.mark.parametrize("folder", FOLDERS, ids="/".join)
def test_a_folder_is_valid(terraform: Workspace, folder: tuple[str, str]):
    path = terraform.folder(*folder)
    terraform.init(path)
    assert "The configuration is valid" in terraform.run(path, "validate")


@pytest.mark.parametrize("folder", TESTED, ids="/".join)
def test_a_folder_keeps_the_rules_that_its_own_tests_name(
    terraform: Workspace, folder: tuple[str, str]
):
    path = terraform.folder(*folder)
    terraform.init(path)
    said = terraform.run(path, "test")
    runs = [
        name
        for file in path.glob("tests/*.tftest.hcl")
        for name in re.findall(r'^run "(.*)"', file.read_text(), re.MULTILINE)
    ]
    assert f"{len(runs)} passed, 0 failed" in said
