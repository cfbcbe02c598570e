"""`fanout dlq replay` and its resume, through the queue and through the consumer."""

from random import Random
from typing import TYPE_CHECKING

from customer_events.decoder import from_document
from fanout.dlq.replay import DlqReplay
from fanout.runs.operation import OPEN, Selecting, perform
from fanout.runs.store import Run
from fanout.sqs.queue import SqsQueue
from fanout.sqs.subscription import Subscription
from simulation.deployment import Deployed
from simulation.desk import Begun, Desk
from simulation.subscriber import Subscriber

if TYPE_CHECKING:
    from simulation.world import World

REPLAY, HOLD_SECONDS = "dlq replay", 45


class Replays:
    def __init__(self, world: "World", desk: Desk, deployed: Deployed) -> None:
        self._world = world
        self._desk = desk
        self._deployed = deployed

    def begin(self, how: str, dice: Random) -> str:
        """`how`: through what, and whose dead messages: all of them, where that is said."""
        through, _, place = how.partition(" ")
        subscribers = self._world.subscribers
        subscriber = subscribers[int(place)] if place else dice.choice(subscribers)
        options = {
            "through": through,
            "selection": {},
            "limit": None if place else dice.choice((None, None, 3)),
            "canary": 0 if place else dice.choice((0, 0, 2)),
            "rate": None,
            "failure_rate_max": 1.0 if place else dice.choice((0.1, 1.0)),
            "watch_seconds": dice.choice((0, 15)),
            "hold_seconds": HOLD_SECONDS,
            "journal": None,
            "execute": True,
        }
        found = self._deployed.subscriber(subscriber)
        run = self._desk.store.create(
            REPLAY,
            subject={"subscriber": subscriber.name, "dlq_arn": found.dlq_arn},
            options=options,
            operator=self._desk.operator,
        )
        with run:
            self._desk.note(REPLAY, run.run_id, subscriber)
            return self._perform(subscriber, run, again=False)

    def go_on(self, begun: Begun) -> str:
        with self._desk.store.open(begun.run_id) as run:
            return self._perform(begun.subscriber, run, again=True)

    # Private functions

    def _perform(self, subscriber: Subscriber, run: Run, *, again: bool) -> str:
        operation = DlqReplay(self._deployed, self._subscription(subscriber))
        if not run.is_frozen:
            operation.select(run, Selecting(again=again))
        result = perform(
            self._deployed, operation, run, self._desk.operator, log=lambda _sentence: None
        )
        self._world.command_checks.replayed(subscriber, run.ledger.items())
        if not run.ledger.count(*OPEN):
            self._desk.begun.pop(run.run_id, None)
        return result.sentence

    def _subscription(self, subscriber: Subscriber) -> Subscription:
        sqs = self._deployed.client("sqs")
        return Subscription(
            subscriber=self._deployed.subscriber(subscriber),
            queue=SqsQueue(sqs, subscriber.queue.url, what="the queue"),
            dlq=SqsQueue(sqs, subscriber.dlq.url, what="the DLQ"),
            folder=self._desk.folder,
            reader=from_document,
        )
