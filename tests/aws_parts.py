"""Parts of an AWS as many tests make them: moto's, the embedded one's, or real ones."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.sqs.models import SQSBackend

REGION = "eu-west-1"


@contextmanager
def moto_account() -> Iterator[Callable[[str], Any]]:
    """An empty account on moto, and nothing of the person's own; makes clients by service.

    moto 5.2 fails on a guarded statement with an AssertionError; here it refuses all statements, as
    DynamoDB does with what it can't read, so that rows are written by UpdateItem. A long poll ends
    after a moment: moto looks through all hidden messages again and again for its whole second.
    Calls come to it one at a time, since its queues are not made for threads.
    """
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamoDBBackend, "batch_execute_statement", _refuse_statements)
        patch.setattr(SQSBackend, "receive_message", _receive_soon)
        patch.setattr(BotocoreStubber, "process_request", _one_at_a_time)
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.setenv(name, REGION)
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        session = boto3.Session(region_name=REGION)
        yield session.client


def create_table(
    dynamodb: Any,
    name: str,
    key: str = "customer_id",
    sort_key: str = "",
    *,
    key_type: str = "S",
    streamed: bool = False,
) -> str:
    """A table with texts for keys; the ARN of its stream, "" where it has none."""
    keys = {key: ("HASH", key_type), **({sort_key: ("RANGE", "S")} if sort_key else {})}
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    made = dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": one, "KeyType": kind} for one, (kind, _) in keys.items()],
        AttributeDefinitions=[
            {"AttributeName": one, "AttributeType": type_} for one, (_, type_) in keys.items()
        ],
        BillingMode="PAY_PER_REQUEST",
        **({"StreamSpecification": view} if streamed else {}),
    )
    return str(made["TableDescription"].get("LatestStreamArn", ""))


def drain(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Every message of a queue, which is empty afterwards."""
    drained: list[dict[str, Any]] = []
    request = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **request).get(
        "Messages"
    ):
        drained += received
        for one in received:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return drained


# Private functions

_receive = SQSBackend.receive_message
_process = BotocoreStubber.process_request
_LOCK = RLock()
_POLL_SECONDS = 0.05


def _one_at_a_time(stubber: BotocoreStubber, request: Any) -> Any:
    with _LOCK:
        return _process(stubber, request)


def _receive_soon(backend: Any, queue: str, count: int, wait_seconds: int, *more: Any) -> Any:
    found = _receive(backend, queue, count, 0, *more)
    if wait_seconds and not found:
        time.sleep(_POLL_SECONDS)
    return found


def _refuse_statements(*_: Any) -> Any:
    raise MockValidationException("moto reads no such statements")
