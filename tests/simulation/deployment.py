"""The world as a command finds it: clients, and what discovery would return.

Stands in for `fanout.aws.AwsTarget`, with the parameters that a deployment writes.
"""

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from customer_events.event import Status
from fanout.accounts.backfill import Backfill
from fanout.accounts.reconcile import Reconcile
from fanout.failures.store import Deployment, ObjectStore
from payments_consumer.standing import attributes
from sentinel.compare import Expectation, GuardedTableRows, own_attributes
from sentinel.discovery import Publisher, table_rules
from sentinel.discovery import Subscriber as Found
from sentinel.drift import Sides
from sentinel.snapshots import ItemReader
from sentinel.table import AccountsTable, TableFacts
from simulation.calls import Calls, outside_call
from simulation.queues_client import QueuesClient
from simulation.schedule import INNER, CallFault, Step
from simulation.subscriber import Subscriber
from simulation.system import ENTITY_FILTER, SOURCE, STATUS_MAP
from simulation.tables import ACCOUNTS, TablesClient
from simulation.workers import PUBLISHER

if TYPE_CHECKING:
    from simulation.world import World

_OWN = own_attributes(attributes)


class Deployed:
    """`inner_faults` are those of the functions that a command calls."""

    prefix = "fanout"
    endpoint_url = None
    state_folder = Path("state")

    def __init__(self, world: "World") -> None:
        self._world = world
        self.inner_faults: tuple[CallFault, ...] = ()
        queues = [queue for one in world.subscribers for queue in (one.queue, one.dlq)]
        self._tables = TablesClient(world)
        self._clients: dict[str, Any] = {
            "sqs": QueuesClient(world.calls, queues, world.clock, origin="operator"),
            "ssm": ParametersClient(world.calls),
            "lambda": FunctionsClient(world.calls, self._run),
            "dynamodb": self._tables,
            "s3": world.bucket,
            "dynamodbstreams": None,
        }

    def client(self, service: str) -> Any:
        return self._clients[service]

    def subscriber(self, subscriber: Subscriber) -> Found:
        return Found(
            name=subscriber.name,
            queue_url=subscriber.queue.url,
            queue_arn=subscriber.queue.arn,
            dlq_url=subscriber.dlq.url,
            dlq_arn=subscriber.dlq.arn,
            function_name=subscriber.name,
            table=subscriber.name,
            filter=None,
            versions=(2,),
            since=None,
            parked_groups_table=None,
        )

    def publisher(self) -> Publisher:
        """As it is deployed now; what is read from here on is sent with this epoch."""
        world = self._world
        counted = world.setting.sequence_source == "version"
        self._tables.epoch = world.writers.epoch
        return Publisher(
            function_name=PUBLISHER,
            mapping_id="mapping",
            accounts_table=ACCOUNTS,
            stream_arn=world.accounts.stream_arn,
            failure_bucket="failures",
            source=SOURCE,
            customer_id_attribute="customer_id",
            status_attribute="status",
            sequence_attribute="version" if counted else None,
            sequence_epoch=world.writers.epoch,
            publish_versions=world.setting.majors,
            reason_attribute="status_reason",
            entity_filter=ENTITY_FILTER if world.setting.entities else None,
            table_status_map=STATUS_MAP if world.setting.own_statuses else None,
        )

    def failures(self) -> Deployment:
        publisher = self.publisher()
        return Deployment(
            target=self,
            publisher=publisher,
            store=ObjectStore(self._world.bucket, publisher.failure_bucket),
            rules=table_rules(publisher),
        )

    def seeding(
        self, subscriber: Subscriber, *, segments: int, page_size: int, depth_max: int | None
    ) -> Backfill:
        publisher = self.publisher()
        return Backfill(
            target=self,
            publisher=publisher,
            subscriber=self.subscriber(subscriber),
            accounts=self._accounts(publisher),
            followed=frozenset(Status),
            changed_at=self._world.clock.now() - timedelta(days=1),
            unsure_seconds=0.0,
            segments=segments,
            page_size=page_size,
            read_units=None,
            depth_max=depth_max,
        )

    def comparing(self, subscriber: Subscriber) -> Reconcile:
        publisher, customers = self.publisher(), len(self._world.accounts.items)
        return Reconcile(
            target=self,
            publisher=publisher,
            subscriber=self.subscriber(subscriber),
            sides=Sides(
                accounts=self._accounts(publisher),
                rows=GuardedTableRows(self._tables, _facts(subscriber.name, customers), _OWN),
                expectation=Expectation(followed=frozenset(Status), rule=attributes),
            ),
            read_units=None,
        )

    # Private functions

    def _accounts(self, publisher: Publisher) -> AccountsTable:
        facts = _facts(ACCOUNTS, len(self._world.accounts.items))
        return AccountsTable(self._tables, facts, ItemReader(publisher))

    def _run(self, name: str, event: dict[str, Any]) -> dict[str, Any] | None:
        world = self._world
        faults = tuple(CallFault(call=one.call - INNER, kind=one.kind) for one in self.inner_faults)
        step = Step(do=name, dice=world.calls.current.random.getrandbits(30), faults=faults)
        return world.workers.call(name, event, step)


class ParametersClient:
    """As much of botocore's SSM client as the operators' locks use."""

    _service = "parameters"

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._values: dict[str, str] = {}

    def get_paginator(self, _: str) -> "ParametersClient":
        return self

    def paginate(self, *, Path: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield self.get_parameters_by_path(Path=Path)

    @outside_call
    def get_parameters_by_path(self, **request: Any) -> dict[str, Any]:
        values = sorted(self._values.items())
        below = request["Path"] + "/"
        return {"Parameters": [{"Name": k, "Value": v} for k, v in values if k.startswith(below)]}

    @outside_call
    def put_parameter(self, **request: Any) -> dict[str, Any]:
        if not request["Overwrite"] and request["Name"] in self._values:
            raise ClientError({"Error": {"Code": "ParameterAlreadyExists"}}, "PutParameter")
        self._values[request["Name"]] = request["Value"]
        return {}

    @outside_call
    def delete_parameter(self, **request: Any) -> dict[str, Any]:
        self._values.pop(request["Name"], None)
        return {}


class FunctionsClient:
    """As much of botocore's Lambda client as the commands use.

    `run` runs a function by its name with an event; None where it died.
    """

    _service = "functions"

    def __init__(
        self, calls: Calls, run: Callable[[str, dict[str, Any]], dict[str, Any] | None]
    ) -> None:
        self._calls = calls
        self._run = run
        self.exceptions = SimpleNamespace(ResourceNotFoundException=_NoSuchFunction)

    @outside_call
    def invoke(self, **request: Any) -> dict[str, Any]:
        result = self._run(request["FunctionName"], json.loads(request["Payload"]))
        answer = {"FunctionError": "Unhandled"} if result is None else {}
        payload = {"errorType": "Sandbox.Timedout"} if result is None else result
        return {**answer, "Payload": io.BytesIO(json.dumps(payload).encode())}


class _NoSuchFunction(Exception):
    pass


# Private functions


def _facts(name: str, count: int) -> TableFacts:
    return TableFacts(
        name=name,
        item_count=count,
        size_bytes=0,
        id_attribute="customer_id",
        id_type="S",
        sort_key=None,
    )
