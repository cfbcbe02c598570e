"""Comparing what Accounts says with what Payments stored."""

import pytest

from fanout.demo.run import differences


def row(status, payments):
    return {"status": {"S": status}, "payments": {"S": payments}}


def test_tables_that_agree_have_no_difference():
    accounts = {"c-1": "ACTIVE", "c-2": "CLOSED"}
    payments = {
        "c-1": row("ACTIVE", "ALLOWED"),
        "c-2": row("CLOSED", "BLOCKED"),
        "c-3": row("REMOVED", "BLOCKED"),
    }
    assert list(differences(["c-1", "c-2", "c-3"], accounts, payments)) == []


@pytest.mark.parametrize(
    ("accounts", "payments", "expected", "found"),
    [
        ("ACTIVE", row("SUSPENDED", "BLOCKED"), "ACTIVE, ALLOWED", "SUSPENDED, BLOCKED"),
        ("ACTIVE", row("ACTIVE", "BLOCKED"), "ACTIVE, ALLOWED", "ACTIVE, BLOCKED"),
        ("ACTIVE", None, "ACTIVE, ALLOWED", None),
        (None, row("ACTIVE", "ALLOWED"), "REMOVED, BLOCKED", "ACTIVE, ALLOWED"),
        (None, None, "REMOVED, BLOCKED", None),
    ],
)
def test_each_kind_of_difference_is_named(accounts, payments, expected, found):
    [difference] = differences(
        ["c-1"], {"c-1": accounts} if accounts else {}, {"c-1": payments} if payments else {}
    )
    assert difference == {
        "customer_id": "c…",
        "expected": expected.replace(", ", ", payments "),
        "found": found and found.replace(", ", ", payments "),
    }
