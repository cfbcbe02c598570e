"""What the Terraform files say, read as text: vocabulary, documentation, a test for each rule."""

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


def blocks_of(text: str) -> list[tuple[str, str, str]]:
    """Kind, name and text of each variable and output of files that `terraform fmt` formatted."""
    return re.findall(r'^(variable|output) "([^"]+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)


def refused_in(module: str) -> str:
    """What the runs of a module's tests expect to fail."""
    tests = text_of(Path("modules", module), "tests/*")
    return " ".join(re.findall(r"expect_failures = \[(.*?)\]\n", tests, re.DOTALL))


def test_what_is_generated_is_up_to_date():
    outdated = [
        path for path in GENERATE["FILES"] if path.read_text() != GENERATE["render_vocabulary"]()
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
    blocks = blocks_of(text_of(folder, "*.tf"))
    assert blocks
    described = re.compile(
        r'^  description = (".*\."$|<<-EOT\n.*?\.\n  EOT$)', re.MULTILINE | re.DOTALL
    )
    assert [name for _, name, body in blocks if not described.search(body)] == []
    assert [
        name for kind, name, body in blocks if kind == "variable" and "\n  type " not in body
    ] == []


@pytest.mark.parametrize("name", MODULES)
def test_durations_and_sizes_have_their_unit_in_the_name(name: str):
    measured = re.compile(r'description = "(Seconds|Milliseconds|Days|Memory)\b')
    unit = re.compile(r"_(seconds|milliseconds|days|megabytes)$")
    blocks = blocks_of(text_of(Path("modules", name), "variables.tf"))
    assert [
        name for _, name, body in blocks if measured.search(body) and not unit.search(name)
    ] == []


@pytest.mark.parametrize("name", MODULES)
def test_a_run_is_named_by_its_rule(name: str):
    runs = re.findall(r'^run "([^"]+)"', text_of(Path("modules", name), "tests/*"), re.MULTILINE)
    assert runs
    assert [one for one in runs if not _SENTENCE.fullmatch(one)] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_validation_has_a_run_that_it_refuses(name: str):
    """A variable is refused in at least as many runs as it has rules."""
    refused = re.findall(r"\bvar\.(\w+)", refused_in(name))
    rules = {
        variable: len(re.findall(r"^  validation \{", body, re.MULTILINE))
        for _, variable, body in blocks_of(text_of(Path("modules", name), "variables.tf"))
    }
    assert {variable for variable in rules if refused.count(variable) < rules[variable]} == set()


@pytest.mark.parametrize("name", MODULES)
def test_every_precondition_has_a_run_that_it_refuses(name: str):
    resources = re.findall(
        r'^resource "(\w+)" "(\w+)" \{\n(.*?)^\}',
        text_of(Path("modules", name), "*.tf"),
        re.MULTILINE | re.DOTALL,
    )
    guarded = {f"{kind}.{label}" for kind, label, body in resources if "precondition {" in body}
    assert [address for address in guarded if address not in refused_in(name)] == []


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
    """X-Ray and VPC calls take none, and two that look; in a key's policy `*` is the key itself."""
    text = text_of(Path("modules", name), "*.tf")
    statements = re.findall(r"Sid += \"([^\"]+)\"(.*?)(?=Sid +=|\Z)", text, re.DOTALL)
    wild = {
        sid
        for sid, rest in statements
        if re.search(r'Resource += "\*"', rest) and name != "encryption_key"
    }
    traces = {"SendTraces", "TopicSendsTraces"}
    in_every_role = traces | {"LambdaAttachesToTheVpc", "TheCodeDoesNot"}
    assert wild <= in_every_role | {"FindRules", "LookAtSubscriptions"}
    actions = {
        sid: re.findall(r'"[a-z0-9]+:[A-Za-z]*\*"', rest)
        for sid, rest in statements
        if sid not in {"OnlyEncryptedTransport", "AccountDecidesThroughIam"}
    }
    assert {sid: found for sid, found in actions.items() if found} == {} or name == "encryption_key"
