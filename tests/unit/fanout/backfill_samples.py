"""Publishers, items and readings for tests of backfill and reconcile."""

from datetime import UTC, datetime, timedelta
from typing import Any

from customer_events.event import Status
from customer_events.sequence import Sequence, SequenceSource
from event_consumer.order_guard import Row
from sentinel.discovery import Publisher
from sentinel.snapshots import Snapshot

SOURCE = "urn:novapay:accounts"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def publisher(**other: Any) -> Publisher:
    fields: dict[str, Any] = {
        "function_name": "publisher",
        "mapping_id": "mapping",
        "accounts_table": "accounts",
        "stream_arn": "arn",
        "failure_bucket": "failures",
        "source": SOURCE,
        "customer_id_attribute": "customer_id",
        "status_attribute": "status",
        "sequence_attribute": None,
        "sequence_epoch": 1,
        "publish_versions": (2,),
    }
    return Publisher(**{**fields, **other})


def item(customer_id: str = "c-1", status: str = "ACTIVE", **other: Any) -> dict[str, Any]:
    return {"customer_id": {"S": customer_id}, "status": {"S": status}, **other}


def snapshot(customer_id: str = "c-1", status: Status = Status.ACTIVE, **other: Any) -> Snapshot:
    fields: dict[str, Any] = {
        "customer_id": customer_id,
        "status": status,
        "reason": None,
        "sequence": None,
        "changed_at": None,
        "read_at": at(0.25),
    }
    return Snapshot(**{**fields, **other})


def position(number: int, epoch: int = 1) -> Sequence:
    return Sequence(f"{epoch:04}.{number:040}")


def row(status: Status = Status.ACTIVE, **other: Any) -> Row:
    fields: dict[str, Any] = {
        "sequence": position(7),
        "sequence_source": SequenceSource.STREAM,
        "schema_version": 2,
        "status": status,
        "previous_status": None,
        "occurred_at": at(-60),
        "snapshot_at": None,
    }
    return Row(**{**fields, **other})
