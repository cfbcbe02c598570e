"""The operator's commands at work in the world: production code, on an operator's own machine.

Each is what `fanout` does behind its options: it makes a run with a journal, freezes a selection,
and carries it out. Its process may die at any call and any line; a resume goes on from the journal.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from fanout.accounts import backfill, reconcile
from fanout.errors import CommandError, WrongUse
from fanout.runs.store import Operator
from simulation.broken import GuaranteeBroken
from simulation.calls import Crash, Invocation, in_short
from simulation.checkers import COMMANDS_END
from simulation.command_reads import Reads
from simulation.command_recoveries import Recoveries
from simulation.command_replays import REPLAY, Replays
from simulation.deployment import Deployed
from simulation.desk import Begun, Desk
from simulation.schedule import INNER, Step

if TYPE_CHECKING:
    from simulation.world import World

OPERATORS = ("desk-1", "desk-2")


class Commands:
    def __init__(self, world: "World") -> None:
        self._world = world
        self._desk = Desk(world.clock, idle=world.idle, writes=world.calls.written)
        self._deployed = Deployed(world)
        self._replays = Replays(world, self._desk, self._deployed)
        self._reads = Reads(world, self._desk, self._deployed)
        self._recoveries = Recoveries(world, self._desk, self._deployed)
        self._processes = 0

    @property
    def begun(self) -> dict[str, Begun]:
        return self._desk.begun

    def close(self) -> None:
        self._desk.close()

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
            with self._seated(Random(step.dice)), self._desk.at_work(world.system.bent_commands):
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
        world.tell(f"an operator's {step.what}: {said}{in_short(invocation.met)}")
        return ended

    # Private functions

    @contextmanager
    def _seated(self, dice: Random) -> Iterator[None]:
        """A process of its own, on one of the operators' machines."""
        self._processes += 1
        before = self._desk.operator
        self._desk.operator = Operator(
            user="jo",
            host=dice.choice(OPERATORS),
            pid=self._processes,
            identity="arn",
            account="1",
        )
        self._desk.alive.add(self._processes)
        try:
            yield
        finally:
            self._desk.alive.discard(self._desk.operator.pid)
            self._desk.operator = before

    def _do(self, what: str, dice: Random) -> str:
        command, _, how = what.partition(" ")
        match command:
            case "replay":
                return self._replays.begin(how, dice)
            case "backfill":
                return self._reads.seed(dice)
            case "reconcile":
                return self._reads.repair(dice)
            case "recover":
                return self._recoveries.begin()
            case "resume":
                return self._resume(dice)
        raise ValueError(f"unexpected {what!r}")

    def _resume(self, dice: Random) -> str:
        if not self.begun:
            return "nothing to go on with"
        begun = self.begun[dice.choice(sorted(self.begun))]
        try:
            if begun.command in {backfill.COMMAND, reconcile.COMMAND}:
                return self._reads.resume(begun, dice)
            if begun.command == REPLAY:
                return self._replays.go_on(begun)
            return self._recoveries.go_on(begun)
        except WrongUse:
            if self._world.calls.depth == 1:  # nobody else is at work on it
                del self.begun[begun.run_id]  # made for what there is no more: a new one is begun
            raise


# Private functions


def _reraise_broken(error: BaseException) -> None:
    """What was raised while a broken guarantee was on its way out must not hide it."""
    context: BaseException | None = error
    while context is not None:
        if isinstance(context, GuaranteeBroken):
            raise context
        context = context.__context__
