"""`fanout failures recover` and its resume."""

from typing import TYPE_CHECKING

from fanout.failures.recover import FailuresRecover
from fanout.failures.store import Deployment
from fanout.runs.operation import OPEN, Selecting, perform
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
        deployment = self._deployed.failures()
        options = {
            "wanted": {"reason": None, "key": None, "customer": None},
            "limit": None,
            "from_stream": False,
            "range": None,
            "journal": None,
            "execute": True,
        }
        run = self._desk.store.create(
            FailuresRecover.command,
            subject=deployment.subject(),
            options=options,
            operator=self._desk.operator,
        )
        with run:
            self._desk.note(FailuresRecover.command, run.run_id, self._world.subscribers[0])
            return self._perform(deployment, run)

    def go_on(self, begun: Begun) -> str:
        header = self._desk.store.find(begun.run_id).header
        assert header is not None
        deployment = self._deployed.failures()
        deployment.require_same(header.fields["subject"])
        with self._desk.store.open(begun.run_id) as run:
            return self._perform(deployment, run)

    # Private functions

    def _perform(self, deployment: Deployment, run: Run) -> str:
        operation = FailuresRecover(deployment)
        if not run.is_frozen:
            operation.select(run, Selecting())
        result = perform(
            self._deployed, operation, run, self._desk.operator, log=lambda _sentence: None
        )
        if not run.ledger.count(*OPEN):
            self._desk.begun.pop(run.run_id, None)
        return result.sentence
