"""The schemas are valid, explained, tolerant, and mean the same to every validator."""

import re
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter

from contract.contract_files import ENVELOPE, read_registry, read_schema, schema_names, schema_path
from customer_events.event import EVENT_NAME, MAJORS, TYPE_PREFIX, Status
from customer_events.wire_models import DataV2

NAMES = schema_names()
BASE = "https://schemas.novapay.example/"


def subschemas(schema: Any) -> list[dict[str, Any]]:
    inner = [*schema.get("properties", {}).values()]
    inner += [schema[keyword] for keyword in ("not", "if", "else") if keyword in schema]
    return [schema, *(found for one in inner for found in subschemas(one))]


def patterned() -> list[Any]:
    return [
        pytest.param(rules, id=f"{name}-{field}")
        for name in NAMES
        for field, rules in read_schema(name)["properties"].items()
        if "pattern" in rules
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_json_schema_2020_12(name):
    schema = read_schema(name)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_named_by_its_place(name):
    folder = "" if name == ENVELOPE else "customer_status_changed/"
    assert read_schema(name)["$id"] == f"{BASE}{folder}{schema_path(name).name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_and_each_of_its_fields_are_explained(name):
    schema = read_schema(name)
    assert schema["title"]
    assert schema["description"]
    for field, rules in schema["properties"].items():
        assert rules["description"].endswith("."), field
        assert rules.get("examples") or "const" in rules or field == "data", field


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_forbids_no_field_that_it_does_not_know(name):
    for schema in subschemas(read_schema(name)):
        assert not {"additionalProperties", "unevaluatedProperties", "propertyNames"} & set(schema)


@pytest.mark.parametrize("rules", patterned())
def test_a_pattern_uses_only_what_every_regex_engine_reads_alike(rules):
    pattern = rules["pattern"]
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert pattern.count("$") == 1
    assert pattern.isascii()
    assert not re.search(r"\\[a-zA-Z]|\(\?", pattern), "no classes, no look-around"
    assert re.compile(pattern)
    assert TypeAdapter(Annotated[str, Field(pattern=pattern)]), "RE2 and its kin compile it"


@pytest.mark.parametrize("rules", patterned())
def test_a_pattern_has_a_guard_against_a_trailing_line_break(rules):
    guarded = rules.get("not") == {"pattern": "\\n"} or "maxLength" in rules
    assert guarded


@pytest.mark.parametrize("rules", patterned())
def test_no_pattern_nests_one_open_ended_repeat_in_another(rules):
    """Nested ones let a backtracking engine take exponential time; flat ones can't."""
    open_groups = re.findall(r"\([^()]*[*+][^()]*\)[*+{]", rules["pattern"])
    assert open_groups == []


def test_the_registry_names_the_versions_that_exist_and_no_other():
    registry = read_registry()
    assert registry["event"] == EVENT_NAME
    assert f"{registry['type']}.v" == TYPE_PREFIX
    assert tuple(version["major"] for version in registry["versions"]) == MAJORS
    for version in registry["versions"]:
        assert version["schema"] == f"v{version['major']}.schema.json"
        assert f"v{version['major']}" in NAMES


def test_the_newest_version_is_current_and_each_older_one_has_a_day_to_end():
    registry = read_registry()
    *older, newest = registry["versions"]
    assert (newest["status"], "sunset" in newest) == ("current", False)
    for version in older:
        assert version["status"] == "deprecated"
        assert version["sunset"].year > 2000
        assert read_schema(f"v{version['major']}")["deprecated"] is True


def test_the_statuses_of_the_newest_schema_are_those_of_the_code():
    assert read_schema("v2")["properties"]["status"]["enum"] == list(Status)
    assert set(DataV2.model_fields) == set(read_schema("v2")["properties"])
