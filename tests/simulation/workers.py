"""Lambda's workers: they run the publisher and the consumers, and die where a fault says so."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from fanout.streams.mapping import Done, Failed, NotInvoked, read_answer
from simulation.calls import Crash, Invocation, in_short
from simulation.checkers import ISOLATED, Bound, GuaranteeBroken
from simulation.clock import VirtualClock
from simulation.queues import as_lambda_record
from simulation.schedule import Step
from simulation.subscriber import Subscriber
from simulation.system import Clients, Handler

if TYPE_CHECKING:
    from simulation.world import World

PUBLISHER_SECONDS = 60.0
CONSUMER_SECONDS = 30.0
PUBLISHER = "publisher"
Answer = tuple[dict[str, Any] | None, list[str]]
"""What a function answered, or None where it died, and the faults that its calls met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """As much of the context object that Lambda passes as the functions use."""

    ends_at: float
    clock: VirtualClock
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.ends_at - self.clock.seconds) * 1000)


class Workers:
    """One warm environment for each function, replaced when it dies."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._warm: dict[str, tuple[Handler, Random]] = {}
        self.bound = Bound(world.truth, world.topic)

    def publish(self, step: Step) -> bool:
        """Take one batch of the stream's mapping; whether there was one."""
        world, clock = self._world, self._world.clock
        taken = world.mapping.take(Random(step.dice), clock.seconds)
        if taken is None:
            return False
        shard_id, batch = taken
        numbers = [record.number for record in batch.records]
        records = [world.accounts.bodies[number] for number in numbers]
        if batch.discard_reason is not None:
            world.log(f"the mapping gives {len(numbers)} records up: {batch.discard_reason}")
            world.bucket.discard(records, str(batch.discard_reason))
            world.mapping.report(shard_id, batch, Done(), clock.seconds)
            return True
        result, met = self._publisher({"Records": records}, step)
        what = f"publisher, {len(numbers)} records from ...{str(numbers[0])[-4:]}"
        if result is None:
            answer: Any = NotInvoked(error="") if met == ["throttled"] else Failed(error="died")
        elif "never acknowledged" in met:
            answer = NotInvoked(error="")
        else:
            sequences = {str(one) for one in numbers}
            world.checkers.answered(what, sequences, result, met)
            self.bound.answered(numbers, _lowest_failed(result), clock.seconds)
            answer = read_answer(result, sequences=sequences)
        world.log(f"{what}: {_outcome(result, met)}")
        done = world.mapping.report(shard_id, batch, answer, clock.seconds)
        world.checkers.checkpoint(done)
        return True

    def consume(self, step: Step, subscriber: Subscriber) -> bool:
        """Receive and handle one batch of a subscriber's queue; whether there was one."""
        dice, checkers = Random(step.dice), self._world.checkers
        received = subscriber.queue.receive(
            dice.randint(1, self._world.setting.queue_batch), dice, in_order=step.what == "in order"
        )
        if not received:
            return False
        receipts = [one.receipt for one in received]
        event = {"Records": [as_lambda_record(one, subscriber.queue) for one in received]}
        result, met = self._consumer(subscriber, event, step)
        names = ", ".join(checkers.name(one.body) for one in received)
        self._world.log(f"{subscriber.name} consumes {names}: {_outcome(result, met)}")
        if result is None or "never acknowledged" in met:
            return True
        asked = {one.message_id for one in received}
        checkers.answered(f"the consumer of {subscriber.name}", asked, result, met)
        failed = {one["itemIdentifier"] for one in result["batchItemFailures"]}
        if failed <= asked:  # else Lambda takes the whole batch for failed
            for message, receipt in zip(received, receipts, strict=True):
                if message.message_id not in failed:
                    subscriber.queue.delete(receipt)
        return True

    def call(self, name: str, event: dict[str, Any], step: Step) -> dict[str, Any] | None:
        """A command calls a function, by its name; None where it died."""
        if name == PUBLISHER:
            return self._publisher(event, step)[0]
        [subscriber] = [one for one in self._world.subscribers if one.name == name]
        return self._consumer(subscriber, event, step)[0]

    def start_anew(self) -> None:
        """A deployment: every warm environment goes."""
        self._warm = {}
        self.bound.forget()

    # Private functions

    def _publisher(self, event: dict[str, Any], step: Step) -> Answer:
        world = self._world
        epoch, topic = world.writers.epoch, world.topic
        clients = self._clients(topic=topic, topic_arn=topic.arn, bucket=world.bucket)

        def build() -> Handler:
            return world.system.publisher(clients, epoch=epoch)

        return self._invoke(
            f"publisher {epoch}", build, clients.dice, event, step, seconds=PUBLISHER_SECONDS
        )

    def _consumer(self, subscriber: Subscriber, event: dict[str, Any], step: Step) -> Answer:
        clients = self._clients(
            queues=self._world.queues,
            rows=subscriber.client,
            queue_url=subscriber.queue.url,
            dlq_url=subscriber.dlq.url,
        )

        def build() -> Handler:
            return self._world.system.consumer(clients)

        name = f"consumer {subscriber.name}"
        return self._invoke(name, build, clients.dice, event, step, seconds=CONSUMER_SECONDS)

    def _clients(self, **own: Any) -> Clients:
        return Clients(calls=self._world.calls, clock=self._world.clock, dice=Random(0), **own)

    def _invoke(
        self,
        name: str,
        build: Callable[[], Handler],
        dice: Random,
        event: dict[str, Any],
        step: Step,
        *,
        seconds: float,
    ) -> Answer:
        calls, clock = self._world.calls, self._world.clock
        if any(one.kind == "not_invoked" for one in step.faults):
            return None, ["throttled"]
        environment = f"{name}, {calls.depth} others at work"
        if environment not in self._warm:
            self._warm[environment] = (build(), dice)
        handler, own_dice = self._warm[environment]
        own_dice.seed(step.dice)
        invocation = Invocation(
            ends_at=clock.seconds + seconds,
            random=Random(step.dice),
            faults=step.faults,
            during=step.during,
        )
        calls.enter(invocation)
        try:
            context = Context(ends_at=invocation.ends_at, clock=clock)
            result = handler(event, context)
        except Crash:
            self._warm.pop(environment, None)
            self.bound.forget()
            return None, invocation.met
        except Exception as error:
            if not invocation.met:
                raise GuaranteeBroken(ISOLATED, f"{name} raised {error!r} unprovoked") from error
            self._world.log(f"{name} raised {type(error).__name__}")
            return None, invocation.met
        finally:
            calls.leave()
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
