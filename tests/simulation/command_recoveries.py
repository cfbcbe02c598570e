"""`fanout publisher failures recover` and its resume."""

from typing import TYPE_CHECKING

from fanout.dlq.steps import OPEN
from fanout.failures import commands as carrying_out
from fanout.failures import commands as run_commands
from fanout.runs.store import Run
from simulation.deployment import Deployed
from simulation.desk import Begun, Desk

if TYPE_CHECKING:
    from simulation.world import World


class Recoveries:
    def __init__(self, world: "World", desk: Desk, deployed: Deployed) -> None:
        self._world = world
        self._desk = desk
        self._deployed = deployed

    def begin(self) -> str:
        options = {
            "wanted": {"reason": None, "key": None, "customer": None},
            "limit": None,
            "from_stream": False,
            "range": None,
            "journal": None,
            "execute": True,
        }
        run = self._desk.store.create(
            carrying_out.RECOVER,
            subject=self._deployed.failures().subject(),
            options=options,
            operator=self._desk.operator,
        )
        with run:
            self._desk.note(carrying_out.RECOVER, run.run_id, self._world.subscribers[0])
            return self._carry_out(run)

    def go_on(self, begun: Begun) -> str:
        header = self._desk.store.find(begun.run_id).header
        assert header is not None
        self._deployed.failures().require_same(header.fields["subject"])
        with self._desk.store.open(begun.run_id) as run:
            return self._carry_out(run)

    # Private functions

    def _carry_out(self, run: Run) -> str:
        deployment = self._deployed.failures()
        if not run.is_frozen:
            run_commands._select(deployment, run)
        result = carrying_out.carry_out(deployment, run, self._desk.operator)
        if not run.ledger.count(*OPEN):
            self._desk.begun.pop(run.run_id, None)
        return result.sentence
