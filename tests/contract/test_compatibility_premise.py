"""What the compatibility check takes for granted: writers publish declared fields only."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contract.contract_files import ENVELOPE, read_schema
from contract.wire_strategies import events
from customer_events import encoder


def as_written(schema):
    """The schema with every object closed that declares fields."""
    if not isinstance(schema, dict):
        return schema
    closed = dict(schema)
    for keyword in {"properties", "$defs"} & set(schema):
        closed[keyword] = {name: as_written(each) for name, each in schema[keyword].items()}
    if "properties" in schema and schema.get("additionalProperties", True) is True:
        closed["additionalProperties"] = False
    return closed


ENVELOPE_AS_WRITTEN = Draft202012Validator(as_written(read_schema(ENVELOPE)))


@pytest.mark.slow
@pytest.mark.parametrize("major", [1, 2])
@settings(deadline=None)
@given(data=st.data())
def test_the_encoder_publishes_nothing_that_the_schemas_do_not_declare(major, data):
    event = data.draw(events(major))
    document = json.loads(encoder.encode(event))
    ENVELOPE_AS_WRITTEN.validate(document)
    Draft202012Validator(as_written(read_schema(f"v{major}"))).validate(document["data"])


def test_a_field_that_is_not_declared_would_be_noticed():
    schema = as_written(read_schema("v2"))
    document = read_schema("v2")["examples"][0]
    assert Draft202012Validator(schema).is_valid(document)
    assert not Draft202012Validator(schema).is_valid({**document, "channel": "web"})
