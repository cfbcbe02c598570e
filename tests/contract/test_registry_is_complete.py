"""What a later command needs is checked when the registry is read; a second event type fits in."""

import copy
import json
import re
import shutil

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from contract.contract_files import SCHEMAS, read_json, read_registry
from contract.wire_strategies import MISSING, changed
from customer_events.registry import load
from fanout.contract.commands import schema_app
from fanout.contract.generated import GENERATED, produce
from fanout.errors import WrongUse
from sentinel.contract.folder import parse_registry, read_contract

COMMANDS = [["generate", kind] for kind in GENERATED] + [["record"]]
FOLDER = "schemas/customer_status_changed"


@pytest.fixture
def clone(tmp_path, monkeypatch, libyaml):
    """A folder with the contract, in which commands run."""
    shutil.copytree(SCHEMAS, tmp_path / "schemas")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(schema_app, list(arguments))
    if isinstance(result.exception, SystemExit):
        assert result.exit_code == 0, result.output
    elif result.exception is not None:
        raise result.exception


def paths_in(value, path=()):
    """Every place in a document but its root."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from paths_in(inner, (*path, key))


def without(document, path):
    return changed(document, path, MISSING)


REGISTRY = read_registry()
SPOILED = [
    pytest.param(without(REGISTRY, path), id=f"without {path}") for path in paths_in(REGISTRY)
] + [
    pytest.param(changed(REGISTRY, path, value), id=f"{path} {value}")
    for path in paths_in(REGISTRY)
    for value in (None, 5, "", [], {})
]


@pytest.mark.parametrize("registry", SPOILED)
def test_a_registry_that_is_read_serves_every_command_that_reads_it(tmp_path, registry, libyaml):
    text = yaml.safe_dump(registry)
    try:
        parse_registry(text, "registry.yaml", complete=True)
    except WrongUse:
        return
    for path in (SCHEMAS / "customer_status_changed").glob("*.schema.json"):
        (tmp_path / "event").mkdir(exist_ok=True)
        shutil.copyfile(path, tmp_path / "event" / path.name)
    shutil.copyfile(SCHEMAS / "envelope.schema.json", tmp_path / "envelope.schema.json")
    (tmp_path / "event/registry.yaml").write_text(text)
    contract = read_contract(tmp_path)
    shipped = tmp_path / "registry.json"
    for name, file in GENERATED.items():
        produce(file, contract, shipped if name == "registry" else tmp_path / name)
    assert load(registry["event"], shipped).current


@pytest.mark.parametrize("name", ["owner", "versions", "fields", "statuses", "latest_state"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_subscriber_without_a_field_that_is_needed_is_refused_by_name(clone, name, command):
    registry = without(REGISTRY, ("subscribers", 0, name))
    (clone / FOLDER / "registry.yaml").write_text(yaml.safe_dump(registry))
    before = (clone / "schemas/frozen.json").read_bytes()
    with pytest.raises(WrongUse, match=rf"has no `subscribers\[0\].{name}`"):
        run(*command)
    assert (clone / "schemas/frozen.json").read_bytes() == before


@pytest.mark.parametrize("name", ["$id", "description", "properties"])
@pytest.mark.parametrize("file", ["envelope.schema.json", "customer_status_changed/v2.schema.json"])
def test_a_schema_without_what_is_read_of_it_is_refused(clone, file, name):
    path = clone / "schemas" / file
    path.write_text(json.dumps(without(read_json(path), (name,))))
    for command in COMMANDS[:3]:
        with pytest.raises(WrongUse, match=re.escape(f"{file} has no `{name}`")):
            run(*command)


def test_a_description_that_is_no_text_is_refused(clone):
    path = clone / FOLDER / "v2.schema.json"
    schema = read_json(path)
    schema["properties"]["status"]["description"] = 7
    path.write_text(json.dumps(schema))
    with pytest.raises(WrongUse, match=r"`properties.status.description`: .* string"):
        run("generate", "docs")


def test_a_field_that_is_filtered_by_lists_its_values(clone):
    path = clone / FOLDER / "v2.schema.json"
    path.write_text(json.dumps(without(read_json(path), ("properties", "status", "enum"))))
    with pytest.raises(WrongUse, match="`status` has no `enum`"):
        run("generate", "asyncapi")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda made: made["subscribers"].append(made["subscribers"][0]), "payments is listed"),
        (lambda made: made["versions"].append(made["versions"][0]), "1 is listed twice"),
        (lambda made: made["versions"].pop(), "has to be current|which is not listed"),
        (lambda made: made["versions"][0].pop("sunset"), "needs a `sunset`"),
        (lambda made: made["versions"][1].update(status="new"), "'current' or 'deprecated'"),
        (lambda made: made["subscribers"][0]["versions"].append(7), "reads version 7"),
        (lambda made: made["versions"][0].update(schema="../v1.schema.json"), "a file beside it"),
        (lambda made: made["versions"][0].update(schema="/v1.schema.json"), "a file beside it"),
    ],
)
def test_a_registry_that_contradicts_itself_is_refused(clone, change, sentence):
    registry = copy.deepcopy(REGISTRY)
    change(registry)
    (clone / FOLDER / "registry.yaml").write_text(yaml.safe_dump(registry))
    with pytest.raises(WrongUse, match=sentence):
        run("generate", "registry")


def test_an_older_revision_may_lack_a_field_that_came_later():
    text = yaml.safe_dump(without(REGISTRY, ("subscribers", 0, "statuses")))
    assert "statuses" not in parse_registry(text, "registry.yaml")["subscribers"][0]


# A second event type, by the how-to


EMAIL = "novapay.accounts.CustomerEmailChanged"


def add_an_event_type(clone):
    """Step 1 of the how-to: a folder of its own."""
    folder = clone / "schemas/customer_email_changed"
    (folder / "examples/v1").mkdir(parents=True)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://schemas.novapay.example/customer_email_changed/v1.schema.json",
        "title": "CustomerEmailChanged v1",
        "description": "A customer has another address.",
        "type": "object",
        "required": ["customer_id"],
        "properties": {"customer_id": {"description": "The customer.", "type": "string"}},
    }
    (folder / "v1.schema.json").write_text(json.dumps(schema))
    registry = {
        "event": "CustomerEmailChanged",
        "type": EMAIL,
        "summary": "A customer's address changed in Accounts.",
        "owner": "accounts",
        "compatibility": "full",
        "publishers": REGISTRY["publishers"],
        "versions": [
            {"major": 1, "schema": "v1.schema.json", "owner": "accounts", "status": "current"}
        ],
        "subscribers": [],
    }
    (folder / "registry.yaml").write_text(yaml.safe_dump(registry))
    example = read_json(clone / FOLDER / "examples/v2/changed.json")
    document = example | {"type": f"{EMAIL}.v1", "data": {"customer_id": example["subject"]}}
    (folder / "examples/v1/changed.json").write_text(json.dumps(document))
    return document


def test_the_envelope_accepts_the_type_of_a_second_event(clone):
    document = add_an_event_type(clone)
    path = clone / "schemas/envelope.schema.json"
    assert not Draft202012Validator(read_json(path)).is_valid(document)
    for command in COMMANDS:
        run(*command)
    envelope = Draft202012Validator(read_json(path))
    assert envelope.is_valid(document)
    assert envelope.is_valid(read_json(clone / FOLDER / "examples/v1/changed.json"))
    assert not envelope.is_valid(document | {"type": f"{EMAIL}.v2"})
    assert EMAIL in (clone / "schemas/asyncapi.yaml").read_text()
    for command in COMMANDS[:3]:
        run(*command, "--check")


def test_two_events_of_one_name_are_refused(clone):
    add_an_event_type(clone)
    registry = clone / "schemas/customer_email_changed/registry.yaml"
    text = registry.read_text().replace(
        "event: CustomerEmailChanged", f"event: {REGISTRY['event']}"
    )
    registry.write_text(text)
    with pytest.raises(WrongUse, match="the same `event`"):
        run("generate", "registry")
