"""The world answers as moto and the embedded AWS do, asked by the same scripts.

Where one of these is known not to be like AWS, `UNLIKE_AWS` says so and why: it has to answer
otherwise then, so that a line is dropped once its emulator has learned it.
"""

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from aws_parts import create_table, moto_account
from bare_emulator import emulator_in
from customer_events.deadline import UNLIMITED
from customer_events.event import Change, CustomerStatusChanged, Status
from customer_events.sequence import UNCOUNTED, SequenceSource, sequence
from event_consumer.guarded_batches import GuardedBatches
from event_consumer.guarded_table import GuardedTable
from payments_consumer.standing import attributes
from simulation.calls import Calls, Invocation
from simulation.clock import VirtualClock
from simulation.queues import Queue
from simulation.queues_client import QueuesClient
from simulation.tables import RowsClient

pytestmark = pytest.mark.slow

BACKENDS = ("the world", "moto", "the embedded AWS")
UNLIKE_AWS = {
    (
        "moto",
        "test_a_fifo_message_has_a_number_that_rises",
    ): "moto draws the number at random",
}
"""By backend and script: why it answers otherwise."""
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass(kw_only=True)
class World:
    """The simulation's world, as far as scripts need it."""

    def __post_init__(self) -> None:
        self._clock = VirtualClock()
        self._calls = Calls(self._clock)
        self._calls.enter(Invocation(ends_at=float("inf"), random=Random(1)))
        self._queues: list[Queue] = []

    @property
    def sqs(self) -> QueuesClient:
        return QueuesClient(self._calls, self._queues, self._clock)

    def queues(self, *, fifo: bool = False, receives_max: int = 2) -> tuple[str, str]:
        suffix = ".fifo" if fifo else ""
        queue, dlq = (Queue(name + suffix, self._clock, fifo=fifo) for name in ("q", "d"))
        queue.dlq, queue.receives_max = dlq, receives_max
        self._queues += [queue, dlq]
        return queue.url, dlq.url

    def rows(self) -> tuple[RowsClient, str]:
        return RowsClient(self._calls, "rows", lambda *_: None), "rows"

    def pass_time(self, seconds: float) -> None:
        self._clock.seconds += seconds


@dataclass(kw_only=True)
class Aws:
    """moto, the embedded AWS, or AWS itself: boto3 clients by service."""

    client: Any

    @property
    def sqs(self) -> Any:
        return self.client("sqs")

    def queues(self, *, fifo: bool = False, receives_max: int = 2) -> tuple[str, str]:
        suffix = ".fifo" if fifo else ""
        attributes = {"FifoQueue": "true"} if fifo else {}
        dlq = self.sqs.create_queue(QueueName=f"d-{uuid4().hex}{suffix}", Attributes=attributes)
        redrive = {
            "deadLetterTargetArn": self._arn(dlq["QueueUrl"]),
            "maxReceiveCount": str(receives_max),
        }
        queue = self.sqs.create_queue(
            QueueName=f"q-{uuid4().hex}{suffix}",
            Attributes={**attributes, "RedrivePolicy": json.dumps(redrive)},
        )
        return queue["QueueUrl"], dlq["QueueUrl"]

    def rows(self) -> tuple[Any, str]:
        name = f"rows-{uuid4().hex}"
        create_table(self.client("dynamodb"), name)
        return self.client("dynamodb"), name

    def pass_time(self, seconds: float) -> None:
        time.sleep(seconds)

    def _arn(self, url: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])


Backend = World | Aws


def sent(backend: Backend, url: str, *entries: dict[str, Any]) -> None:
    answer = backend.sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": str(index), **one} for index, one in enumerate(entries)]
    )
    assert len(answer["Successful"]) == len(entries)


def received(
    backend: Backend, url: str, *, count: int = 10, hidden_seconds: int = 1
) -> list[dict[str, Any]]:
    answer = backend.sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=count,
        VisibilityTimeout=hidden_seconds,
        WaitTimeSeconds=1,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return list(answer.get("Messages", []))


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request, tmp_path_factory):
    match request.param:
        case "the world":
            yield World()
        case "moto":
            with moto_account() as client:
                yield Aws(client=client)
        case _:
            with emulator_in(tmp_path_factory.mktemp("agreement")) as target:
                yield Aws(client=target.client)


@pytest.fixture
def agrees(request, backend):
    """Compare what a script saw with what AWS documents."""

    def compare(seen, documented):
        name = request.node.callspec.params["backend"], request.node.originalname
        if name in UNLIKE_AWS:
            assert seen != documented, f"{name} agrees with AWS by now: drop it from the list"
        else:
            assert seen == documented

    return compare


# SQS


def test_a_message_is_hidden_for_as_long_as_was_asked(backend, agrees):
    url, _ = backend.queues(receives_max=9)
    sent(backend, url, {"MessageBody": "a"})
    seen = [bodies(received(backend, url, hidden_seconds=3)), bodies(received(backend, url))]
    backend.pass_time(3.1)
    (again,) = received(backend, url, hidden_seconds=30)
    seen.append([again["Body"], again["Attributes"]["ApproximateReceiveCount"]])
    show(backend, url, again)
    seen.append(bodies(received(backend, url)))
    agrees(seen, [["a"], [], ["a", "2"], ["a"]])


def test_a_message_that_was_received_too_often_comes_into_the_dlq_with_its_id(backend, agrees):
    url, dlq = backend.queues(receives_max=2)
    sent(backend, url, {"MessageBody": "a"})
    ids = []
    for _ in range(2):
        (one,) = received(backend, url)
        ids.append(one["MessageId"])
        show(backend, url, one)
    seen = [bodies(received(backend, url))]
    (dead,) = received(backend, dlq)
    seen.append([dead["Body"], dead["MessageId"] == ids[0] == ids[1]])
    agrees(seen, [[], ["a", True]])


def test_a_deleted_message_does_not_come_back(backend, agrees):
    url, _ = backend.queues(receives_max=9)
    sent(backend, url, {"MessageBody": "a"}, {"MessageBody": "b"})
    found = everything(backend, url, 2)
    gone = next(one for one in found if one["Body"] == "a")
    entry = {"Id": "0", "ReceiptHandle": gone["ReceiptHandle"]}
    answer = backend.sqs.delete_message_batch(QueueUrl=url, Entries=[entry])
    backend.pass_time(1.2)
    seen = [len(answer["Successful"]), bodies(received(backend, url))]
    agrees(seen, [1, ["b"]])


def test_on_fifo_a_group_waits_and_others_do_not(backend, agrees):
    url, _ = backend.queues(fifo=True, receives_max=9)
    for group, body in (("g", "1"), ("g", "2"), ("h", "3")):
        sent(backend, url, fifo(body, group=group))
    (first,) = received(backend, url, count=1, hidden_seconds=30)
    seen = [first["Body"], bodies(received(backend, url, hidden_seconds=30))]
    entry = {"Id": "0", "ReceiptHandle": first["ReceiptHandle"]}
    backend.sqs.delete_message_batch(QueueUrl=url, Entries=[entry])
    seen.append(bodies(received(backend, url)))
    agrees(seen, ["1", ["3"], ["2"]])


def test_a_fifo_queue_takes_a_repeat_and_delivers_it_once(backend, agrees):
    url, _ = backend.queues(fifo=True, receives_max=9)
    for body, dedup_id in (("1", "a"), ("2", "a"), ("3", "b")):
        sent(backend, url, fifo(body, dedup_id=dedup_id))
    agrees(bodies(received(backend, url)), ["1", "3"])


def test_a_fifo_message_has_a_number_that_rises(backend, agrees):
    url, _ = backend.queues(fifo=True, receives_max=9)
    for body in "0123456789":
        sent(backend, url, fifo(body))
    numbers = [int(one["Attributes"]["SequenceNumber"]) for one in received(backend, url)]
    agrees([len(numbers), numbers == sorted(set(numbers))], [10, True])


# DynamoDB: the guard's own writes


def event(number, status, **about):
    at = START + timedelta(seconds=number * 60)
    return replace(
        CustomerStatusChanged(
            event_id=UUID(int=number),
            source="urn:novapay:accounts",
            customer_id="c",
            sequence=sequence(str(number), epoch=1),
            sequence_source=SequenceSource.STREAM,
            schema_version=2,
            occurred_at=at,
            status=Status(status),
            previous_status=None,
            reason=None,
            change=Change.CHANGED,
            changed_at=at,
            repairs=None,
        ),
        **about,
    )


SNAPSHOT = event(
    5,
    "ACTIVE",
    sequence=UNCOUNTED,
    change=Change.SNAPSHOT,
    occurred_at=START + timedelta(seconds=300, microseconds=7),
)
HISTORY = (
    (SNAPSHOT, True),
    (SNAPSHOT, False),
    (event(2, "CLOSED"), False),
    (event(9, "SUSPENDED"), True),
    (event(10, "CLOSED"), True),
    (event(9, "SUSPENDED"), False),
    (event(10, "CLOSED", schema_version=1), False),
    (event(11, "ACTIVE", sequence_source=SequenceSource.VERSION), False),
    (event(1, "ACTIVE", sequence=sequence("1", epoch=2)), False),
    (event(12, "ACTIVE", sequence=sequence("2", epoch=2)), True),
    (replace(SNAPSHOT, repairs=sequence("10", epoch=1)), False),
)


def test_the_guards_writes_apply_or_not(backend, agrees):
    client, name = backend.rows()
    table = GuardedTable(client, name, rule=attributes, clock=lambda: START)
    written = [table.write(one) for one, _ in HISTORY]
    seen = [(one.applied, one.row and one.row.status.value) for one in written]
    statuses = [*["ACTIVE"] * 3, "SUSPENDED", *["CLOSED"] * 5, *["ACTIVE"] * 2]
    agrees(seen, [(applies, now) for (_, applies), now in zip(HISTORY, statuses, strict=True)])


def test_the_guards_batches_apply_or_not(backend, agrees):
    """A customer with a row and one without, in the same call each time."""
    client, name = backend.rows()
    table = GuardedTable(client, name, rule=attributes, clock=lambda: START)
    batches = GuardedBatches(client, name, table)
    written = []
    for at, (one, _) in enumerate(HISTORY):
        other = replace(one, customer_id=f"c-{at}")
        written.append(batches.write([one, other], [True, True], UNLIMITED))
    seen = [
        [(one.applied, one.row and one.row.status.value) for one in results] for results in written
    ]
    statuses = [*["ACTIVE"] * 3, "SUSPENDED", *["CLOSED"] * 5, *["ACTIVE"] * 2]
    expected = [
        [(applies, now), (not one.repairs, None if one.repairs else one.status.value)]
        for (one, applies), now in zip(HISTORY, statuses, strict=True)
    ]
    agrees(seen, expected)


# What the scripts are made of


def bodies(messages):
    return [one["Body"] for one in messages]


def everything(backend, url, count):
    """A call may bring fewer than there are."""
    found = []
    while len(found) < count:
        found += received(backend, url)
    return found


def show(backend, url, message):
    """Visible again at once."""
    entry = {"Id": "0", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
    backend.sqs.change_message_visibility_batch(QueueUrl=url, Entries=[entry])


def fifo(body, *, group="g", dedup_id=None):
    return {
        "MessageBody": body,
        "MessageGroupId": group,
        "MessageDeduplicationId": dedup_id or body,
    }
