"""Neither verdict is taken on trust: documents that the gate did not make are held against it."""

import json

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fanout.schema.inclusion import compared
from fanout.schema.parts import as_written
from fanout.schema.subset import violations
from unit.fanout.schema.generated_documents import SCHEMAS, documents, edits, validator

PATIENT = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


def assert_verdict_holds(written, read, data):
    gaps = compared(written, read)
    for gap in gaps:
        if gap.is_shown:
            assert validator(written).is_valid(gap.witness)
            assert not validator(read).is_valid(gap.witness)
            json.dumps(gap.witness, allow_nan=False)
    if gaps:
        return
    for document in data.draw(st.lists(documents(written), min_size=5, max_size=10)):
        if validator(written).is_valid(document):
            assert validator(read).is_valid(document), document


@settings(PATIENT, max_examples=150)
@given(schema=SCHEMAS, data=st.data())
def test_the_verdict_on_an_edited_schema_holds(schema, data):
    edited = data.draw(edits(schema))
    assume(not violations(schema) and not violations(edited))
    assert_verdict_holds(schema, edited, data)
    assert_verdict_holds(edited, schema, data)
    assert_verdict_holds(as_written(edited), schema, data)


@settings(PATIENT, max_examples=100)
@given(schema=SCHEMAS, other=SCHEMAS, data=st.data())
def test_the_verdict_on_two_schemas_that_have_nothing_to_do_with_each_other_holds(
    schema, other, data
):
    assume(not violations(schema) and not violations(other))
    assert_verdict_holds(schema, other, data)


@settings(PATIENT, max_examples=100)
@given(schema=SCHEMAS)
def test_a_schema_is_compatible_with_itself(schema):
    assume(not violations(schema))
    assert [gap for gap in compared(as_written(schema), schema) if gap.is_shown] == []


@pytest.mark.slow
@settings(PATIENT, max_examples=2_000)
@given(schema=SCHEMAS, data=st.data())
def test_the_verdict_on_many_edited_schemas_holds(schema, data):
    edited = data.draw(edits(schema))
    assume(not violations(schema) and not violations(edited))
    assert_verdict_holds(schema, edited, data)
    assert_verdict_holds(edited, schema, data)
