"""Compare the Accounts table with the Payments table, key by key."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from customer_events.event import Status
from fanout.masking import mask_customer
from payments_consumer.standing import standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A customer whose row is not what Accounts asks for; None where there is no row."""

    customer_id: str
    expected: str
    found: str | None

    def __str__(self) -> str:
        """A sentence that names the customer, what was expected and what is stored."""
        name = mask_customer(self.customer_id)
        return f"{name}: expected {self.expected}, found {self.found or 'no row'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How many customers were compared, and those that differ."""

    customers: int
    differences: tuple[Difference, ...]


def compare_tables(
    dynamodb: Any, *, accounts_table: str, payments_table: str, known: Collection[str] = ()
) -> Comparison:
    """Read both tables to their end, with consistent reads, and compare them.

    Args:
        dynamodb: a boto3 client.
        accounts_table: partition key `customer_id`, with `status`.
        payments_table: as `payments_consumer` keeps it.
        known: customers that have been in Accounts, and may be no longer.
    """
    accounts = {
        item["customer_id"]["S"]: item["status"]["S"] for item in _scan(dynamodb, accounts_table)
    }
    payments = {item["customer_id"]["S"]: item for item in _scan(dynamodb, payments_table)}
    return compare(accounts, payments, known=known)


def compare(
    accounts: Mapping[str, str],
    payments: Mapping[str, Mapping[str, Any]],
    *,
    known: Collection[str] = (),
) -> Comparison:
    """Compare statuses with rows (in DynamoDB's own notation), both by customer.

    The row of a customer that Accounts does not have any more must say `REMOVED`.
    """
    customers = sorted({*accounts, *payments, *known})
    pairs = ((one, accounts.get(one, Status.REMOVED.value), payments.get(one)) for one in customers)
    return Comparison(
        customers=len(customers),
        differences=tuple(
            Difference(customer_id=customer_id, expected=_wanted(status), found=_found(row))
            for customer_id, status, row in pairs
            if _found(row) != _wanted(status)
        ),
    )


# Private functions


def _wanted(status: str) -> str:
    return f"{status}, payments {standing(Status(status)).value}"


def _found(row: Mapping[str, Any] | None) -> str | None:
    if row is None:
        return None
    status, payments = (row.get(name, {}).get("S") for name in ("status", "payments"))
    return f"{status}, payments {payments}"


def _scan(dynamodb: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]
