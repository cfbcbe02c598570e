"""Each change, in each direction, at each depth: its verdict is known."""

import datetime as dt

import pytest

from fanout.contract import compatibility
from fanout.contract.compatibility import Direction, RollOut, State, check
from fanout.contract.folder import Catalogue, Published, Subscriber
from unit.fanout.contract.compatibility_cases import (
    CASES,
    DEPTHS,
    REFUSED_ON_PURPOSE,
    SIDE_NOT_DECIDED,
)

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
        version = Published(name="v2", schema=schema, major=2, subscribers=(READER,))
        return Catalogue(label=label, published={"v2": version})

    (checked,) = check(catalogue("old", old), catalogue("new", new), dt.date(2026, 1, 1))
    return checked


def expected_order(case):
    if case.name in SIDE_NOT_DECIDED:
        return RollOut.SIDE_BY_SIDE
    return ORDERS[case.backward is not None, case.forward is not None]


@pytest.mark.parametrize(("case", "depth"), MATRIX)
def test_a_change_breaks_whom_it_breaks_by_the_rule_and_the_order_follows(case, depth):
    checked = verdict(depth.wrap(case.old), depth.wrap(case.new))
    for direction, rule in (
        (Direction.BACKWARD, case.backward),
        (Direction.FORWARD, case.forward),
    ):
        findings = [each for each in checked.findings if each.direction is direction]
        assert rule is None or rule in {each.rule for each in findings}
        for finding in findings:
            assert [hit.subscriber for hit in finding.hits] == ["payments"]
            if case.at is not None and rule is not None:
                assert finding.path == depth.path + case.at
    if case.name in REFUSED_ON_PURPOSE:
        assert checked.state is State.BROKEN
    else:
        assert checked.order is expected_order(case)


def no_changes(*_):
    return iter(())


FLAWS = {
    "compares no types": (compatibility, "_type_changes"),
    "compares no constants": (compatibility, "_constant_changes"),
    "compares no bounds": (compatibility, "_bound_changes"),
    "compares no other keywords": (compatibility, "_other_changes"),
    "lets every field be added": (compatibility, "_new_field"),
    "looks into no arrays and maps": (compatibility._Comparison, "_item_changes"),
    "looks into no objects": (compatibility._Comparison, "_field_changes"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_gate_with_this_flaw_is_caught(flaw, monkeypatch):
    monkeypatch.setattr(*FLAWS[flaw], no_changes)
    assert any(
        verdict(DEPTHS[0].wrap(case.old), DEPTHS[0].wrap(case.new)).order
        is not expected_order(case)
        for case in CASES
    )
