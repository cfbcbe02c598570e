"""Each rule, in each direction, at each depth: the verdict is known and shown by `jsonschema`."""

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanout.schema import check as gate
from fanout.schema import inclusion, members
from fanout.schema.catalogue import Catalogue, Published, Subscriber
from fanout.schema.check import State, check
from fanout.schema.findings import Direction, RollOut
from fanout.schema.numbers import NumberShape
from fanout.schema.parts import as_written
from fanout.schema.texts import TextShape
from unit.fanout.schema.compatibility_cases import CASES, DEPTHS
from unit.fanout.schema.generated_documents import documents, validator

READER = Subscriber(
    name="payments", versions=frozenset({2}), fields=frozenset(), statuses=frozenset()
)
MATRIX = [
    pytest.param(case, depth, id=f"{case.name}, {depth.name}") for case in CASES for depth in DEPTHS
]
ORDERS = {
    (False, False): RollOut.ANY,
    (False, True): RollOut.CONSUMERS_FIRST,
    (True, False): RollOut.PRODUCER_FIRST,
    (True, True): RollOut.SIDE_BY_SIDE,
}


def verdict(old, new):
    """The one schema's verdict, checked as a whole contract."""

    def catalogue(label, schema):
        one = Published(name="v2", schema=schema, major=2, subscribers=(READER,))
        return Catalogue(label=label, published={"v2": one})

    (checked,) = check(catalogue("old", old), catalogue("new", new), dt.date(2026, 1, 1))
    assert not checked.violations
    return checked


@pytest.mark.parametrize(("case", "depth"), MATRIX)
def test_a_change_breaks_whom_it_breaks_by_the_rule_and_nobody_else(case, depth):
    old, new = depth.wrap(case.old), depth.wrap(case.new)
    checked = verdict(old, new)
    rules = {Direction.BACKWARD: case.backward, Direction.FORWARD: case.forward}
    for direction, rule in rules.items():
        findings = [one for one in checked.findings if one.direction is direction]
        assert (rule is None) == (not findings), (direction, findings)
        assert rule is None or rule in {one.rule for one in findings}
        for finding in findings:
            if case.at is not None:
                assert finding.path == depth.path + case.at
            assert [hit.subscriber for hit in finding.hits] == ["payments"]
            written, read = (old, new) if direction is Direction.BACKWARD else (new, old)
            assert finding.has_witness
            assert validator(as_written(written)).is_valid(finding.witness)
            errors = list(validator(read).iter_errors(finding.witness))
            keywords = {error.validator for error in errors}
            assert keywords, "the reader accepts what is said to break it"
            assert finding.rule in keywords or {"anyOf", "oneOf"} & keywords
    assert checked.order is ORDERS[case.backward is not None, case.forward is not None]
    assert (checked.state is State.BROKEN) == (checked.order is not RollOut.ANY)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "depth"), MATRIX)
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_no_generated_document_breaks_a_side_that_is_said_to_be_safe(case, depth, data):
    old, new = depth.wrap(case.old), depth.wrap(case.new)
    pairs = [(old, new)] if case.backward is None else []
    pairs += [(new, old)] if case.forward is None else []
    for written, read in pairs:
        closed = as_written(written)
        document = data.draw(documents(closed))
        if validator(closed).is_valid(document):
            assert validator(read).is_valid(document)


def no_gaps(*_):
    return iter(())


BROKEN_GATES = {
    "compares no texts": (TextShape, "leaks", lambda *_: []),
    "compares no numbers": (NumberShape, "within", lambda *_: []),
    "looks into no arrays": (members, "array_gaps", no_gaps),
    "looks into no objects": (members, "object_gaps", no_gaps),
    "lets every constant pass": (inclusion.Comparison, "_constant_gaps", lambda *_: []),
    "lets every type pass": (inclusion.Comparison, "_shape_gaps", lambda *_: []),
    "takes writers' documents for open": (
        gate,
        "as_written",
        lambda schema: schema,
    ),
}


@pytest.mark.parametrize("flaw", BROKEN_GATES)
def test_a_gate_with_this_flaw_is_caught(flaw, monkeypatch):
    holder, name, replacement = BROKEN_GATES[flaw]
    monkeypatch.setattr(holder, name, replacement)
    caught = 0
    for case in CASES:
        checked = verdict(DEPTHS[0].wrap(case.old), DEPTHS[0].wrap(case.new))
        expected = ORDERS[case.backward is not None, case.forward is not None]
        caught += checked.order is not expected
    assert caught
