"""The schemas in `schemas/` and the pydantic models accept and refuse the same documents.

A grid of values that are almost right goes through every field, Hypothesis mixes them, and both
sides are then made weaker on purpose, one rule at a time, to prove that the grid would notice.
"""

import copy
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import BaseModel, ValidationError, create_model

from contract.contract_files import (
    DIALECTS,
    ENVELOPE,
    failing_fields,
    published_validator,
    read_schema,
    schema_names,
    validator,
)
from contract.wire_strategies import (
    MISSING,
    PATIENT,
    changed,
    documents_near_the_schema,
    field_paths,
    full_document,
    near_values,
)
from customer_events.decoder import from_document
from customer_events.errors import PermanentError
from customer_events.event import MAJORS, SCHEMA_BASE, TYPE_PREFIX
from customer_events.instants import WIRE_PATTERN
from customer_events.sequence import PATTERN, UNCOUNTED
from customer_events.wire_models import DataV1, DataV2, Envelope

MODELS: dict[str, type[BaseModel]] = {ENVELOPE: Envelope, "v1": DataV1, "v2": DataV2}
ANNOTATIONS = {"title", "description", "examples", "format", "deprecated"}


def model_accepts(model: type[BaseModel], value: Any) -> bool:
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


def decoder_accepts(document: Any) -> bool:
    try:
        from_document(document)
    except PermanentError:
        return False
    return True


def attribute_rules(name: str) -> dict[str, Any]:
    """Field by field, as the models are; what ties fields together is the decoder's."""
    return {key: rules for key, rules in read_schema(name).items() if key not in {"if", "else"}}


def subject_of(name: str) -> dict[str, Any]:
    """A valid value of the schema, with every field set."""
    return full_document(2) if name == ENVELOPE else full_document(int(name[1:]))["data"]


def grid(name: str, field: str) -> list[Any]:
    subject = subject_of(name)
    return [changed(subject, (field,), value) for value in near_values(subject.get(field))]


def value_at(document: Any, path: tuple[str, ...]) -> Any:
    return document.get(path[0]) if len(path) == 1 else value_at(document[path[0]], path[1:])


PATHS = [(major, path) for major in MAJORS for path in field_paths(full_document(major))]
FIELDS = [(name, field) for name in MODELS for field in subject_of(name)]


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_each_near_miss_of_a_field_gets_the_same_verdict_from_schema_and_model(name, field):
    sides = [
        validator(attribute_rules(name), dialect, formats=formats)
        for dialect, formats in product(DIALECTS, (True, False))
    ]
    for value in grid(name, field):
        expected = model_accepts(MODELS[name], value)
        assert [side.is_valid(value) for side in sides] == [expected] * 4, value.get(field, MISSING)


@pytest.mark.parametrize(("major", "path"), PATHS)
def test_each_near_miss_of_a_document_gets_the_same_verdict_from_schemas_and_decoder(major, path):
    full = full_document(major)
    for value in near_values(value_at(full, path)):
        document = changed(full, path, value)
        assert decoder_accepts(document) is (not failing_fields(document)), value


@pytest.mark.parametrize("change", ["created", "changed", "removed", "snapshot"])
@pytest.mark.parametrize("sequence", [UNCOUNTED, f"0001.{'0' * 40}"])
@pytest.mark.parametrize("repairs", [None, UNCOUNTED])
@pytest.mark.parametrize("major", MAJORS)
def test_only_a_snapshot_may_be_uncounted_or_repair(change, sequence, repairs, major):
    document = full_document(major) | {"sequence": sequence, "repairs": repairs}
    document["data"]["change"] = change
    is_snapshot = (major, change) == (2, "snapshot")
    expected = is_snapshot or (sequence != UNCOUNTED and repairs is None)
    assert decoder_accepts(document) is (not failing_fields(document)) is expected


@pytest.mark.parametrize(
    ("name", "field"), [one for one in FIELDS if one[1] not in {"datacontenttype", "dataschema"}]
)
def test_the_near_misses_of_a_field_hold_both_good_and_bad_values(name, field):
    assert {model_accepts(MODELS[name], value) for value in grid(name, field)} == {True, False}


@pytest.mark.parametrize(
    "count", [250, pytest.param(1_500, marks=[pytest.mark.slow, pytest.mark.exhaustive])]
)
def test_whole_documents_get_the_same_verdict_from_schemas_and_decoder(count):
    @settings(PATIENT, max_examples=count)
    @given(documents_near_the_schema())
    def agree(document):
        assert decoder_accepts(document) is (not failing_fields(document))

    agree()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("value", [None, [], "", "{}", 0, True, {}, [{}]])
def test_what_is_no_full_object_is_refused_by_schema_and_model(name, value):
    assert not published_validator(name).is_valid(value)
    assert not model_accepts(MODELS[name], value)


@pytest.mark.parametrize("name", MODELS)
def test_fields_that_are_not_declared_pass_on_both_sides(name):
    value = {**subject_of(name), "added_next_year": {"deep": [1, None]}}
    assert published_validator(name).is_valid(value)
    assert model_accepts(MODELS[name], value)
    assert MODELS[name].model_config["frozen"]


@pytest.mark.parametrize("name", MODELS)
def test_schema_and_model_declare_the_same_fields_and_require_the_same(name):
    schema, model = read_schema(name), MODELS[name]
    unchecked = {"datacontenttype", "dataschema"} if name == ENVELOPE else set()
    assert set(schema["properties"]) - unchecked == set(model.model_fields)
    required = {field for field, info in model.model_fields.items() if info.is_required()}
    assert set(schema["required"]) == required


def test_every_schema_has_a_model():
    assert sorted(MODELS) == schema_names()


def test_patterns_and_type_names_are_those_of_the_code():
    envelope = read_schema(ENVELOPE)["properties"]
    assert envelope["sequence"]["pattern"] == envelope["repairs"]["pattern"] == PATTERN
    assert envelope["time"]["pattern"] == WIRE_PATTERN
    own = [name for name in envelope["type"]["enum"] if name.startswith(TYPE_PREFIX)]
    assert own == [f"{TYPE_PREFIX}{major}" for major in MAJORS]
    for major in MAJORS:
        schema = read_schema(f"v{major}")
        assert schema["$id"] == f"{SCHEMA_BASE}/v{major}.schema.json"
        assert schema["properties"]["changed_at"]["pattern"] == WIRE_PATTERN


# The checks above are worth nothing unless they notice a rule that went missing on one side.


def constraints() -> list[Any]:
    """Each rule; but `type` beside a `not` is spelled out for readers, since `not` implies it."""
    return [
        pytest.param(name, field, keyword, id=f"{name}-{field}-{keyword}")
        for name in MODELS
        for field, rules in read_schema(name)["properties"].items()
        for keyword in sorted(set(rules) - ANNOTATIONS)
        if not (keyword == "type" and "not" in rules)
    ]


def notices(name: str, field: str, schema: dict[str, Any], model: type[BaseModel]) -> bool:
    sides = [validator(schema, dialect, formats=False) for dialect in DIALECTS]
    return any(
        side.is_valid(value) is not model_accepts(model, value)
        for value in grid(name, field)
        for side in sides
    )


@pytest.mark.parametrize(("name", "field", "keyword"), constraints())
def test_a_rule_taken_out_of_a_schema_is_noticed(name, field, keyword):
    weaker = copy.deepcopy(attribute_rules(name))
    del weaker["properties"][field][keyword]
    assert notices(name, field, weaker, MODELS[name])


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in MODELS for field in read_schema(name)["required"]]
)
def test_a_field_that_a_schema_no_longer_requires_is_noticed(name, field):
    weaker = copy.deepcopy(attribute_rules(name))
    weaker["required"].remove(field)
    assert notices(name, field, weaker, MODELS[name])


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in MODELS for field in MODELS[name].model_fields]
)
def test_a_field_that_a_model_no_longer_checks_is_noticed(name, field):
    unchecked: Any = {field: (object, ...)}
    weaker = create_model("Weaker", __base__=MODELS[name], **unchecked)
    assert notices(name, field, attribute_rules(name), weaker)
