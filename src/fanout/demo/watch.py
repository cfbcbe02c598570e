"""Everything that the demo observes of a deployment while it plays."""

import json
from dataclasses import dataclass
from typing import Any

from fanout.demo.ledger import Ledger
from fanout.demo.observations import Rules
from fanout.demo.player import Player
from fanout.demo.poison import read_dlq
from fanout.demo.taps import StreamTap, TopicTap, recorded, stored, stream_of_payments
from fanout.discovery import find_publisher, find_subscriber
from fanout.local.deployment import LocalDeployment
from fanout.local.description import SUBSCRIBER

_PARKED_PREFIX = "parked/"
_GIVEN_UP_PREFIX = "aws/lambda/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How far it is: writes, and the events and rows that they have led to so far."""

    written: int
    to_write: int
    events: int
    events_expected: int
    applied: int
    transitions: int


class Watch:
    """The player, its ledger, and the taps that feed it; made before the first write.

    `to_write` is how many writes there will be, for the progress alone.
    """

    def __init__(self, deployment: LocalDeployment, *, to_write: int) -> None:
        self._deployment = deployment
        self._to_write = to_write
        self.rules = _rules(deployment)
        self.ledger = Ledger(self.rules)
        self.player = Player(
            dynamodb=deployment.client("dynamodb"),
            table=deployment.accounts_table,
            observe=self.ledger.wrote,
        )
        streams = deployment.client("dynamodbstreams")
        self._topic = TopicTap(deployment)
        self._accounts = StreamTap(streams, deployment.stream_arn)
        self._payments = StreamTap(streams, stream_of_payments(deployment))

    def look(self) -> None:
        """Take in what has happened since the last look."""
        for record in self._accounts.read():
            self.ledger.recorded(recorded(record))
        for event in self._topic.read():
            self.ledger.published(event)
        for record in self._payments.read():
            row = stored(record)
            if row is not None:
                self.ledger.stored(row)

    def look_at_failures(self) -> None:
        """Take in what lies in the DLQ and in the publisher's failure store."""
        dead = read_dlq(self._deployment)
        self.ledger.parked(event_ids=(one.event_id for one in dead if one.event_id))
        self.ledger.parked(record_ids=self._failed_records())

    def counts(self) -> Counts:
        """How far it is."""
        return Counts(
            written=self.ledger.writes,
            to_write=self._to_write,
            events=self.ledger.events,
            events_expected=self.ledger.transitions * len(self.rules.publish_versions),
            applied=self.ledger.applied,
            transitions=self.ledger.transitions,
        )

    # Private functions

    def _failed_records(self) -> set[str]:
        """`eventID`s: the publisher names its objects by them, Lambda's hold whole batches."""
        s3, bucket = self._deployment.client("s3"), self._deployment.failure_bucket
        found: set[str] = set()
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for key in (one["Key"] for one in page.get("Contents", [])):
                if key.startswith(_PARKED_PREFIX):
                    found.add(key.rpartition("/")[2].removesuffix(".json"))
                elif key.startswith(_GIVEN_UP_PREFIX):
                    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                    found.update(_records_given_up(json.loads(body)))
        return found


# Private functions


def _rules(deployment: LocalDeployment) -> Rules:
    publisher = find_publisher(deployment.target())
    subscriber = find_subscriber(deployment.target(), SUBSCRIBER)
    return Rules(
        source=publisher.source,
        epoch=publisher.sequence_epoch,
        publish_versions=publisher.publish_versions,
        subscriber_version=max(subscriber.versions),
    )


def _records_given_up(document: dict[str, Any]) -> list[str]:
    """The payload of an invocation record is the event of the invocation, as text.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    payload = document.get("payload", {})
    batch = json.loads(payload) if isinstance(payload, str) else payload
    return [record["eventID"] for record in batch.get("Records", [])]
