"""The world with its metrics: what each service writes, as AWS documents it, and our own EMF.

Lambda Developer Guide, "Types of metrics for Lambda functions" (a batch answered with failures is
no error; IteratorAge comes with the end of a batch; a mapping that polls and finds nothing writes
a PolledEventCount of 0, one that does not poll writes nothing). SQS Developer Guide, "Available
CloudWatch metrics for Amazon SQS" (the age leaves out what was received three times; a queue that
nobody has touched for six hours writes nothing, and is up to 15 minutes late afterwards; what SQS
moves to a DLQ is not sent). SNS Developer Guide, "Monitoring Amazon SNS topics using CloudWatch".
EventBridge User Guide, "Monitoring Amazon EventBridge" (what failed for good, and what of it went
to the DLQ; published events are not counted).
DynamoDB Developer Guide, "DynamoDB metrics and dimensions". Names are those of the deployment.
The sentinel's findings are those of its own rules, of what is deployed in this world.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from random import Random
from typing import Any

from customer_events.event import EVENT_NAME
from customer_events.metrics import NAMESPACE, SENTINEL_FINDINGS, SENTINEL_RUNS
from customer_events.registry import load
from deployed_facts import NOW, sound
from event_consumer.reporting import BatchReporter as ConsumerReporter
from fanout.streams.mapping import Done, Failed
from publisher.handlers import BatchFailed, PipeHandler
from publisher.reporting import BatchReporter as PublisherReporter
from publisher.transports import PIPES
from sentinel.contract.folder import installed_contract
from sentinel.findings import Severity
from sentinel.rounds import COMPARE_SECONDS, GRACE_SECONDS, INTERVAL_SECONDS
from sentinel.rules import check_publisher, check_subscriber
from simulation.bus import OnItsWay
from simulation.checkers import Checkers
from simulation.clock import START_SECONDS
from simulation.cloudwatch import Alarms, Metrics
from simulation.faults import Setting
from simulation.queues import Queue, QueuedMessage
from simulation.schedule import CallFault, Step
from simulation.system import MESSAGE_SIZE_MAX_BYTES, Clients, Handler, System, part
from simulation.truth import Change
from simulation.workers import Workers
from simulation.world import World

PREFIX = "fanout"
MAPPINGS = {"publisher": "PublisherMapping", "payments": "ConsumerMapping"}
"""What the template's functions resolve the ids of the two mappings to."""
NOTICE_SECONDS = 3600.0
ACTIVE_SECONDS = 6 * 3600.0
INACTIVE_MINUTES = 15
SENTINEL_MINUTES, COMPARE_MINUTES = INTERVAL_SECONDS // 60, COMPARE_SECONDS // 60
COMPARING_MINUTES = int(2 * GRACE_SECONDS // 60) + 1
"""How long a run takes that compares, and reads differences again twice."""
_AGED_RECEIVES = 3
_HICCUPS = ("throttle", "error", "timeout", "lost", "entry_fails", "crash_before", "not_invoked")
_REGISTRY = load(EVENT_NAME)
_EMF = "_aws"
_WRONG: dict[str, int] = {}
"""How many things are wrong, by what is deployed."""


class Unlogged:
    """Stands for the reporters' logger; the metrics are what is looked at here."""

    def info(self, *_: Any, **__: Any) -> None:
        return

    warning = info


class ReportingSystem(System):
    """The real system, with the real reporters."""

    def publisher_reporter(self, _: Clients) -> Any:
        return _unlogged(
            PublisherReporter(service="publisher", deployment=PREFIX, namespace=NAMESPACE)
        )

    def consumer_reporter(self, _: Clients) -> Any:
        return _unlogged(
            ConsumerReporter(
                service="payments_consumer",
                deployment=PREFIX,
                namespace=NAMESPACE,
                registry=_REGISTRY,
            )
        )


class PipedSystem(ReportingSystem):
    """The publisher as the enrichment of a pipe."""

    @part
    def publisher(self, clients: Clients, *, epoch: int) -> Handler:
        handler = PipeHandler(
            publisher=self.batch_publisher(clients, epoch=epoch),
            reporter=self.publisher_reporter(clients),
            clock=clients.clock,
            event_size_max_bytes=MESSAGE_SIZE_MAX_BYTES,
            batch_size_max=PIPES.entries_per_call_max,
        )

        def answer(event: Any, context: Any) -> Any:
            try:
                return handler(event, context)
            except BatchFailed:
                clients.calls.current.met.append("the batch fails")
                raise

        return answer


class Bystander(Checkers):
    """Judges nothing: an outage may break what only the other histories have to keep."""

    def published(self, body: str, to: frozenset[str]) -> None:
        fact = self._truth.fact_of(body)
        if fact is not None and fact.change is not None:
            fact.change.published.add(fact.major)

    def ignored(self, *_: Any, **__: Any) -> None:
        return

    checkpoint = parked_record = arrived = wrote = acknowledged = ignored
    parked_message = answered = ignored


class MonitoredWorkers(Workers):
    """Lambda's own metrics of each invocation; and what it can't start."""

    def _invoke(self, name: str, *given: Any, **named: Any) -> Any:
        world = self._world
        assert isinstance(world, Monitored)
        service = "publisher" if name.startswith("publisher") else "payments"
        with redirect_stdout(StringIO()) as printed:
            if service in world.throttled:
                result, met = None, ["throttled"]
            else:
                result, met = super()._invoke(name, *given, **named)
        world.lambda_metric(service, "Throttles", int(met == ["throttled"]))
        if met == ["throttled"]:
            return None, met
        world.lambda_metric(service, "Invocations", 1)
        world.lambda_metric(service, "Errors", int(result is None))
        world.embedded(printed.getvalue())
        return result, met


class PipeWorkers(MonitoredWorkers):
    """A pipe reads the stream, has the publisher make events of the records, and publishes them.

    EventBridge User Guide, "Amazon EventBridge Pipes batching and concurrency" (what fails is tried
    again as a whole, enrichment and all) and "Monitoring Amazon EventBridge Pipes".
    """

    def publish(self, step: Step) -> bool:
        world = self._world
        assert isinstance(world, Monitored)
        taken = world.mapping.take(Random(step.dice), world.clock.seconds)
        if taken is None:
            return False
        shard_id, batch = taken
        answer: Any = Done()
        if batch.discard_reason is not None:
            world.given_up(len(batch.records))
        elif not self._carries([world.accounts.bodies[one.number] for one in batch.records], step):
            answer = Failed(error="failed")
        if batch.discard_reason is None:
            failed, pipe = isinstance(answer, Failed), f"{PREFIX}-publisher"
            world.put("AWS/EventBridge/Pipes", "ExecutionFailed", int(failed), PipeName=pipe)
        world.mapping.report(shard_id, batch, answer, world.clock.seconds)
        return True

    # Private functions

    def _carries(self, records: list[dict[str, Any]], step: Step) -> bool:
        """Whether a batch came onto the bus; its role may lack either permission."""
        refused = self._world.calls.refusals.keys()
        documents = None if "enrichment" in refused else self._publisher(records, step)[0]
        if documents is None or (documents and "topic" in refused):
            return False
        if documents:
            self._world.topic.put_events(
                Entries=[
                    {
                        "Source": document["source"],
                        "DetailType": EVENT_NAME,
                        "Detail": json.dumps(document),
                    }
                    for document in documents
                ]
            )
        return True


class Monitored(World):
    """A world of one publisher and the subscriber payments, with CloudWatch beside it.

    `late` says how many minutes late the next value of a namespace is. `throttled`, `stopped` (its
    mapping or its pipe does not poll) and `blind` (it polls a stream that nobody writes to) hold
    services; `refusing` the queues that take nothing from the bus. What is `undecipherable` a bus
    puts into its own DLQ; `unreadable`: the pipe's role may not read the stream. `hiccups` is the
    share of invocations in which one call fails once, as on any day; `skew_seconds` is by how much
    the functions' clocks are ahead, by which they date their metrics. `sentinel_minute`: in which
    minute of the sentinel's quarter of an hour minute 0 falls.
    """

    make_checkers = Bystander

    def __init__(
        self, setting: Setting, system: System, alarms: Alarms, late: Callable[[str], int]
    ) -> None:
        self.alarms = alarms
        self.late = late
        self.throttled: set[str] = set()
        self.stopped: set[str] = set()
        self.changed_by_hand = False
        self.undecipherable = False
        self.unreadable = False
        self.blind: set[str] = set()
        self.refusing: set[str] = set()
        self.loses_discards = False
        self.delivers_every_minutes = 1
        self.hiccups = 0.0
        self.skew_seconds = 0.0
        self.sentinel_minute = 0
        self.make_workers = PipeWorkers if setting.pipe else MonitoredWorkers
        super().__init__(setting, system)
        self.payments = self.subscribers[0]
        self._transport = _transport(setting)
        self._bus_dlq, self._pipe_dlq = (
            Queue(name, self.clock, fifo=False) for name in ("bus-dlq", "pipe-dlq")
        )
        self._gauges = [
            Gauge(self, queue, f"{PREFIX}-{name}", is_dlq=queue is not self.payments.queue)
            for queue, name in (
                (self.payments.queue, self.payments.queue.name),
                (self.payments.dlq, self.payments.dlq.name),
                (self._bus_dlq, "customer-status-bus-dlq"),
                (self._pipe_dlq, "publisher-dlq"),
            )
        ]
        self._notices: list[float] = []
        self._observe()

    @property
    def minute(self) -> int:
        return int((self.clock.seconds - START_SECONDS) // 60)

    @property
    def metrics(self) -> Metrics:
        return self.alarms.metrics

    def put(self, namespace: str, name: str, value: float, **dimensions: str) -> None:
        skew = self.skew_seconds if namespace == NAMESPACE else 0.0
        minute = int((self.clock.seconds + skew - START_SECONDS) // 60)
        self.metrics.put(namespace, name, dimensions, minute, value, late=self.late(namespace))

    def lambda_metric(self, service: str, name: str, value: float) -> None:
        function = (
            f"{PREFIX}-publisher" if service == "publisher" else f"{PREFIX}-payments-consumer"
        )
        self.put("AWS/Lambda", name, value, FunctionName=function)

    def embedded(self, printed: str) -> None:
        """What a function printed: Lambda hands it to CloudWatch, which takes the metrics out."""
        for line in printed.splitlines():
            document = json.loads(line)
            for directive in document[_EMF]["CloudWatchMetrics"]:
                [names] = directive["Dimensions"]
                dimensions = {name: document[name] for name in names}
                for one in directive["Metrics"]:
                    for value in document[one["Name"]]:
                        self.put(directive["Namespace"], one["Name"], value, **dimensions)

    def write(self, customer: str, kind: str, dice: Random) -> None:
        """Somebody writes to the Accounts table; so does what changes nothing."""
        self.writers.write(customer, kind, dice)
        self.put("AWS/DynamoDB", "ConsumedWriteCapacityUnits", 1, TableName="accounts")

    def work(self, dice: Random) -> None:
        """Everybody works on what is due now."""
        while self._publishes(dice) or self._delivers(dice) or self._consumes(dice):
            pass

    def end_minute(self, minute: int) -> None:
        """The minute is over: what is written once a minute, and a look at every alarm."""
        for service, mapping in MAPPINGS.items():
            if service not in self.stopped:
                dimensions = {"EventSourceMappingUUID": mapping}
                late = self.late("AWS/Lambda")
                self.metrics.put("AWS/Lambda", "PolledEventCount", dimensions, minute, 0, late=late)
        if "sentinel" not in self.stopped:
            self._look_after(minute)
        now = self.clock.seconds
        for gauge in self._gauges:
            polled = not gauge.is_dlq and "payments" not in self.stopped
            gauge.write(self, minute, polled=polled)
        self._notices = [one for one in self._notices if one > now - NOTICE_SECONDS]
        if self._notices:
            dimensions = {"QueueName": f"{PREFIX}-failure-notices"}
            name, count = "ApproximateNumberOfMessagesVisible", len(self._notices)
            woken = int((self._notices[0] - START_SECONDS) // 60)
            late = max(0, woken + INACTIVE_MINUTES - minute)
            self.metrics.put("AWS/SQS", name, dimensions, minute, count, late=late)
        self.alarms.look(minute)

    def given_up(self, count: int) -> None:
        """A pipe's DLQ gets a pointer to what it gives up."""
        for _ in range(count):
            self._pipe_dlq.send("{}", {}, origin="pipe")

    def reached(self, change: Change) -> bool:
        """Whether the row holds this change or a later one."""
        row = self.payments.fact_of_row(change.customer, self.truth)
        return row is not None and row.index >= change.index

    def findings(self) -> int:
        """How many things the sentinel's rules find wrong with what is deployed now."""
        publisher, payments = sound(self._transport.name)
        publisher = replace(
            publisher,
            table={**(publisher.table or {}), **self._stream()},
            mapping={**(publisher.mapping or {}), **self._switch("publisher")},
            denied=["dynamodb:GetRecords"] if self.unreadable else [],
        )
        [delivery] = payments.deliveries
        key = "EventPattern" if self.setting.eventbridge else "FilterPolicy"
        payments = replace(
            payments,
            queue={**(payments.queue or {}), **self._policy(self.payments.queue)},
            dlq={**(payments.dlq or {}), **self._policy(self.payments.dlq)},
            mapping={**(payments.mapping or {}), **self._switch("payments")},
            deliveries=[
                {**delivery, **({key: json.dumps(one.policy)} if one.policy else {})}
                for one in self.topic.subscriptions
            ],
        )
        deployed = repr((publisher, payments))
        if deployed not in _WRONG:
            found = [
                *check_publisher(publisher, now=NOW),
                *check_subscriber(payments, installed_contract(), now=NOW),
            ]
            _WRONG[deployed] = sum(one.severity is Severity.WRONG for one in found)
        return self.changed_by_hand + _WRONG[deployed]

    # Private functions

    def _look_after(self, minute: int) -> None:
        """A run of the sentinel, if one is due; one that compares reports at its end."""
        if (minute + self.sentinel_minute) % SENTINEL_MINUTES:
            return
        compares = (minute + self.sentinel_minute) % COMPARE_MINUTES == 0
        ends = minute + (COMPARING_MINUTES if compares else 0)
        for metric, value in ((SENTINEL_RUNS, compares), (SENTINEL_FINDINGS, self.findings())):
            dimensions, late = {"deployment": PREFIX, "service": "sentinel"}, self.late(NAMESPACE)
            self.metrics.put(NAMESPACE, metric.name, dimensions, ends, value, late=late)

    def _stream(self) -> dict[str, str]:
        return {"LatestStreamArn": "another"} if "publisher" in self.blind else {}

    def _switch(self, service: str) -> dict[str, str]:
        if service not in self.stopped:
            return {}
        is_pipe = service == "publisher" and self.setting.pipe
        return {"CurrentState": "STOPPED"} if is_pipe else {"State": "Disabled"}

    def _policy(self, queue: Queue) -> dict[str, str]:
        return {"Policy": ""} if self._refuses(queue) else {}

    def _refuses(self, queue: Queue) -> bool:
        return queue.name.removesuffix(".fifo") in self.refusing

    def _publishes(self, dice: Random) -> bool:
        if "publisher" in self.stopped | self.blind or self.unreadable:
            return False
        if self.mapping.due_at(self.clock.seconds) != self.clock.seconds:
            return False
        return self.workers.publish(self._step("publish", dice))

    def _delivers(self, dice: Random) -> bool:
        if self.minute % self.delivers_every_minutes:
            return False
        return self.topic.deliver(dice, 50, in_order=True) > 0

    def _consumes(self, dice: Random) -> bool:
        if "payments" in self.stopped:
            return False
        return self.workers.consume(self._step("consume", dice), self.payments)

    def _step(self, do: str, dice: Random) -> Step:
        """It takes a moment, now and then into the next minute."""
        self.clock.seconds += dice.uniform(0.02, 0.6)
        kind = dice.choice(_HICCUPS) if dice.random() < self.hiccups else ""
        faults = (CallFault(call=0, kind=kind),) if kind else ()
        return Step(do=do, dice=dice.getrandbits(30), faults=faults)

    def _observe(self) -> None:
        """Stand between the parts of the world, and count what passes."""
        report, take, discard = self.mapping.report, self.topic._take, self.bucket.discard

        def reported(shard_id: str, batch: Any, result: Any, now: float) -> list[int]:
            done = report(shard_id, batch, result, now)
            if done and batch.discard_reason is None:
                age = (now - batch.records[-1].created_at) * 1000
                self.lambda_metric("publisher", "IteratorAge", age)
            return done

        def taken(body: str, *given: Any) -> None:
            if self.undecipherable:
                self._bus_dlq.send(body, {}, origin="bus")
                return
            if not self.setting.eventbridge:
                name = "NumberOfMessagesPublished"
                self.put("AWS/SNS", name, 1, **self._transport.dimensions)
            take(body, *given)

        def discarded(records: list[dict[str, Any]], condition: str) -> None:
            if self.loses_discards:
                self.lambda_metric("publisher", "DestinationDeliveryFailures", 1)
                return
            self._notices.append(self.clock.seconds)
            discard(records, condition)

        self.mapping.report = reported  # type: ignore[method-assign]
        self.topic._take = taken  # type: ignore[method-assign]
        self.topic._bring = self._bring  # type: ignore[method-assign]
        self.bucket.discard = discarded  # type: ignore[method-assign]

    def _bring(self, one: OnItsWay, *, anew: bool = False) -> None:
        """A bus does not try again what a queue's policy or key refuses: it goes to the DLQ."""
        it = self._transport
        refused = [self._refuses(queue) for queue in (self.payments.queue, self.payments.dlq)]
        if refused[0]:
            self.put(it.namespace, it.failed, 1, **it.dimensions)
            self.put(it.namespace, it.lost if all(refused) else it.dead, 1, **it.dimensions)
        if not all(refused):
            queue = self.payments.dlq if refused[0] else one.subscription.queue
            origin = "again" if anew else "topic"
            own = {"group": one.group, "dedup_id": one.dedup_id} if queue.fifo else {}
            queue.send(one.body, one.attributes, origin=origin, **own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """What a bus counts of the deliveries that fail, and by which dimensions."""

    name: str
    namespace: str
    failed: str
    dead: str
    lost: str
    dimensions: Mapping[str, str]


_BUS = f"{PREFIX}-customer-status"
_SNS = Transport(
    name="sns",
    namespace="AWS/SNS",
    failed="NumberOfNotificationsFailed",
    dead="NumberOfNotificationsRedrivenToDlq",
    lost="NumberOfNotificationsFailedToRedriveToDlq",
    dimensions={"TopicName": _BUS},
)
_EVENTBRIDGE = Transport(
    name="eventbridge",
    namespace="AWS/Events",
    failed="FailedInvocations",
    dead="InvocationsSentToDlq",
    lost="InvocationsFailedToBeSentToDlq",
    dimensions={"EventBusName": _BUS, "RuleName": f"{PREFIX}-payments"},
)
_FIFO = replace(_SNS, name="sns-fifo", dimensions={"TopicName": f"{_BUS}.fifo"})


def _transport(setting: Setting) -> Transport:
    if setting.eventbridge:
        return replace(_EVENTBRIDGE, name="pipes") if setting.pipe else _EVENTBRIDGE
    return _FIFO if setting.fifo else _SNS


class Gauge:
    """What SQS writes about one queue."""

    def __init__(self, world: Monitored, queue: Queue, name: str, *, is_dlq: bool) -> None:
        self.is_dlq = is_dlq
        self._queue = queue
        self._dimensions = {"QueueName": name}
        self._came: dict[str, float] = {}
        self._sent: Counter[int] = Counter()
        self._touched = float("-inf") if is_dlq else world.clock.seconds
        self._woken = -INACTIVE_MINUTES
        heard = queue.watch

        def watch(message: QueuedMessage) -> None:
            self._came[message.message_id] = world.clock.seconds
            self._sent[world.minute] += message.origin != "maxReceiveCount"
            heard(message)

        queue.watch = watch

    def write(self, world: Monitored, minute: int, *, polled: bool) -> None:
        now, messages = world.clock.seconds, self._queue.messages.values()
        if polled or messages:
            if now - self._touched > ACTIVE_SECONDS:
                self._woken = minute
            self._touched = now
        if now - self._touched > ACTIVE_SECONDS:
            return
        hidden = sum(one.visible_at > now for one in messages)
        counted = [
            now - self._came[one.message_id] for one in messages if one.receives < _AGED_RECEIVES
        ]
        values = {
            "ApproximateNumberOfMessagesVisible": len(messages) - hidden,
            "ApproximateNumberOfMessagesNotVisible": hidden,
            "ApproximateAgeOfOldestMessage": max(counted, default=0.0),
            "NumberOfMessagesSent": self._sent.pop(minute, 0),
        }
        late = max(world.late("AWS/SQS"), self._woken + INACTIVE_MINUTES - minute)
        for name, value in values.items():
            world.metrics.put("AWS/SQS", name, self._dimensions, minute, value, late=late)


# Private functions


def _unlogged(reporter: Any) -> Any:
    reporter._logger = Unlogged()
    return reporter
