"""Each change, in each direction, at each depth: its verdict is known."""

import datetime as dt

import pytest

from fanout.contract import compatibility
from fanout.contract.compatibility import Direction, Published, State, check
from unit.fanout.contract.compatibility_cases import (
    CASES,
    DEPTHS,
    REFUSED_ON_PURPOSE,
    SIDE_NOT_DECIDED,
)

READER = {"name": "payments", "fields": [], "statuses": []}
MATRIX = [
    pytest.param(case, depth, id=f"{case.name}, {depth.name}") for case in CASES for depth in DEPTHS
]
ORDERS = {
    (False, False): "any order",
    (False, True): "consumers first",
    (True, False): "producer first",
    (True, True): "neither order works",
}


def verdict(old, new):
    """The one schema's verdict, checked as a whole contract."""

    def catalogue(schema):
        return {"v2": Published(schema=schema, major=2, subscribers=(READER,))}

    [checked] = check(catalogue(old), catalogue(new), dt.date(2026, 1, 1))
    return checked


def expected_order(case):
    if case.name in SIDE_NOT_DECIDED:
        return "neither order works"
    return ORDERS[case.backward is not None, case.forward is not None]


@pytest.mark.parametrize(("case", "depth"), MATRIX)
def test_a_change_breaks_whom_it_breaks_by_the_rule_and_the_order_follows(case, depth):
    checked = verdict(depth.wrap(case.old), depth.wrap(case.new))
    for direction, rule in ((Direction.BACKWARD, case.backward), (Direction.FORWARD, case.forward)):
        findings = [each for each in checked["findings"] if each["direction"] is direction]
        assert rule is None or rule in {each["rule"] for each in findings}
        for finding in findings:
            assert [hit["name"] for hit in finding["subscribers"]] == ["payments"]
            if case.at is not None and rule is not None:
                assert finding["path"] == depth.path + case.at
    if case.name in REFUSED_ON_PURPOSE:
        assert checked["state"] is State.BROKEN
    else:
        assert checked["roll_out"] == expected_order(case)


def no_changes(*_):
    return iter(())


def all_but(keyword):
    return lambda asked, *sides: None if asked == keyword else UNLISTED(asked, *sides)


def old_documents_only(direction, *sides):
    return REFUSALS(direction, *sides) if direction is Direction.BACKWARD else iter(())


REFUSALS, UNLISTED = compatibility._refusals, compatibility._unlisted
FLAWS = {
    "compares no types": (compatibility, "_unlisted", all_but("type")),
    "compares no constants": (compatibility, "_unlisted", all_but("enum")),
    "compares no alternatives": (compatibility, "_unlisted", all_but("anyOf")),
    "knows no lower bounds": (compatibility, "_LOWER", ()),
    "compares no other keywords": (compatibility, "_is_looser", lambda *_: False),
    "reads old documents only": (compatibility, "_refusals", old_documents_only),
    "lets every field be added": (compatibility, "_new_field", no_changes),
    "looks into no arrays and maps": (compatibility._Comparison, "_items", no_changes),
    "looks into no objects": (compatibility._Comparison, "_fields", no_changes),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_gate_with_this_flaw_is_caught(flaw, monkeypatch):
    monkeypatch.setattr(*FLAWS[flaw])
    assert any(
        verdict(DEPTHS[0].wrap(case.old), DEPTHS[0].wrap(case.new))["roll_out"]
        != expected_order(case)
        for case in CASES
    )
