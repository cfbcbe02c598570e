"""An Accounts table with its own ways, from its stream to rows that reconcile agrees with."""

import gc
import itertools
import json
from dataclasses import dataclass, field
from uuid import uuid4

import boto3
import pytest

from aws_parts import create_table
from fanout.streams.records import shape_record
from integration.payments_on_moto import Payments, build_handler
from integration.seeding_on_moto import REGION, seeding_on_moto
from publisher import bootstrap
from unit.publisher.publisher_fakes import FakeContext

ENTITY_FILTER = "kind=CUSTOMER"
STATUS_MAP = "active=ACTIVE,frozen=SUSPENDED,held=SUSPENDED,closed=CLOSED"


@dataclass
class Path:
    """A table with a stream, the publisher, Payments, and the command line."""

    deployment: object
    publish: object
    payments: Payments
    streams: object
    stream_arn: str
    seen: set = field(default_factory=set)

    def write(self, customer_id, **attributes):
        key = {"customer_id": {"S": customer_id}}
        item = {name: {"S": value} for name, value in attributes.items()}
        client = self.deployment.clients["dynamodb"]
        if attributes:
            client.put_item(TableName="customers", Item=key | item)
        else:
            client.delete_item(TableName="customers", Key=key)

    def carry(self):
        """Everything that is new, from the stream to the rows; what was parked, by customer."""
        [shard] = self.streams.describe_stream(StreamArn=self.stream_arn)["StreamDescription"][
            "Shards"
        ]
        iterator = self.streams.get_shard_iterator(
            StreamArn=self.stream_arn,
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        records = [
            shape_record(raw, stream_arn=self.stream_arn)
            for raw in self.streams.get_records(ShardIterator=iterator)["Records"]
            if raw["eventID"] not in self.seen
        ]
        self.seen |= {record["eventID"] for record in records}
        assert self.publish({"Records": records}, FakeContext(30_000)) == {"batchItemFailures": []}
        for _ in itertools.takewhile(lambda _: self.deployment.depth(), range(20)):
            assert self.payments.work() == []
        return {
            customer_id: row["status"]["S"] for customer_id, row in self.payments.rows().items()
        }

    def parked(self):
        s3 = self.deployment.clients["s3"]
        listed = s3.list_objects_v2(Bucket="failures").get("Contents", [])
        bodies = [s3.get_object(Bucket="failures", Key=one["Key"])["Body"] for one in listed]
        return [(one["reason"], one["expected"]) for one in map(json.load, bodies)]

    def reconcile(self):
        result = self.deployment.run("reconcile", "payments", "--grace-seconds", "0", "--reveal")
        found = json.loads(result.stdout)
        return {one["customer_id"]: one["drift"] for one in found["differences"]}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(gc, "freeze", lambda: None)
    with seeding_on_moto(tmp_path) as deployment:
        stream_arn = create_table(deployment.clients["dynamodb"], "customers", streamed=True)
        deployment.publisher(
            accounts_table="customers", entity_filter=ENTITY_FILTER, table_status_map=STATUS_MAP
        )
        settings = {
            "BUS_ARN": deployment.topic_arn,
            "FAILURE_BUCKET": "failures",
            "DEPLOYMENT": "fanout",
            "ENTITY_FILTER": ENTITY_FILTER,
            "TABLE_STATUS_MAP": STATUS_MAP,
            "POWERTOOLS_SERVICE_NAME": f"publisher-{uuid4()}",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        queue_url, dlq_url = deployment.queue_url, deployment.facts["dlq_url"]
        yield Path(
            deployment=deployment,
            publish=bootstrap.build(),
            payments=Payments(
                handler=build_handler("payments", queue_url, dlq_url),
                sqs=deployment.clients["sqs"],
                dynamodb=deployment.clients["dynamodb"],
                queue_url=queue_url,
                dlq_url=dlq_url,
                table_name="payments",
            ),
            streams=boto3.client("dynamodbstreams", region_name=REGION),
            stream_arn=stream_arn,
        )


def test_an_item_that_enters_or_leaves_the_entity_filter_reaches_the_rows(path):
    path.write("enters", kind="LEAD", status="active")
    path.write("leaves", kind="CUSTOMER", status="active")
    path.write("leaves-otherwise", kind="CUSTOMER", status="active")
    path.write("elsewhere", kind="LEAD", status="active")
    assert path.carry() == {"leaves": "ACTIVE", "leaves-otherwise": "ACTIVE"}
    assert path.reconcile() == {}

    path.write("enters", kind="CUSTOMER", status="active")
    path.write("leaves", kind="ARCHIVED")
    path.write("leaves-otherwise", kind="ARCHIVED", status="closed")
    assert set(path.reconcile().values()) == {"missing", "extra"}
    agreed = {"enters": "ACTIVE", "leaves": "REMOVED", "leaves-otherwise": "REMOVED"}
    assert path.carry() == agreed
    assert path.reconcile() == {}

    path.write("leaves")
    assert path.carry() == agreed
    path.write("leaves-otherwise", kind="CUSTOMER", status="frozen")
    assert path.carry() == agreed | {"leaves-otherwise": "SUSPENDED"}
    assert (path.reconcile(), path.parked()) == ({}, [])


def test_the_tables_own_statuses_are_translated_for_publisher_backfill_and_reconcile(path):
    path.write("c-1", kind="CUSTOMER", status="active")
    path.write("c-1", kind="CUSTOMER", status="frozen")
    assert path.carry() == {"c-1": "SUSPENDED"}
    before = path.payments.rows()
    path.write("c-1", kind="CUSTOMER", status="held")
    path.carry()
    assert path.payments.rows() == before, "two values of one status are no change"

    path.write("c-2", kind="CUSTOMER", status="held")
    result = path.deployment.backfill()
    assert json.loads(result.stdout)["sent"] == 2, result.output
    path.payments.work()
    assert {name: row["status"]["S"] for name, row in path.payments.rows().items()} == {
        "c-1": "SUSPENDED",
        "c-2": "SUSPENDED",
    }
    assert path.reconcile() == {}

    path.write("c-1", kind="CUSTOMER", status="Frozen")
    assert path.carry()["c-1"] == "SUSPENDED"
    [(reason, expected)] = path.parked()
    assert (reason, "TABLE_STATUS_MAP" in expected) == ("UnknownStatus", True)
    assert path.reconcile() == {"c-1": "unreadable in Accounts"}
