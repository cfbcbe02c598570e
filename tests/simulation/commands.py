"""Operators' commands at work in the world: production code, on an operator's own machine.

Each is what `fanout` does behind its options: it makes a run with a journal, freezes a selection,
and performs it. Its process may die at any call and any line; a resume continues from the journal.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from customer_events.decoder import from_document
from fanout.accounts import backfill, reconcile
from fanout.accounts.backfill import Backfill
from fanout.dlq.replay import DlqReplay
from fanout.errors import CommandError, WrongUse
from fanout.failures.recover import FailuresRecover
from fanout.runs.operation import OPEN, Operation, Selecting, perform
from fanout.runs.store import Operator, Run
from fanout.sqs.queue import SqsQueue
from fanout.sqs.subscription import Subscription
from sentinel.drift import DifferenceStore
from simulation.calls import Crash, Invocation, in_short
from simulation.checkers import COMMANDS_END, GuaranteeBroken
from simulation.deployment import Deployed
from simulation.operator_machine import OperatorMachine, Stop
from simulation.schedule import INNER, Step
from simulation.subscriber import Subscriber
from simulation.truth import customer_item

if TYPE_CHECKING:
    from simulation.world import World

REPLAY, HOLD_SECONDS = "dlq replay", 45
OPERATORS = ("laptop-1", "laptop-2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run that is not done.

    `customers`: who was there when it began, after which change; `snapshots`: how many were sent.
    """

    command: str
    run_id: str
    subscriber: Subscriber
    customers: Mapping[str, int] = field(default_factory=dict)
    snapshots: int = 0


class Commands:
    """`begun`: the runs that somebody has to resume, since their process died, by run id."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._machine = OperatorMachine(world.clock, idle=world.idle, writes=world.calls.written)
        self._deployed = Deployed(world)
        self._processes = 0
        self.begun: dict[str, Begun] = {}

    def close(self) -> None:
        self._machine.close()

    def run(self, step: Step) -> bool:
        """Type one command; whether it ended by itself."""
        world = self._world
        outer = tuple(one for one in step.faults if one.call < INNER)
        self._deployed.inner_faults = tuple(one for one in step.faults if one.call >= INNER)
        invocation = Invocation(
            ends_at=math.inf, random=Random(step.dice), faults=outer, during=step.during
        )
        said, ended = "", False
        world.calls.enter(invocation)
        try:
            parts = world.system.command_parts
            with self._process(Random(step.dice)), self._machine.at_work(parts):
                said, ended = self._do(step.what, Random(step.dice)), True
        except Crash as death:
            _reraise_broken(death)
            said = "its process dies"
        except CommandError as error:
            said = type(error).__name__
        except (ClientError, BotoCoreError) as error:
            _reraise_broken(error)
            if not invocation.met:
                raise GuaranteeBroken(COMMANDS_END, f"{step.what}: {error} unprovoked") from error
            said = type(error).__name__
        except Exception as error:
            _reraise_broken(error)
            raise GuaranteeBroken(COMMANDS_END, f"{step.what} ended in {error!r}") from error
        finally:
            world.calls.leave()
        world.log(f"an operator's {step.what}: {said}{in_short(invocation.met)}")
        return ended

    # Private functions

    @contextmanager
    def _process(self, dice: Random) -> Iterator[None]:
        """A process of its own, on one of the operators' machines."""
        self._processes += 1
        before = self._machine.operator
        self._machine.operator = Operator(
            user="jo",
            host=dice.choice(OPERATORS),
            pid=self._processes,
            identity="arn",
            account="1",
        )
        self._machine.alive.add(self._processes)
        try:
            yield
        finally:
            self._machine.alive.discard(self._machine.operator.pid)
            self._machine.operator = before

    def _do(self, what: str, dice: Random) -> str:
        command, _, how = what.partition(" ")
        match command:
            case "replay":
                return self._replay(how, dice)
            case "backfill":
                return self._backfill(dice)
            case "reconcile":
                return self._reconcile()
            case "recover":
                return self._recover()
            case "resume":
                return self._resume(dice)
        raise ValueError(f"unexpected {what!r}")

    def _replay(self, how: str, dice: Random) -> str:
        """`how`: through what, and whose dead messages: all of them, where that is said."""
        through, _, index = how.partition(" ")
        subscribers = self._world.subscribers
        subscriber = subscribers[int(index)] if index else dice.choice(subscribers)
        options = {
            "through": through,
            "selection": {},
            "limit": None if index else dice.choice((None, None, 3)),
            "canary": 0 if index else dice.choice((0, 0, 2)),
            "rate": None,
            "failure_rate_max": 1.0 if index else dice.choice((0.1, 1.0)),
            "watch_seconds": dice.choice((0, 15)),
            "hold_seconds": HOLD_SECONDS,
            "execute": True,
        }
        dlq_arn = self._deployed.subscriber(subscriber).dlq_arn
        subject = {"subscriber": subscriber.name, "dlq_arn": dlq_arn}
        with self._create(REPLAY, subject, options) as run:
            self._note(REPLAY, run, subscriber)
            return self._perform_replay(subscriber, run, again=False)

    def _perform_replay(self, subscriber: Subscriber, run: Run, *, again: bool) -> str:
        sqs = self._deployed.client("sqs")
        subscription = Subscription(
            subscriber=self._deployed.subscriber(subscriber),
            queue=SqsQueue(sqs, subscriber.queue.url, what="the queue"),
            dlq=SqsQueue(sqs, subscriber.dlq.url, what="the DLQ"),
            folder=self._machine.folder,
            reader=from_document,
        )
        operation = DlqReplay(self._deployed, subscription)
        with ExitStack() as holding:
            if not run.is_frozen:
                operation.select(run, Selecting(again=again, holding=holding))
            sentence = self._perform(operation, run)
        self._world.command_checks.replayed(subscriber, run.ledger.items())
        self._forget_if_done(run)
        return sentence

    def _recover(self) -> str:
        options = {
            "wanted": {"reason": None, "key": None, "customer": None},
            "limit": None,
            "from_stream": False,
            "range": None,
            "execute": True,
        }
        operation = FailuresRecover(self._deployed.failures())
        with self._create(operation.command, operation.subject(), options) as run:
            self._note(operation.command, run, self._world.subscribers[0])
            return self._perform_recovery(operation, run)

    def _perform_recovery(self, operation: FailuresRecover, run: Run) -> str:
        if not run.is_frozen:
            operation.select(run, Selecting())
        sentence = self._perform(operation, run)
        self._forget_if_done(run)
        return sentence

    def _backfill(self, dice: Random) -> str:
        operation = self._seeding(dice, segments=dice.randint(1, 3))
        with self._create_frozen(operation, {"segments": operation.segments}) as run:
            subscriber = self._world.subscribers[0]
            truth, items = self._world.truth, self._world.accounts.items
            customers = {key: truth.last_index(key) for key in items if customer_item(items[key])}
            snapshots = self._world.command_checks.snapshots_so_far(subscriber)
            self._note(backfill.COMMAND, run, subscriber, customers=customers, snapshots=snapshots)
            return self._perform_backfill(operation, run)

    def _seeding(self, dice: Random, *, segments: int) -> Backfill:
        return self._deployed.seeding(
            self._world.subscribers[0],
            segments=segments,
            page_size=dice.choice((1, 2, 100)),
            depth_max=dice.choice((None, 2)),
        )

    def _perform_backfill(self, operation: Backfill, run: Run) -> str:
        self._perform(operation, run)
        if operation.finished:
            begun = self.begun.pop(run.run_id)
            self._world.command_checks.seeded(
                begun.subscriber, begun.customers, self._world.accounts, since=begun.snapshots
            )
        return f"{operation.tally.sent} snapshots sent"

    def _reconcile(self) -> str:
        subscriber = self._world.subscribers[0]
        operation = self._deployed.comparing(subscriber)
        with closing(DifferenceStore()) as differences:
            stop = Stop(self._machine)
            report = operation.find_drift(differences, sample=None, stopping=stop)
            if not report["drifted"]:
                return f"no drift, {report['in_flight']} in flight"
            operation.differences = differences
            with self._create_frozen(operation, {}) as run:
                self._note(reconcile.COMMAND, run, subscriber)
                return self._perform_repair(operation, run)

    def _perform_repair(self, operation: reconcile.Reconcile, run: Run) -> str:
        self._perform(operation, run)
        self.begun.pop(run.run_id)
        return f"{run.ledger.count()} drifted, {operation.left} left"

    def _resume(self, dice: Random) -> str:
        if not self.begun:
            return "nothing to resume"
        begun = self.begun[dice.choice(sorted(self.begun))]
        try:
            return self._resume_run(begun, dice)
        except WrongUse:
            if self._world.calls.depth == 1:  # nobody else is at work on it
                del self.begun[begun.run_id]  # made for what there is no more: a new one is begun
            raise

    def _resume_run(self, begun: Begun, dice: Random) -> str:
        store = self._machine.store
        if begun.command == FailuresRecover.command:
            recovery = FailuresRecover(self._deployed.failures())
            recovery.deployment.require_same(store.find(begun.run_id).header.fields["subject"])
            with store.open(begun.run_id) as run:
                return self._perform_recovery(recovery, run)
        with store.open(begun.run_id) as run:
            if begun.command == REPLAY:
                return self._perform_replay(begun.subscriber, run, again=True)
            if not run.is_frozen:
                raise WrongUse(begun.run_id)
            if begun.command == reconcile.COMMAND:
                return self._perform_repair(self._deployed.comparing(begun.subscriber), run)
            operation = self._seeding(dice, segments=run.options["segments"])
            return self._perform_backfill(operation, run)

    def _create(self, command: str, subject: Any, options: Mapping[str, Any]) -> Run:
        operator = self._machine.operator
        store = self._machine.store
        return store.create(command, subject=subject, options=options, operator=operator)

    def _create_frozen(self, operation: Operation, options: Mapping[str, Any]) -> Run:
        with self._machine.carefully():
            run = self._create(operation.command, operation.subject(), options)
            operation.select(run, Selecting())
        return run

    def _note(self, command: str, run: Run, subscriber: Subscriber, **facts: Any) -> None:
        self.begun[run.run_id] = Begun(
            command=command, run_id=run.run_id, subscriber=subscriber, **facts
        )

    def _perform(self, operation: Operation, run: Run) -> str:
        operator = self._machine.operator
        return perform(operation, run, operator, log=lambda _sentence: None)[1]

    def _forget_if_done(self, run: Run) -> None:
        if not run.ledger.count(*OPEN):
            self.begun.pop(run.run_id, None)


# Private functions


def _reraise_broken(error: BaseException) -> None:
    """What was raised while a broken guarantee was on its way out must not hide it."""
    context: BaseException | None = error
    while context is not None:
        if isinstance(context, GuaranteeBroken):
            raise context
        context = context.__context__
