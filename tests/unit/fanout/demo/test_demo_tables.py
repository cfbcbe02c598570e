"""Comparing what Accounts says with what Payments stored."""

from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from fanout.demo.run import compare, differences


def row(status, payments):
    return {"status": {"S": status}, "payments": {"S": payments}}


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


def test_both_tables_are_read_to_their_end_with_the_customers_that_neither_has(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        for table in ("accounts", "payments"):
            client.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "customer_id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "customer_id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )

        def put(table, customer_id, **attributes):
            item = {"customer_id": {"S": customer_id}, "padding": {"S": "x" * 300_000}}
            client.put_item(TableName=table, Item=item | attributes)

        for number in range(10):  # several pages
            put("accounts", f"c-{number}", status={"S": "ACTIVE"})
            put("payments", f"c-{number}", **row("ACTIVE", "ALLOWED"))
        put("payments", "removed", **row("REMOVED", "BLOCKED"))
        put("payments", "tampered", **row("ACTIVE", "ALLOWED"))
        deployment = SimpleNamespace(
            client=lambda _: client, accounts_table="accounts", payments_table="payments"
        )
        customers, differing = compare(deployment, ["c-1", "removed", "no-row"])
    assert customers == 13
    assert [one["customer_id"] for one in differing] == ["n…", "ta…ed"]
