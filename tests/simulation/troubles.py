"""What goes wrong outside of any call: poison, outages, a bus that fails on somebody's events."""

from random import Random
from typing import TYPE_CHECKING

from simulation.schedule import Step

if TYPE_CHECKING:
    from simulation.world import World

HOUR_SECONDS = 3600.0
POISON = (
    '{"hello',
    '{"detail": 1}',
    '{"specversion":"1.0","type":"novapay.accounts.CustomerStatusChanged.v9"}',
    '{"specversion":"1.0","type":"novapay.accounts.CustomerStatusChanged.v2","data":{}}',
)


def poison(world: "World", _: Step, dice: Random) -> None:
    subscriber = dice.choice(world.subscribers)
    group = world.customer(dice) if world.setting.fifo else None
    body, dedup_id = dice.choice(POISON), str(dice.random())
    subscriber.queue.send(body, {}, origin="stranger", group=group, dedup_id=dedup_id)
    world.tell(f"somebody sends poison to {subscriber.name}")


def outage(world: "World", step: Step, dice: Random) -> None:
    service = dice.choice(["topic", "failure store", "table payments", "queue payments-dlq"])
    seconds = float(step.what) * HOUR_SECONDS
    world.calls.outages[service] = world.clock.seconds + seconds
    world.tell(f"{service} is down for {step.what} hours")


def curse(world: "World", _: Step, dice: Random) -> None:
    customer = world.customer(dice)
    world.topic.cursed.add(customer)
    world.checkers.refusals_expected = True
    world.tell(f"the topic begins to fail on events of {customer}")


def bury(world: "World", _: Step, dice: Random) -> None:
    subscriber = dice.choice(world.subscribers)
    message = subscriber.queue.bury(dice)
    if message is not None:
        name = world.checkers.name(message.body)
        world.tell(f"{subscriber.name}'s function was throttled too often for {name}: it is dead")
