"""Lambda's workers: they run the publisher and the consumers, and die when told to."""

from collections.abc import Callable
from random import Random
from typing import Any

from fanout.streams.mapping import Failed, NotInvoked, Succeeded, read_answer
from simulation.accounts import Accounts
from simulation.bound import Bound
from simulation.broken import GuaranteeBroken
from simulation.bucket import BucketClient
from simulation.calls import Calls, Crash, Invocation, in_short
from simulation.checkers import ISOLATED, Checkers
from simulation.clock import VirtualClock
from simulation.context import Context
from simulation.faults import Setting
from simulation.queues_client import QueuesClient
from simulation.schedule import Step
from simulation.stream_mapping import StreamMapping
from simulation.subscriber import Subscriber, as_lambda_record
from simulation.system import Clients, Handler, System
from simulation.topic import Topic

PUBLISHER_SECONDS = 60.0
CONSUMER_SECONDS = 30.0
Tell = Callable[[str], None]


class Workers:
    """One warm environment for each function, replaced when it dies."""

    def __init__(
        self,
        *,
        system: System,
        setting: Setting,
        calls: Calls,
        clock: VirtualClock,
        checkers: Checkers,
        bound: Bound,
        tell: Tell,
    ) -> None:
        self._system = system
        self._setting = setting
        self._calls = calls
        self._clock = clock
        self._checkers = checkers
        self._tell = tell
        self._warm: dict[str, tuple[Handler, Random]] = {}
        self.bound = bound

    def publish(
        self,
        step: Step,
        *,
        mapping: StreamMapping,
        accounts: Accounts,
        topic: Topic,
        bucket: BucketClient,
        epoch: int,
    ) -> bool:
        """Take one batch of the stream's mapping; whether there was one."""
        dice = Random(step.dice)
        taken = mapping.take(dice, self._clock.seconds)
        if taken is None:
            return False
        shard_id, batch = taken
        numbers = [record.number for record in batch.records]
        if batch.discard_reason is not None:
            self._tell(f"the mapping gives {len(numbers)} records up: {batch.discard_reason}")
            records = [accounts.bodies[number] for number in numbers]
            bucket.discard(records, str(batch.discard_reason))
            mapping.report(shard_id, batch, Succeeded(), self._clock.seconds)
            return True
        clients = self._of_publisher(topic, bucket)
        event = {"Records": [accounts.bodies[number] for number in numbers]}
        result, met = self._invoke(
            f"publisher {epoch}",
            lambda: self._system.publisher(clients, epoch),
            clients.dice,
            event,
            step,
            seconds=PUBLISHER_SECONDS,
        )
        what = f"publisher, {len(numbers)} records from ...{str(numbers[0])[-4:]}"
        if result is None:
            answer: Any = NotInvoked(error="") if met == ["throttled"] else Failed(error="died")
        elif "never acknowledged" in met:
            answer = NotInvoked(error="")
        else:
            self._checkers.answered(what, {str(one) for one in numbers}, result, met)
            self.bound.answered(numbers, _lowest_failed(result), self._clock.seconds)
            answer = read_answer(result, sequences={str(one) for one in numbers})
        self._tell(f"{what}: {_outcome(result, met)}")
        done = mapping.report(shard_id, batch, answer, self._clock.seconds)
        self._checkers.checkpoint(done)
        return True

    def consume(self, step: Step, subscriber: Subscriber, queues: QueuesClient) -> bool:
        """Receive and handle one batch of a subscriber's queue; whether there was one."""
        dice = Random(step.dice)
        received = subscriber.queue.receive(
            dice.randint(1, self._setting.queue_batch), dice, in_order=step.what == "in order"
        )
        if not received:
            return False
        clients = self._of_consumer(subscriber, queues)
        receipts = [one.receipt for one in received]
        event = {"Records": [as_lambda_record(one, subscriber.queue) for one in received]}
        result, met = self._invoke(
            f"consumer {subscriber.name}",
            lambda: self._system.consumer(clients),
            clients.dice,
            event,
            step,
            seconds=CONSUMER_SECONDS,
        )
        names = ", ".join(self._checkers.name(one.body) for one in received)
        self._tell(f"{subscriber.name} consumes {names}: {_outcome(result, met)}")
        if result is None or "never acknowledged" in met:
            return True
        asked = {one.message_id for one in received}
        self._checkers.answered(f"the consumer of {subscriber.name}", asked, result, met)
        failed = {one["itemIdentifier"] for one in result["batchItemFailures"]}
        if failed <= asked:  # else Lambda takes the whole batch for failed
            for message, receipt in zip(received, receipts, strict=True):
                if message.message_id not in failed:
                    subscriber.queue.delete(receipt)
        return True

    def recover(
        self, event: dict[str, Any], step: Step, *, topic: Topic, bucket: BucketClient, epoch: int
    ) -> dict[str, Any] | None:
        """The publisher, called by a command; None where it died."""
        clients = self._of_publisher(topic, bucket)
        result, _ = self._invoke(
            f"publisher {epoch}",
            lambda: self._system.publisher(clients, epoch),
            clients.dice,
            event,
            step,
            seconds=PUBLISHER_SECONDS,
        )
        return result

    def judge(
        self, event: dict[str, Any], step: Step, subscriber: Subscriber, queues: QueuesClient
    ) -> dict[str, Any] | None:
        """A consumer, called by a command; None where it died."""
        clients = self._of_consumer(subscriber, queues)
        result, _ = self._invoke(
            f"consumer {subscriber.name}",
            lambda: self._system.consumer(clients),
            clients.dice,
            event,
            step,
            seconds=CONSUMER_SECONDS,
        )
        return result

    def start_anew(self) -> None:
        """A deployment: every warm environment goes."""
        self._warm = {}
        self.bound.forget()

    # Private functions

    def _of_publisher(self, topic: Topic, bucket: BucketClient) -> Clients:
        return Clients(
            calls=self._calls,
            clock=self._clock,
            dice=Random(0),
            topic=topic,
            topic_arn=topic.arn,
            bucket=bucket,
        )

    def _of_consumer(self, subscriber: Subscriber, queues: QueuesClient) -> Clients:
        return Clients(
            calls=self._calls,
            clock=self._clock,
            dice=Random(0),
            queues=queues,
            rows=subscriber.client,
            queue_url=subscriber.queue.url,
            dlq_url=subscriber.dlq.url,
        )

    def _invoke(
        self,
        name: str,
        build: Callable[[], Handler],
        dice: Random,
        event: dict[str, Any],
        step: Step,
        *,
        seconds: float,
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """Run a function; its answer, or None where it died, and the faults that it met."""
        if any(one.kind == "not_invoked" for one in step.faults):
            return None, ["throttled"]
        environment = f"{name}, {self._calls.depth} others at work"
        if environment not in self._warm:
            self._warm[environment] = (build(), dice)
        handler, own_dice = self._warm[environment]
        own_dice.seed(step.dice)
        invocation = Invocation(
            ends_at=self._clock.seconds + seconds,
            random=Random(step.dice),
            faults=step.faults,
            during=step.during,
        )
        self._calls.enter(invocation)
        try:
            context = Context(ends_at=invocation.ends_at, clock=self._clock)
            result = handler(event, context)
        except Crash:
            self._warm.pop(environment, None)
            self.bound.forget()
            return None, invocation.met
        except Exception as error:
            if not invocation.met:
                raise GuaranteeBroken(ISOLATED, f"{name} raised {error!r} unprovoked") from error
            self._tell(f"{name} raised {type(error).__name__}")
            return None, invocation.met
        finally:
            self._calls.leave()
        if any(one.kind == "never_acknowledged" for one in step.faults):
            invocation.met.append("never acknowledged")
        return result, invocation.met


# Private functions


def _lowest_failed(result: dict[str, Any]) -> int | None:
    numbers = [int(one["itemIdentifier"]) for one in result["batchItemFailures"]]
    return min(numbers, default=None)


def _outcome(result: dict[str, Any] | None, met: list[str]) -> str:
    faults = in_short(met)
    if result is None:
        return f"it died{faults}"
    failed = result.get("batchItemFailures")
    if failed:
        return f"from ...{failed[0]['itemIdentifier'][-6:]} on, {len(failed)} fail{faults}"
    return f"all done{faults}"
