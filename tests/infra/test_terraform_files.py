"""What the Terraform files say, read as text: generated parts, documentation, a test a rule."""

import re
import runpy
from pathlib import Path

import pytest

from customer_events.encoder import downcast
from customer_events.event import EVENT_NAME, MAJORS, TYPE_PREFIX, Status
from infra.terraform_workspace import EXAMPLES, MODULES, TERRAFORM

GENERATE = runpy.run_path(str(TERRAFORM / "generate.py"))
FOLDERS = [Path("modules", name) for name in MODULES] + [
    Path("examples", name) for name in EXAMPLES
]
HEADINGS = ["## Purpose", "## Usage", "## Nuances", "## Inputs and outputs"]
_SENTENCE = re.compile(r"[a-z0-9]+(_[a-z0-9]+){2,}")


def text_of(folder: Path, pattern: str) -> str:
    return "\n".join(path.read_text() for path in sorted((TERRAFORM / folder).glob(pattern)))


def test_what_is_generated_is_up_to_date():
    outdated = [
        str(path.relative_to(TERRAFORM))
        for path, text in GENERATE["generated"]()
        if not path.exists() or path.read_text() != text
    ]
    assert outdated == [], "run: python infra/terraform/generate.py"


def test_the_vocabulary_is_the_contracts():
    assert GENERATE["versions"]() == sorted(MAJORS)
    assert GENERATE["statuses"](2) == [str(status) for status in Status]
    assert set(GENERATE["statuses"](1)) == {str(downcast(status)) for status in Status}


def test_a_transition_that_changes_nothing_in_an_old_version_is_one_that_the_publisher_writes():
    same = {
        f"{downcast(before)}>{downcast(since)}"
        for before in Status
        for since in Status
        if before != since and downcast(before) == downcast(since)
    }
    assert GENERATE["unchanged"](1) == sorted(same)
    assert GENERATE["unchanged"](2) == []


def test_filters_ask_for_the_type_and_the_name_that_events_have():
    rendered = text_of(Path("modules/subscriber"), "filter.tf")
    assert f"{TYPE_PREFIX}${{major}}" in rendered
    assert rendered.count(f'"{EVENT_NAME}"') == 1


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_a_readme_has_the_four_headings(folder: Path):
    found = re.findall(r"^## .*", (TERRAFORM / folder / "README.md").read_text(), re.MULTILINE)
    assert found == HEADINGS


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_the_provider_and_terraform_are_bounded_the_same_everywhere(folder: Path):
    text = (TERRAFORM / folder / "versions.tf").read_text()
    assert 'required_version = ">= 1.9"' in text
    assert '">= 5.100.0, < 7.0.0"' in text


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_every_variable_and_output_says_what_it_is(folder: Path):
    blocks = list(GENERATE["blocks"](text_of(folder, "*.tf")))
    assert blocks
    assert [one.name for one in blocks if not one.description.endswith((".", "`"))] == []
    assert [one.name for one in blocks if one.kind == "variable" and not one.type] == []


@pytest.mark.parametrize("name", MODULES)
def test_durations_and_sizes_have_their_unit_in_the_name(name: str):
    blocks = list(GENERATE["blocks"](text_of(Path("modules", name), "variables.tf")))
    measured = re.compile(r"^(Seconds|Milliseconds|Days|Memory)\b")
    unit = re.compile(r"_(seconds|milliseconds|days|megabytes)$")
    assert [
        b.name for b in blocks if measured.match(b.description) and not unit.search(b.name)
    ] == []


@pytest.mark.parametrize("name", MODULES)
def test_a_run_is_named_by_its_rule(name: str):
    runs = re.findall(r'^run "([^"]+)"', text_of(Path("modules", name), "tests/*"), re.MULTILINE)
    assert runs
    assert [one for one in runs if not _SENTENCE.fullmatch(one)] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_validation_has_a_run_that_it_refuses(name: str):
    """As many refusals of a variable (or output) as it has rules, at least."""
    tests = text_of(Path("modules", name), "tests/*")
    refused = re.findall(r"expect_failures = \[(?:var|output)\.(\w+)\]", tests)
    missing = {
        f"{block}: {rules} rules, {refused.count(block)} refusals"
        for block, rules in rules_of(name).items()
        if refused.count(block) < rules
    }
    assert missing == set()


@pytest.mark.parametrize("name", MODULES)
def test_a_refusal_says_the_harm_in_a_sentence(name: str):
    messages = re.findall(
        r'error_message = "(.*)"$', text_of(Path("modules", name), "*.tf"), re.MULTILINE
    )
    assert [one for one in messages if not one.endswith(".")] == []
    assert [one for one in messages if len(one) < 40] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_nothing_of_one_machine_or_account_is_in_the_files(folder: Path):
    files = [
        path
        for path in (TERRAFORM / folder).rglob("*")
        if path.is_file() and ".terraform" not in path.parts
    ]
    assert [path.name for path in files if path.name.endswith((".tfstate", ".lock.hcl"))] == []
    text = "\n".join(path.read_text() for path in files if path.suffix in {".tf", ".hcl", ".md"})
    assert not re.search(r"registry\.\w+\.io", text)
    accounts = set(re.findall(r"(?<!\d)\d{12}(?!\d)", text)) - {
        "000000000001",
        "000000000002",
        "000000000009",
    }
    assert accounts <= {"111122223333", "444455556666"}


@pytest.mark.parametrize("name", MODULES)
def test_permissions_name_actions_and_resources(name: str):
    """Only X-Ray takes no resource; in a key's policy `*` is the key, and its root admits IAM."""
    text = text_of(Path("modules", name), "*.tf")
    statements = re.findall(r"Sid += \"([^\"]+)\"(.*?)(?=Sid +=|\Z)", text, re.DOTALL)
    wild = {
        sid
        for sid, rest in statements
        if re.search(r'Resource += "\*"', rest) and name != "encryption_key"
    }
    assert wild <= {"SendTraces"}
    actions = {
        sid: re.findall(r'"[a-z0-9]+:[A-Za-z]*\*"', rest)
        for sid, rest in statements
        if sid not in {"OnlyEncryptedTransport", "AccountDecidesThroughIam"}
    }
    assert {sid: found for sid, found in actions.items() if found} == {} or name == "encryption_key"


def rules_of(name: str) -> dict[str, int]:
    found = {}
    for file in ("variables.tf", "outputs.tf"):
        text = (TERRAFORM / "modules" / name / file).read_text()
        for block, body in re.findall(
            r'^(?:variable|output) "([^"]+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL
        ):
            if rules := len(re.findall(r"^  (?:validation|precondition) \{", body, re.MULTILINE)):
                found[block] = rules
    return found


def test_the_generators_reading_of_a_block_is_terraforms():
    [block] = GENERATE["blocks"](
        """variable "a" {
  description = "Says \\"a\\"."
  type = object({
    b = string
  })
  default = null
}
"""
    )
    assert block.description == 'Says "a".'
    assert block.type == "object({ b = string })"
    assert block.default == "null"
    assert not block.is_required
