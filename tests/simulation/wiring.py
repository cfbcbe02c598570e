"""Who is connected with whom, and which checker hears of what."""

from typing import TYPE_CHECKING

from simulation.bus import EventBus
from simulation.queues import Queue, QueuedMessage
from simulation.rows import RowsClient
from simulation.subscriber import Subscriber
from simulation.topic import FilterPolicy, Subscription, Topic

if TYPE_CHECKING:
    from simulation.world import World


def make_bus(world: "World") -> Topic:
    published = world.checkers.published
    if world.setting.eventbridge:
        return EventBus(world.calls, world.clock, watch=published)
    return Topic(world.calls, world.clock, fifo=world.setting.fifo, watch=published)


def make_subscriber(
    world: "World", name: str, *, policy: FilterPolicy | None = None, raw: bool = True
) -> Subscriber:
    setting, clock = world.setting, world.clock
    suffix = ".fifo" if setting.fifo else ""
    queue = Queue(name + suffix, clock, fifo=setting.fifo)
    dlq = Queue(f"{name}-dlq{suffix}", clock, fifo=setting.fifo)
    queue.dlq, queue.receives_max = dlq, setting.receives_max
    subscriber = Subscriber(
        name=name,
        queue=queue,
        dlq=dlq,
        client=RowsClient(world.calls, name, lambda _, before, after: wrote(before, after)),
        policy=policy,
        raw=raw,
    )

    def wrote(before: object, after: object) -> None:
        world.checkers.wrote(subscriber, before, after)

    def arrived(message: QueuedMessage) -> None:
        world.checkers.arrived(subscriber, message)
        world.command_checks.arrived(subscriber, message)

    def died(message: QueuedMessage) -> None:
        world.command_checks.died(subscriber, message)
        if message.origin == "consumer":
            world.checkers.parked_message(message, queue.messages)

    queue.watch = arrived
    dlq.watch = died
    for one in (queue, dlq):
        one.watch_deleted = lambda message: world.checkers.acknowledged(subscriber, message)
    world.topic.subscriptions.append(Subscription(name=name, queue=queue, policy=policy, raw=raw))
    return subscriber
