"""`fanout schema check` on the contract as it is, and on working copies of it with one change."""

import copy
import json
import shutil
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from typer.testing import CliRunner

from contract.contract_files import SCHEMAS, read_schema
from fanout.contract.commands import schema_app
from fanout.errors import WrongUse

V2 = "customer_status_changed/v2.schema.json"
RUNNER = CliRunner()


def run(folder, *options, command="check"):
    result = RUNNER.invoke(schema_app, [command, "--schemas", str(folder), *options])
    if isinstance(result.exception, WrongUse):
        return 2, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def run_json(folder, *options):
    code, output = run(folder, "--json", *options)
    return code, json.loads(output)


@pytest.fixture
def working_copy(tmp_path):
    return shutil.copytree(SCHEMAS, tmp_path / "schemas")


def edit(folder, change, name=V2):
    path = folder / name
    schema = json.loads(path.read_text(encoding="utf-8"))
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")


def require_channel(schema):
    schema["properties"]["channel"] = {"description": "How.", "type": "string"}
    schema["required"].append("channel")


def add_a_status(schema):
    schema["properties"]["status"]["enum"].append("DORMANT")


def narrow_the_previous_status(schema):
    schema["properties"]["previous_status"]["enum"].remove(None)


def offer_a_channel(schema):
    schema["properties"]["channel"] = {"description": "How.", "type": "string"}


BREAKING = [
    (require_channel, "$.channel", "required", "backward", "producer first", []),
    (add_a_status, "$.status", "enum", "forward", "consumers first", ["status"]),
    (
        narrow_the_previous_status,
        "$.previous_status",
        "enum",
        "backward",
        "producer first",
        ["previous_status"],
    ),
]


def accepted(schema, document):
    return Draft202012Validator(schema, format_checker=FormatChecker()).is_valid(document)


def test_what_is_published_is_recorded_and_unchanged():
    code, report = run_json(SCHEMAS)
    assert code == 0
    assert report["unrecorded"] == [], "run: fanout schema record"
    assert {one["state"] for one in report["schemas"]} == {"unchanged"}
    assert report["passes"]


@pytest.mark.parametrize("case", BREAKING, ids=lambda case: case[0].__name__)
def test_a_breaking_change_fails_with_path_rule_example_and_subscribers(working_copy, case):
    change, path, rule, direction, order, relies_on = case
    edit(working_copy, change)
    code, report = run_json(working_copy)
    assert (code, report["passes"]) == (1, False)
    (schema,) = [one for one in report["schemas"] if one["state"] == "broken"]
    assert (schema["schema"], schema["roll_out"]) == (V2, order)
    (finding,) = schema["findings"]
    assert (finding["path"], finding["rule"]) == (path, rule)
    assert finding["direction"] == direction
    assert {"name": "payments", "relies_on": relies_on} in finding["subscribers"]
    old, new = read_schema("v2"), copy.deepcopy(read_schema("v2"))
    change(new)
    written, read = (old, new) if direction == "backward" else (new, old)
    assert accepted(written, finding["example"])
    assert not accepted(read, finding["example"])


def test_a_person_is_shown_the_same_in_words(working_copy):
    edit(working_copy, add_a_status)
    code, output = run(working_copy)
    assert code == 1
    page = "docs/howto/change-the-contract.md"
    for shown in (V2, "$.status", "enum", "payments", "for example: {", page):
        assert shown in output


def test_adding_an_optional_field_passes_and_says_how_to_record_it(working_copy):
    edit(working_copy, offer_a_channel)
    code, output = run(working_copy)
    assert code == 0
    assert f"Not recorded as published yet: {V2}" in output
    assert "fanout schema record" in output


def test_what_is_recorded_is_from_then_on_what_a_change_is_compared_with(working_copy):
    edit(working_copy, offer_a_channel)
    assert run(working_copy, command="record")[0] == 0
    assert run_json(working_copy)[1]["unrecorded"] == []
    edit(working_copy, require_channel)
    assert run_json(working_copy)[1]["schemas"][1]["findings"][0]["path"] == "$.channel"


def test_nothing_that_breaks_is_recorded(working_copy):
    before = (working_copy / "frozen.json").read_bytes()
    edit(working_copy, add_a_status)
    assert run(working_copy, command="record")[0] == 1
    assert (working_copy / "frozen.json").read_bytes() == before


def test_a_change_of_words_alone_passes_and_has_to_be_recorded(working_copy):
    edit(working_copy, lambda schema: schema.update(description="Other words."))
    code, report = run_json(working_copy)
    assert (code, report["unrecorded"]) == (0, [V2])


def test_a_record_that_was_changed_by_hand_is_refused(working_copy):
    edit(working_copy, lambda record: add_a_status(record[V2]["schema"]), name="frozen.json")
    code, says = run(working_copy)
    assert code == 2
    assert "was changed by hand" in says


def test_another_folder_can_be_compared_with(working_copy):
    edit(working_copy, add_a_status)
    code, report = run_json(working_copy, "--against", str(SCHEMAS))
    assert code == 1
    assert report["against"] == str(SCHEMAS)
    assert report["schemas"][1]["findings"][0]["rule"] == "enum"


@pytest.mark.parametrize("mode", ["backward", "forward"])
def test_a_registry_that_asks_for_less_than_full_compatibility_is_refused(working_copy, mode):
    path = working_copy / "customer_status_changed" / "registry.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("compatibility: full", f"compatibility: {mode}"), encoding="utf-8")
    code, sentence = run(working_copy)
    assert code == 2
    assert "`compatibility`: expected `full`" in sentence


@pytest.mark.slow
def test_the_envelope_is_guarded_like_every_version(working_copy):
    edit(
        working_copy,
        lambda schema: schema["required"].append("traceparent"),
        name="envelope.schema.json",
    )
    code, report = run_json(working_copy)
    finding = report["schemas"][-1]["findings"][0]
    assert (code, finding["path"], finding["rule"]) == (1, "$.traceparent", "required")
    assert "payments" in {one["name"] for one in finding["subscribers"]}


WRONG_USES = {
    "a folder that is not there": (
        lambda _: None,
        ["--schemas", "/nowhere/schemas"],
        "not a folder",
    ),
    "a folder without schemas": (shutil.rmtree, [], "not a folder"),
    "an event's folder without its registry": (
        lambda folder: (folder / "customer_status_changed" / "registry.yaml").unlink(),
        [],
        "no schemas",
    ),
    "a schema that is no JSON": (
        lambda folder: (folder / V2).write_text("{", encoding="utf-8"),
        [],
        "not valid JSON",
    ),
    "a schema that names a field twice": (
        lambda folder: (folder / V2).write_text('{"type": 1, "type": 2}', encoding="utf-8"),
        [],
        "appears twice",
    ),
    "a schema that is no text": (
        lambda folder: (folder / V2).write_bytes(b"\xff\xfe"),
        [],
        "can't be read",
    ),
    "a schema that is missing": (lambda folder: (folder / V2).unlink(), [], "can't be read"),
    "a registry that is no YAML": (
        lambda folder: (folder / "customer_status_changed" / "registry.yaml").write_text("a: ["),
        [],
        "not valid YAML",
    ),
    "a registry without versions": (
        lambda folder: (folder / "customer_status_changed" / "registry.yaml").write_text("a: 1"),
        [],
        "has no `versions`",
    ),
    "a registry that is a list": (
        lambda folder: (folder / "customer_status_changed" / "registry.yaml").write_text("[]"),
        [],
        "registry.yaml: expected an object.",
    ),
    "a revision outside of git": (lambda _: None, ["--against", "HEAD"], "no git repository"),
    "a folder whose events lie deeper": (
        lambda folder: shutil.copytree(folder, folder.parent / "more" / "schemas"),
        ["--against", "{parent}/more"],
        "no schemas",
    ),
}


@pytest.mark.parametrize("case", WRONG_USES)
def test_wrong_use_is_one_clear_sentence(working_copy, case):
    spoil, options, says = WRONG_USES[case]
    spoil(working_copy)
    options = [option.format(parent=working_copy.parent) for option in options]
    code, sentence = run(working_copy, *options)
    assert code == 2
    assert says in sentence
    assert "\n" not in sentence


def git(folder, *arguments):
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(working_copy):
    git(working_copy.parent, "init", "-q")
    git(working_copy.parent, "add", ".")
    git(working_copy.parent, "commit", "-q", "-m", "Published")
    return working_copy


@pytest.mark.slow
def test_a_git_hook_in_a_linked_worktree_compares_its_own_schemas(repository, tmp_path):
    linked = tmp_path / "linked"
    git(repository.parent, "worktree", "add", "-q", linked)
    edit(linked / "schemas", add_a_status)
    git(linked, "add", ".")
    hook = repository.parent / ".git" / "hooks" / "pre-commit"
    command = "import sys; from fanout.cli import main; sys.argv[0] = 'fanout'; main()"
    hook.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "{command}" schema check --against HEAD\n'
    )
    hook.chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        git(linked, "commit", "-q", "-m", "Broken")
    assert b"DORMANT" in refused.value.stdout + refused.value.stderr


@pytest.mark.slow
def test_a_working_copy_can_be_compared_with_a_revision(repository):
    edit(repository, add_a_status)
    code, report = run_json(repository, "--against", "HEAD")
    assert (code, report["against"]) == (1, "HEAD")
    git(repository.parent, "commit", "-q", "-a", "-m", "Broken")
    assert run_json(repository, "--against", "HEAD")[0] == 0
    assert run_json(repository, "--against", "HEAD~1")[0] == 1


@pytest.mark.slow
@pytest.mark.parametrize("revision", ["no-such-branch", "-x", "HEAD:schemas", ""])
def test_a_revision_that_git_does_not_know_is_wrong_use(repository, revision):
    code, says = run(repository, f"--against={revision}")
    assert code == 2
    assert "neither a folder nor a revision" in says


@pytest.mark.slow
def test_a_revision_without_schemas_is_wrong_use(repository):
    git(repository.parent, "checkout", "-q", "--orphan", "bare")
    git(repository.parent, "rm", "-q", "-r", "--cached", ".")
    git(repository.parent, "commit", "-q", "--allow-empty", "-m", "Nothing")
    code, says = run(repository, "--against", "bare")
    assert (code, "There are no schemas in bare" in says) == (2, True)
