"""Comparing what Accounts says with what Payments stored."""

import pytest

from fanout.demo.run import Difference, compare_rows


def row(status, payments):
    return {"status": {"S": status}, "payments": {"S": payments}}


def test_tables_that_agree_have_no_difference():
    compared = compare_rows(
        {"c-1": "ACTIVE", "c-2": "CLOSED"},
        {
            "c-1": row("ACTIVE", "ALLOWED"),
            "c-2": row("CLOSED", "BLOCKED"),
            "c-3": row("REMOVED", "BLOCKED"),
        },
        known=["c-1", "c-3"],
    )
    assert compared.customers == 3
    assert compared.differences == ()


@pytest.mark.parametrize(
    ("accounts", "payments", "expected", "found"),
    [
        ("ACTIVE", row("SUSPENDED", "BLOCKED"), "ACTIVE, payments ALLOWED", "SUSPENDED, payments"),
        ("ACTIVE", row("ACTIVE", "BLOCKED"), "ACTIVE, payments ALLOWED", "ACTIVE, payments BLOCK"),
        ("ACTIVE", None, "ACTIVE, payments ALLOWED", "no row"),
        (None, row("ACTIVE", "ALLOWED"), "REMOVED, payments BLOCKED", "ACTIVE, payments ALLOWED"),
        (None, None, "REMOVED, payments BLOCKED", "no row"),
    ],
)
def test_each_kind_of_difference_is_found_and_told(accounts, payments, expected, found):
    compared = compare_rows(
        {"c-1": accounts} if accounts else {}, {"c-1": payments} if payments else {}, known=["c-1"]
    )
    (difference,) = compared.differences
    assert isinstance(difference, Difference)
    assert f"c…: expected {expected}, found {found}" in str(difference)
