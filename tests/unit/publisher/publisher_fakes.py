"""Fakes of the publisher's ports, and a publisher made of them."""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from customer_events.deadline import Deadline, Deadlines
from customer_events.decoder import decode
from publisher.batched_bus import BatchedBus
from publisher.eventbridge_bus import EventBridgeBus
from publisher.events import Entry, Producer
from publisher.evidence import BadDeploymentDetector, FailureTracker
from publisher.handlers import StreamHandler
from publisher.ports import Answer, ParkedRecord, Verdict
from publisher.publish_batch import BatchPublisher
from publisher.reasons import RefusedByBus
from publisher.sns_bus import SnsTopic
from publisher.stream_records import StreamRecord
from publisher.transitions import TableRules
from publisher.transports import EVENTBRIDGE, of_bus

CONFIRMED = Answer(verdict=Verdict.CONFIRMED)
TRANSIENT = Answer(verdict=Verdict.TRANSIENT, code="InternalError")
BUS_FAULT = Answer(verdict=Verdict.BUS_FAULT, code="AuthorizationError")
REFUSED = Answer(
    verdict=Verdict.REFUSED, code="InvalidParameter", reason=RefusedByBus("an entry that it takes")
)
NOT_SENT = Answer(verdict=Verdict.NOT_SENT, code="OutOfTime")
BATCH_AT = datetime(2026, 11, 23, 9, 30, 2, tzinfo=UTC)


class FakeClock:
    """Stands still but for sleeping and `pass_seconds`."""

    def __init__(self):
        self.seconds = 1_000.0
        self.slept = []

    def now(self):
        return BATCH_AT + timedelta(seconds=self.seconds - 1_000.0)

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.seconds += seconds

    def pass_seconds(self, seconds):
        self.seconds += seconds

    def deadline(self, seconds):
        return Deadline(ends_at=self.seconds + seconds, clock=self)


def verdicts(answers):
    return [answer.verdict for answer in answers]


class FakeBus:
    """Answers as told; keeps what it took, in order, and what it was asked in each round.

    `answer` gets an entry and how often it was sent before.
    """

    def __init__(self, answer: Callable[[Entry, int], Answer] | None = None, *, ordered=False):
        self.answer = answer or (lambda _entry, _times: CONFIRMED)
        self.ordered = ordered
        self.rounds: list[list[Entry]] = []
        self.published: list[Entry] = []
        self._times: dict[str, int] = {}

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> list[Answer]:
        self.rounds.append(list(entries))
        answers = []
        for entry in entries:
            times = self._times.get(entry.event_id, 0)
            self._times[entry.event_id] = times + 1
            answer = self.answer(entry, times)
            if answer.verdict is Verdict.CONFIRMED:
                self.published.append(entry)
            answers.append(answer)
        return answers

    @property
    def events(self):
        """What it took, as a consumer reads it."""
        return [decode(entry.document) for entry in self.published]


TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:customer-status"


def bus_on(client, arn=TOPIC_ARN, *, size_max_bytes=262_144, executor=None):
    """The real bus on a client of SNS or of EventBridge."""
    transport = of_bus(arn)
    calls = (
        EventBridgeBus(client=client, bus_arn=arn)
        if transport is EVENTBRIDGE
        else SnsTopic(client=client, topic_arn=arn)
    )
    return BatchedBus(
        transport=transport,
        calls=calls,
        size_max_bytes=size_max_bytes,
        executor=executor or ThreadPoolExecutor(2),
    )


class FakeFailureStore:
    """Keeps what is parked, unless `error` says otherwise."""

    def __init__(self, error: Callable[[ParkedRecord], str | None] | None = None):
        self.error = error or (lambda _parked: None)
        self.parked: list[ParkedRecord] = []
        self.seconds_left: list[float] = []

    def park(self, parked: Sequence[ParkedRecord], deadline: Deadline) -> list[str | None]:
        self.seconds_left.append(deadline.seconds_left())
        errors = []
        for one in parked:
            json.dumps(one.record.raw)
            error = self.error(one)
            if error is None:
                self.parked.append(one)
            errors.append(error)
        return errors

    @property
    def reasons(self):
        return [one.reason.code for one in self.parked]


class FakeReporter:
    def __init__(self):
        self.results = []

    def report(self, result, *, request_id, now_seconds):
        self.results.append(result)


class FakeContext:
    """Lambda's context, as far as the handler looks."""

    aws_request_id = "6f1c9a52-1d0e-5b7c-9f43-7f0b3f3a2c11"

    def __init__(self, milliseconds=60_000):
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self):
        return self._milliseconds


class Rig:
    """A publisher made of fakes."""

    def __init__(
        self,
        *,
        bus: FakeBus | None = None,
        store: FakeFailureStore | None = None,
        versions: tuple[int, ...] = (2,),
        rules: TableRules | None = None,
    ):
        self.clock = FakeClock()
        self.bus = bus or FakeBus()
        self.store = store or FakeFailureStore()
        self.reporter = FakeReporter()
        self.publisher = BatchPublisher(
            rules=rules or TableRules(reason_attribute="status_reason"),
            producer=Producer(source="urn:novapay:accounts", epoch=1, versions=versions),
            failure_store=self.store,
            clock=self.clock,
            tracker=FailureTracker(),
            deployment=BadDeploymentDetector(),
            jitter=lambda: 0.5,
        )
        self.handler = StreamHandler(
            publisher=self.publisher, bus=self.bus, reporter=self.reporter, clock=self.clock
        )

    def publish(self, records: Iterable[Any], *, seconds_left: float = 60.0):
        """Run the use case; the result. Parking may go on five seconds longer."""
        work, parking = map(self.clock.deadline, (seconds_left, seconds_left + 5))
        return self.publisher.publish(
            [StreamRecord(one) for one in records], self.bus, Deadlines(work=work, parking=parking)
        )

    def handle(self, records: Iterable[Any], *, milliseconds: int = 60_000):
        """Run the Lambda handler; the sequence number that it reports, or None."""
        answer = self.handler({"Records": list(records)}, FakeContext(milliseconds))
        assert set(answer) == {"batchItemFailures"}
        failures = answer["batchItemFailures"]
        assert len(failures) <= 1
        return failures[0]["itemIdentifier"] if failures else None
