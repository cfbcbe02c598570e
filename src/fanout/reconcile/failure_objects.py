"""Which customers the publisher's failure store speaks of, and what it says happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fanout.failures.documents import Kind, customer_of, occurred_at
from fanout.failures.object_store import ObjectStore

OBJECTS_MAX = 10_000
"""How many objects of each kind are read at most, the earliest keys first."""
_BY = {Kind.PARKED: "parked by the publisher", Kind.BATCH: "given up by the stream mapping"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A change of a customer that was not published, and why; `since`: when it occurred."""

    customer_id: str
    cause: str
    since: datetime | None


def failures(s3: Any, bucket: str, id_attribute: str) -> Iterator[Failure]:
    """Every change in the failure store."""
    for found in ObjectStore(s3, bucket).failures(most=OBJECTS_MAX):
        cause = f"{_BY[found.kind]}: {found.reason}"
        for record in found.records or ():
            customer_id = customer_of(record, id_attribute)
            if customer_id is not None:
                yield Failure(customer_id=customer_id, cause=cause, since=occurred_at(record))
