"""Deploy the system on AWS under a random prefix, try it, and delete it again.

    python scripts/smoke_aws.py smoke [--execute | --local] [--patience-seconds N] [--json]

The stack, its bucket of packages and everything in them belong to this run; nothing else is
touched. Without --execute only the plan is printed. Exit codes: 0 no drill failed (or the plan was
printed), 1 one failed, 2 wrong use, 3 refused by AWS. docs/howto/smoke-test-aws.md explains it.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Annotated, Any
from uuid import uuid4

import typer
from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from rich.markup import escape

from customer_events.deadline import UNLIMITED
from customer_events.encoder import to_document
from customer_events.event import NEWEST_MAJOR, TYPE_PREFIX, Change, CustomerStatusChanged, Status
from customer_events.sequence import SequenceSource, sequence
from event_consumer.guarded_batches import STATEMENTS_MAX, GuardedBatches
from event_consumer.guarded_table import GuardedTable
from event_consumer.latest_state import Written
from fanout.aws import AwsTarget
from fanout.cli import main, target
from fanout.console import ERR, OUT, print_json, table
from fanout.errors import Found, Refused, WrongUse
from fanout.local import runtime
from fanout.local.stack import load_template, services, with_code_at
from fanout.packaging.build import build_package
from sentinel.discovery import Bus, Publisher, Subscriber, find_bus, find_publisher, find_subscriber

# The deployment

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


# The stack: made under a random prefix, deleted with everything in it

ARCH = "arm64"
_KEY_PENDING_DAYS = 7
_PAGE = 500


def random_prefix() -> str:
    """Short, as it is in the name of a bucket."""
    return f"smoke-{secrets.token_hex(4)}"


def ephemeral(template: dict[str, Any]) -> dict[str, Any]:
    """The template with nothing that outlives its stack; the input's resources are changed."""
    for resource in template["Resources"].values():
        resource["DeletionPolicy"] = "Delete"
        resource["UpdateReplacePolicy"] = "Delete"
        if resource["Type"] == "AWS::KMS::Key":
            resource["Properties"]["PendingWindowInDays"] = _KEY_PENDING_DAYS
    return template


@contextmanager
def deployed(target: AwsTarget, log: Callable[[str], None]) -> Iterator[None]:
    """The system under the target's prefix, for the length of a `with` block.

    Raises:
        Refused: the stack could not be made, or not be deleted; says where to look.
    """
    account = target.client("sts").get_caller_identity()["Account"]
    region = target.client("cloudformation").meta.region_name
    bucket = f"{target.prefix}-packages-{account}"
    log(f"bucket of packages: {bucket}")
    _create_bucket(target.client("s3"), bucket, region)
    try:
        _create_stack(target, bucket, log)
        yield
    finally:
        _tear_down(target, bucket, log)


def _create_bucket(s3: Any, bucket: str, region: str) -> None:
    if region == "us-east-1":
        s3.create_bucket(Bucket=bucket)
    else:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})


def _create_stack(target: AwsTarget, bucket: str, log: Callable[[str], None]) -> None:
    s3 = target.client("s3")
    template = load_template()
    keys = {}
    with tempfile.TemporaryDirectory(prefix="fanout-smoke-") as folder:
        for service in services(template, {}):
            log(f"package: {service} for {ARCH}")
            path = build_package(service, arch=ARCH, output=Path(folder)).path
            keys[service] = path.name
            s3.put_object(Bucket=bucket, Key=path.name, Body=path.read_bytes())
    document = ephemeral(with_code_at(template, bucket, keys))
    s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(document).encode())
    parameters = {
        "CreateAccountsTable": "true",
        "Prefix": target.prefix,
        "Architecture": ARCH,
        "TableDeletionProtection": "false",
        "LogRetentionDays": "7",
    }
    log(f"stack: {target.prefix} (some minutes)")
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "template.json"}
    ).partition("?")[0]
    cloudformation = target.client("cloudformation")
    cloudformation.create_stack(
        StackName=target.prefix,
        TemplateURL=url,
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        OnFailure="DELETE",
    )
    try:
        cloudformation.get_waiter("stack_create_complete").wait(StackName=target.prefix)
    except WaiterError as error:
        raise Refused(
            f"The stack {target.prefix} was not made ({error}); its events in CloudFormation, "
            "under deleted stacks, say which resource refused."
        ) from None


def _tear_down(target: AwsTarget, bucket: str, log: Callable[[str], None]) -> None:
    """Delete the stack with what it made, then the bucket of packages."""
    s3, cloudformation = target.client("s3"), target.client("cloudformation")
    log("tearing down")
    try:
        for name in _buckets(cloudformation, target.prefix):
            _empty(s3, name)
        cloudformation.delete_stack(StackName=target.prefix)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=target.prefix)
    except (ClientError, WaiterError) as error:
        raise Refused(
            f"The stack {target.prefix} was not deleted ({error}): delete it in CloudFormation, "
            f"and then the bucket {bucket}."
        ) from None
    _empty(s3, bucket)
    s3.delete_bucket(Bucket=bucket)


def _buckets(cloudformation: Any, stack: str) -> list[str]:
    try:
        pages = list(cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack))
    except cloudformation.exceptions.ClientError:
        return []  # no stack was made
    return [
        one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
        if one["ResourceType"] == "AWS::S3::Bucket" and one.get("PhysicalResourceId")
    ]


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        doomed = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        for start in range(0, len(doomed), _PAGE):
            s3.delete_objects(
                Bucket=bucket, Delete={"Objects": doomed[start : start + _PAGE], "Quiet": True}
            )


# Drills: what an operator relies on, tried once, each with its own customers

POISON = '{"smoke"'
_THROTTLED_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a drill saw. `good` is None where it could not be asked here."""

    drill: str
    good: bool | None
    seconds: float
    saw: str


class NotAsked(Exception):
    """The embedded AWS can't answer; the text says why."""


def run_drills(site: Site, log: Callable[[str], None]) -> list[Finding]:
    """All drills, one after the other; a failed one does not stop the rest."""
    findings = []
    for name, drill in DRILLS.items():
        log(f"drill: {name}")
        began = time.monotonic()
        good: bool | None = True
        try:
            saw = drill(site)
        except NotAsked as reason:
            good, saw = None, str(reason)
        except (NotInTime, ClientError, BotoCoreError) as error:
            good, saw = False, str(error)
        seconds = round(time.monotonic() - began, 1)
        findings.append(Finding(drill=name, good=good, seconds=seconds, saw=saw))
    return findings


def _change(site: Site) -> str:
    seconds = []
    for status in ("ACTIVE", "SUSPENDED"):
        site.put("smoke-change", status)
        seconds.append(site.await_status("smoke-change", status))
    return f"rows after {seconds[0]:.1f} s (first, cold) and {seconds[1]:.1f} s"


def _poison(site: Site) -> str:
    sqs = site.client("sqs")
    sqs.send_message(QueueUrl=site.payments.queue_url, MessageBody=POISON)
    dead = site.await_true(lambda: _dead(site, POISON), "the poison message in the DLQ")
    site.put("smoke-after-poison", "ACTIVE")
    site.await_status("smoke-after-poison", "ACTIVE")
    reason = dead.get("MessageAttributes", {}).get("parked_reason", {}).get("StringValue")
    return f"parked as {reason}, and the next change arrived"


def _replay(site: Site) -> str:
    customer = "smoke-replay"
    body = event_for(site, customer, Status.ACTIVE)
    site.client("sqs").send_message(QueueUrl=site.payments.dlq_url, MessageBody=body)
    replay = ("dlq", "replay", "payments", "--customer", customer, "--execute")
    site.fanout(*replay)
    site.await_status(customer, "ACTIVE")
    return "a dead event came back by `fanout dlq replay`"


def _recover(site: Site) -> str:
    """Break the publisher's setting, so that a good change is parked; fix it; recover."""
    functions, name = site.client("lambda"), site.publisher.function_name
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    customer = "smoke-recover"
    try:
        _configure(site, name, variables | {"STATUS_ATTRIBUTE": "no_such_attribute"})
        site.put(customer, "ACTIVE")
        site.await_true(lambda: _parked(site, customer), "the record in the failure store")
    finally:
        _configure(site, name, variables)
    site.fanout("failures", "recover", "--customer", customer, "--execute")
    site.await_status(customer, "ACTIVE")
    return "a record that was parked came back by `fanout failures recover`"


def _filter(site: Site) -> str:
    if site.bus.transport != "sns":
        raise NotAsked(f"the bus is {site.bus.transport}; the drill is for an SNS standard topic")
    sns = site.client("sns")
    for customer, major in (("smoke-filtered-out", 1), ("smoke-filtered-in", NEWEST_MAJOR)):
        sns.publish(
            TopicArn=site.bus.arn,
            Message=event_for(site, customer, Status.ACTIVE),
            MessageAttributes={
                "type": {"DataType": "String", "StringValue": f"{TYPE_PREFIX}{major}"}
            },
        )
    site.await_status("smoke-filtered-in", "ACTIVE")
    if site.status("smoke-filtered-out"):
        raise NotInTime("the filter let an event pass that it should hold back")
    return "the other version was held back, ours arrived"


def _throttle(site: Site) -> str:
    functions, name = site.client("lambda"), site.payments.function_name
    customer = "smoke-throttle"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        site.put(customer, "ACTIVE")
        time.sleep(_THROTTLED_SECONDS)  # the drill: nothing may arrive in this time
        arrived = site.status(customer)
    finally:
        functions.delete_function_concurrency(FunctionName=name)
    if arrived and site.local:
        raise NotAsked("the embedded AWS goes on in spite of a reserved concurrency of 0")
    if arrived:
        raise NotInTime("a throttled consumer went on")
    seconds = site.await_status(customer, "ACTIVE")
    return f"nothing for {_THROTTLED_SECONDS} s, the row {seconds:.1f} s after the release"


def _configure(site: Site, name: str, variables: dict[str, str]) -> None:
    functions = site.client("lambda")
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)


def _dead(site: Site, body: str) -> dict[str, Any] | None:
    """The dead message with this body; whatever is received becomes visible again at once."""
    received = site.client("sqs").receive_message(
        QueueUrl=site.payments.dlq_url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageAttributeNames=["All"],
    )
    return next((one for one in received.get("Messages", []) if one["Body"] == body), None)


def _parked(site: Site, customer: str) -> bool:
    s3, bucket = site.client("s3"), site.publisher.failure_bucket
    found = s3.list_objects_v2(Bucket=bucket, Prefix="parked/").get("Contents", [])
    for one in found:
        document = json.load(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"])
        with suppress(KeyError, TypeError):
            keys = document["record"]["dynamodb"]["Keys"]
            if keys[site.publisher.customer_id_attribute]["S"] == customer:
                return True
    return False


DRILLS: dict[str, Callable[[Site], str]] = {
    "change to row": _change,
    "poison": _poison,
    "replay": _replay,
    "recover": _recover,
    "filter": _filter,
    "throttle": _throttle,
}


# Questions that AWS's documents leave open. The system rests on no answer.

_ATTRIBUTES = 11
_WAIT_SECONDS = 5
_EMPTY_MAX = 2
"""An open shard has no end; so many empty answers in a row count as now."""


def later_changes_are_numbered_higher(site: Site) -> str:
    """Three changes of one customer; the stream's own numbers."""
    customer = "smoke-numbers"
    for status in ("PENDING", "ACTIVE", "SUSPENDED"):
        site.put(customer, status)
    site.await_status(customer, "SUSPENDED")
    numbers = [int(one["SequenceNumber"]) for one in _records(site, customer)]
    rising = all(a < b for a, b in pairwise(numbers))
    return f"{'yes' if rising else 'NO'}: {len(numbers)} changes in one shard"


def records_of_an_idle_update(site: Site) -> str:
    """An update without an expression, between two changes."""
    customer = "smoke-idle"
    site.put(customer, "ACTIVE")
    site.client("dynamodb").update_item(
        TableName=site.publisher.accounts_table,
        Key={site.publisher.customer_id_attribute: {"S": customer}},
    )
    site.put(customer, "CLOSED")
    site.await_status(customer, "CLOSED")
    extra = len(list(_records(site, customer))) - 2
    return "no" if extra == 0 else f"yes: {extra} more than the two changes"


def fifo_queue_on_a_standard_topic(site: Site) -> str:
    """Subscribe one; take it back at once if that worked."""
    if site.bus.transport != "sns":
        raise NotInTime(f"the bus is {site.bus.transport}")
    sns = site.client("sns")
    with _queue(site, "question.fifo", FifoQueue="true") as (_, arn):
        try:
            done = sns.subscribe(
                TopicArn=site.bus.arn, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
            )
        except ClientError as error:
            return f"refused: {error.response['Error']['Code']}"
        sns.unsubscribe(SubscriptionArn=done["SubscriptionArn"])
        return "accepted"


def eleven_attributes(site: Site) -> str:
    """Publish one with too many, then one with ten; whatever came before the second counts."""
    if site.bus.transport != "sns":
        raise NotInTime(f"the bus is {site.bus.transport}")
    sns = site.client("sns")
    with _queue(site, "question") as (url, arn):
        _let_topic_send(site, url, arn)
        subscription = sns.subscribe(
            TopicArn=site.bus.arn,
            Protocol="sqs",
            Endpoint=arn,
            ReturnSubscriptionArn=True,
            Attributes={
                "RawMessageDelivery": "true",
                "FilterPolicy": json.dumps({"smoke0": ["x"]}),
            },
        )["SubscriptionArn"]
        try:
            for count in (_ATTRIBUTES, _ATTRIBUTES - 1):
                attribute = {"DataType": "String", "StringValue": "x"}
                sns.publish(
                    TopicArn=site.bus.arn,
                    Message=str(count),
                    MessageAttributes={f"smoke{place}": attribute for place in range(count)},
                )
            bodies: set[str] = set()

            def ten_came() -> bool:
                bodies.update(one["Body"] for one in _receive(site, url))
                return str(_ATTRIBUTES - 1) in bodies

            site.await_true(ten_came, "the message with ten attributes")
            bodies.update(one["Body"] for one in _receive(site, url))
        finally:
            sns.unsubscribe(SubscriptionArn=subscription)
    return "yes" if str(_ATTRIBUTES) in bodies else "no, and publishing it had succeeded"


def receives_after_a_redrive(site: Site) -> str:
    """Let a message die of one receive, have SQS move it back, and receive it again."""
    sqs = site.client("sqs")
    with _queue(site, "question-dlq") as (dlq_url, dlq_arn):
        policy = json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": 1})
        with _queue(site, "question", RedrivePolicy=policy) as (url, _):
            sqs.send_message(QueueUrl=url, MessageBody="redrive")
            site.await_true(lambda: _receive(site, url, visibility=0), "the first receive")
            site.await_true(
                lambda: not _receive(site, url, visibility=0) and _receive(site, dlq_url),
                "the message in the DLQ",
            )
            sqs.start_message_move_task(SourceArn=dlq_arn)
            back = site.await_true(lambda: _receive(site, url), "the message after the redrive")
    count = back[0]["Attributes"]["ApproximateReceiveCount"]
    return f"yes: counted as receive {count}" if count == "1" else f"no: it is receive {count}"


def guard_in_statements(site: Site) -> str:
    """Rows that are made, changed with the new row asked for, and left alone as they are newer."""
    _, batches = _guard(site)
    customers = [f"smoke-guard-{number}" for number in range(3)]
    seen = [
        batches.write([_change(one, number, change) for one in customers], [True] * 3, UNLIMITED)
        for number, change in ((2, Change.CREATED), (3, Change.CHANGED), (1, Change.CHANGED))
    ]
    if batches.size_max == 1:
        return "NO: refused, so the consumer writes each row by UpdateItem"
    rows = [one for results in seen for one in results if isinstance(one, Written)]
    applied = [one.applied for one in rows]
    if applied != [True] * 6 + [False] * 3:
        return f"NO: of 9, the first 6 of which should apply, {applied}"
    return (
        "yes" if all(one.row for one in rows) else "yes, but without the rows that were asked for"
    )


def latency_of_a_batch(site: Site) -> str:
    """The median of ten, of a batch of 25 rows and of one UpdateItem, each of which applies."""
    table, batches = _guard(site)
    customers = [f"smoke-batch-{number}" for number in range(STATEMENTS_MAX)]
    together, alone = [], []
    for number in range(1, 11):
        events = [_change(one, number, Change.CHANGED) for one in customers]
        began = time.perf_counter()
        batches.write(events, [False] * len(events), UNLIMITED)
        together.append(time.perf_counter() - began)
        event = _change("smoke-alone", number, Change.CHANGED)
        began = time.perf_counter()
        table.write(event)
        alone.append(time.perf_counter() - began)
    return f"{median(together) * 1000:.1f} ms, and {median(alone) * 1000:.1f} ms for one row alone"


def _guard(site: Site) -> tuple[GuardedTable, GuardedBatches]:
    client, name = site.client("dynamodb"), site.payments.table
    table = GuardedTable(client, name, rule=lambda _: {})
    return table, GuardedBatches(client, name, table)


def _change(customer: str, number: int, change: Change) -> CustomerStatusChanged:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return CustomerStatusChanged(
        event_id=uuid4(),
        source="urn:smoke",
        customer_id=customer,
        sequence=sequence(number, epoch=1),
        sequence_source=SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        occurred_at=at,
        status=Status.ACTIVE,
        previous_status=None,
        reason=None,
        change=change,
        changed_at=at,
    )


@contextmanager
def _queue(site: Site, name: str, **attributes: str) -> Iterator[tuple[str, str]]:
    """A queue for one question: its URL and ARN."""
    sqs = site.client("sqs")
    full = f"{site.target.prefix}-{name}"
    url = sqs.create_queue(QueueName=full, Attributes=attributes)["QueueUrl"]
    try:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        yield url, found["Attributes"]["QueueArn"]
    finally:
        sqs.delete_queue(QueueUrl=url)


def _let_topic_send(site: Site, url: str, arn: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": site.bus.arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    site.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def _receive(site: Site, url: str, *, visibility: int = 30) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        site.client("sqs")
        .receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=0 if site.local else _WAIT_SECONDS,
            VisibilityTimeout=visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        .get("Messages", [])
    )
    return found


def _records(site: Site, customer: str) -> Iterator[dict[str, Any]]:
    """The stream's records of a customer, shard by shard, up to now."""
    streams, arn = site.client("dynamodbstreams"), site.publisher.stream_arn
    key = site.publisher.customer_id_attribute
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        empty = 0
        while iterator and empty < _EMPTY_MAX:
            page = streams.get_records(ShardIterator=iterator)
            empty = 0 if page["Records"] else empty + 1
            for record in page["Records"]:
                if record["dynamodb"]["Keys"][key]["S"] == customer:
                    yield record["dynamodb"]
            iterator = page.get("NextShardIterator")


QUESTIONS: dict[str, tuple[str, Callable[[Site], str]]] = {
    "Is a later change of one item numbered higher in the stream?": (
        "yes; promised within a shard, nowhere across a split",
        later_changes_are_numbered_higher,
    ),
    "Does an UpdateItem that changes nothing write a stream record?": (
        "no",
        records_of_an_idle_update,
    ),
    "May a FIFO queue subscribe to a standard topic?": ("refused", fifo_queue_on_a_standard_topic),
    "Does a message with 11 attributes arrive by raw delivery?": (
        "no, and nothing reports it",
        eleven_attributes,
    ),
    "Does a redrive by SQS reset a message's count of receives?": ("yes", receives_after_a_redrive),
    "Does a batch of statements take the guard's condition and `RETURNING ALL NEW *`?": (
        "yes; else each row is written by UpdateItem",
        guard_in_statements,
    ),
    "How long does a batch of 25 statements take?": (
        "not much longer than one row alone",
        latency_of_a_batch,
    ),
}
"""Question, expected answer, and how to ask it."""


def ask_all(site: Site, log: Callable[[str], None]) -> list[dict[str, str | None]]:
    """The answers; None where a question could not be asked, with the reason as its remark."""
    answers: list[dict[str, str | None]] = []
    for question, (expected, ask) in QUESTIONS.items():
        log(f"question: {question}")
        answer: str | None = None
        try:
            answer = ask(site)
            remark = "the embedded AWS's answer, not AWS's" if site.local else ""
        except (NotInTime, ClientError, BotoCoreError) as error:
            remark = f"failed: {error}"
        answers.append(
            {"question": question, "expected": expected, "answer": answer, "remark": remark}
        )
    return answers


# Report

_MARKS = {True: "[green]good[/]", False: "[bold red]FAILED[/]", None: "[yellow]not asked[/]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run: where it was, what the drills saw, what the questions were answered."""

    prefix: str
    local: bool
    findings: list[Finding]
    answers: list[dict[str, str | None]]

    @property
    def is_good(self) -> bool:
        """Whether no drill failed; a question has no wrong answer."""
        return all(one.good is not False for one in self.findings)

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "prefix": self.prefix,
            "where": "the embedded AWS" if self.local else "AWS",
            "good": self.is_good,
            "drills": [asdict(one) for one in self.findings],
            "questions": self.answers,
        }


def print_report(report: Report) -> None:
    """Two tables."""
    where = "the embedded AWS" if report.local else "AWS"
    drills = table(f"Drills of {report.prefix} on {where}", "drill", "", "seconds", "what was seen")
    for one in report.findings:
        drills.add_row(one.drill, _MARKS[one.good], f"{one.seconds:.1f}", escape(one.saw))
    OUT.print(drills)
    questions = table("What the documentation leaves open", "question", "expected", "answer")
    for answer in report.answers:
        said = f"{answer['answer'] or 'not asked'} {answer['remark'] or ''}".strip()
        questions.add_row(str(answer["question"]), str(answer["expected"]), escape(said))
    OUT.print(questions)


# Command line

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
app.callback()(target)


@app.command()
def smoke(
    context: typer.Context,
    *,
    local: Annotated[
        bool, typer.Option("--local", help="On the embedded AWS, as far as that goes.")
    ] = False,
    execute: Annotated[
        bool, typer.Option("--execute", help="Deploy on AWS; without, only the plan is shown.")
    ] = False,
    patience_seconds: Annotated[
        float, typer.Option("--patience-seconds", min=1, help="How long to await each thing.")
    ] = 180.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Deploy, run the drills, ask what the documentation leaves open, and delete everything.

    The stack, its bucket of packages and all that is in them are the command's own, under a random
    prefix; nothing else is touched. Exit code 0 where no drill failed (or the plan was shown), 1
    where one did, 2 for a wrong call, 3 where AWS refuses.
    """
    if local and execute:
        raise WrongUse("--execute is for AWS; --local needs none, it runs on this machine.")
    site: AwsTarget = replace(context.obj, prefix=random_prefix(), _clients={})
    if local:
        report = _on_the_embedded_aws(site, patience_seconds)
    elif execute:
        with deployed(site, _log):
            report = _try_out(site, patience_seconds)
    else:
        _show_plan(site, as_json=as_json)
        return
    if as_json:
        print_json(report.to_document())
    else:
        print_report(report)
    if not report.is_good:
        failed = [one.drill for one in report.findings if one.good is False]
        raise Found(f"Failed: {', '.join(failed)}.")


def _try_out(
    target: AwsTarget, patience_seconds: float, *, environment: dict[str, str] | None = None
) -> Report:
    local = environment is not None
    with tempfile.TemporaryDirectory(prefix="fanout-smoke-") as journals:
        site = Site.find(
            target,
            patience_seconds=patience_seconds,
            local=local,
            environment={"XDG_STATE_HOME": journals, **(environment or {})},
        )
        return Report(
            prefix=target.prefix,
            local=local,
            findings=run_drills(site, _log),
            answers=ask_all(site, _log),
        )


def _on_the_embedded_aws(target: AwsTarget, patience_seconds: float) -> Report:
    if target.endpoint_url is not None or target.profile is not None:
        raise WrongUse("--local brings its own AWS: leave --endpoint-url and --profile out.")
    with (
        tempfile.TemporaryDirectory(prefix="fanout-smoke-") as folder,
        runtime.running(
            Path(folder) / "state",
            prefix=target.prefix,
            region=target.region or runtime.DEFAULT_REGION,
            progress=_log,
        ) as deployment,
    ):
        return _try_out(deployment.target(), patience_seconds, environment=deployment.environment())


def _show_plan(target: AwsTarget, *, as_json: bool) -> None:
    plan = {
        "prefix": target.prefix,
        "creates": [f"stack {target.prefix}", f"bucket {target.prefix}-packages-ACCOUNT"],
        "drills": list(DRILLS),
        "questions": list(QUESTIONS),
        "deletes": "what it creates; the key after 7 days",
    }
    if as_json:
        print_json(plan)
        return
    for name, value in plan.items():
        OUT.print(f"{name}: {', '.join(value) if isinstance(value, list) else value}", markup=False)
    ERR.print("Nothing was deployed. Add --execute to do it, or --local to try it here.")


def _log(step: str) -> None:
    ERR.print(f"{step} …", style="dim", markup=False)


if __name__ == "__main__":
    main(app)
