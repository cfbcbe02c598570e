"""The deployment that a smoke test works on: writing customers, and awaiting what follows."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from customer_events.encoder import to_document
from customer_events.event import NEWEST_MAJOR, Change, CustomerStatusChanged, Status
from customer_events.sequence import SequenceSource, sequence
from fanout.aws import AwsTarget
from fanout.discovery import Bus, Publisher, Subscriber, find_bus, find_publisher, find_subscriber

_POLL_SECONDS = 0.5
_COMMAND_TIMEOUT_SECONDS = 600


class NotInTime(Exception):
    """What was awaited did not come; the text says what it was and how long it was awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A deployment of the smoke test's own.

    Args:
        patience_seconds: how long to await each thing.
        local: whether it is the embedded AWS.
        environment: what the `fanout` command needs to reach it.
    """

    target: AwsTarget
    bus: Bus
    publisher: Publisher
    payments: Subscriber
    patience_seconds: float
    local: bool
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def find(
        cls,
        target: AwsTarget,
        *,
        patience_seconds: float,
        local: bool,
        environment: Mapping[str, str],
    ) -> "Site":
        """Raises: WrongUse where nothing is deployed under the target's prefix."""
        return cls(
            target=target,
            bus=find_bus(target),
            publisher=find_publisher(target),
            payments=find_subscriber(target, "payments"),
            patience_seconds=patience_seconds,
            local=local,
            environment=environment,
        )

    def client(self, service: str) -> Any:
        """The boto3 client of a service."""
        return self.target.client(service)

    def put(self, customer: str, status: str) -> None:
        """Write a customer into Accounts."""
        self.client("dynamodb").put_item(
            TableName=self.publisher.accounts_table,
            Item={
                self.publisher.customer_id_attribute: {"S": customer},
                self.publisher.status_attribute: {"S": status},
            },
        )

    def row(self, customer: str) -> dict[str, Any]:
        """The customer's row of Payments; empty if there is none."""
        found = self.client("dynamodb").get_item(
            TableName=self.payments.table,
            Key={"customer_id": {"S": customer}},
            ConsistentRead=True,
        )
        item: dict[str, Any] = found.get("Item", {})
        return item

    def status(self, customer: str) -> str | None:
        """The customer's status in Payments."""
        status: str | None = self.row(customer).get("status", {}).get("S")
        return status

    def await_status(self, customer: str, status: str) -> float:
        """Seconds until Payments has it. Raises: NotInTime."""
        began = time.monotonic()
        self.await_true(
            lambda: self.status(customer) == status, f"{status} of {customer} in Payments"
        )
        return time.monotonic() - began

    def await_true(self, condition: Callable[[], Any], what: str) -> Any:
        """The condition's first true value. Raises: NotInTime."""
        deadline = time.monotonic() + self.patience_seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise NotInTime(f"{what} did not come within {self.patience_seconds:g} seconds")
            time.sleep(_POLL_SECONDS)
        return found

    def fanout(self, *arguments: str) -> dict[str, Any]:
        """Run the command line on this deployment, as an operator would; its JSON document.

        Raises:
            NotInTime: it failed; with the last line that it said.
        """
        options = ["--prefix", self.target.prefix]
        for name in ("profile", "region", "endpoint_url"):
            value = getattr(self.target, name)
            options += [f"--{name.replace('_', '-')}", value] if value else []
        code = "from fanout.cli import main; main()"
        done = subprocess.run(  # noqa: S603 - this very interpreter, no shell
            [sys.executable, "-c", code, *options, *arguments, "--json"],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_TIMEOUT_SECONDS,
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise NotInTime(f"fanout {' '.join(arguments[:3])}: {said[-1] if said else 'failed'}")
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def event_for(site: Site, customer: str, status: Status) -> str:
    """The document of a valid event that the publisher could have sent."""
    now = datetime.now(UTC).replace(microsecond=0)
    event = CustomerStatusChanged(
        event_id=uuid4(),
        source=site.publisher.source,
        customer_id=customer,
        sequence=sequence(1, epoch=site.publisher.sequence_epoch),
        sequence_source=SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        occurred_at=now,
        status=status,
        previous_status=None,
        reason=None,
        change=Change.CREATED,
        changed_at=now,
    )
    return json.dumps(to_document(event))
