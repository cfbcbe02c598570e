"""`fanout backfill`, `fanout reconcile --repair`, and their resume, of who follows every status."""

from collections.abc import Mapping
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Any

from fanout.accounts import backfill, reconcile
from fanout.accounts.backfill import Backfill
from fanout.accounts.drift import DifferenceStore
from fanout.errors import WrongUse
from fanout.runs.operation import Operation, Selecting, perform
from fanout.runs.store import Run
from simulation.deployment import Deployed
from simulation.desk import Begun, Desk, Stop
from simulation.truth import customer_item

if TYPE_CHECKING:
    from simulation.world import World


class Reads:
    def __init__(self, world: "World", desk: Desk, deployed: Deployed) -> None:
        self._world = world
        self._desk = desk
        self._deployed = deployed

    def seed(self, dice: Random) -> str:
        operation = self._backfill(dice, segments=dice.randint(1, 3))
        with self._new_run(operation, {"segments": operation.segments}) as run:
            subscriber = self._world.subscribers[0]
            truth, items = self._world.truth, self._world.accounts.items
            customers = {key: truth.last_index(key) for key in items if customer_item(items[key])}
            snapshots = self._world.command_checks.snapshots_so_far(subscriber)
            self._desk.note(backfill.COMMAND, run.run_id, subscriber, customers, snapshots)
            return self._scan(operation, run)

    def repair(self, dice: Random) -> str:
        subscriber = self._world.subscribers[0]
        operation = self._deployed.comparing(subscriber)
        with closing(DifferenceStore()) as differences:
            report = operation.find_drift(
                differences, sample=None, chance=dice, stopping=Stop(self._desk)
            )
            if not report["drifted"]:
                return f"no drift, {report['in_flight']} in flight"
            operation.differences = differences
            with self._new_run(operation, {}) as run:
                self._desk.note(reconcile.COMMAND, run.run_id, subscriber)
                return self._send(operation, run)

    def resume(self, begun: Begun, dice: Random) -> str:
        with self._desk.store.open(begun.run_id) as run:
            if not run.is_frozen:
                raise WrongUse(begun.run_id)
            if begun.command == reconcile.COMMAND:
                return self._send(self._deployed.comparing(begun.subscriber), run)
            operation = self._backfill(dice, segments=run.options["segments"])
            return self._scan(operation, run)

    # Private functions

    def _new_run(self, operation: Operation, options: Mapping[str, Any]) -> Run:
        with self._desk.carefully():
            run = self._desk.store.create(
                operation.command,
                subject=operation.subject(),
                options=options,
                operator=self._desk.operator,
            )
            operation.select(run, Selecting())
        return run

    def _backfill(self, dice: Random, *, segments: int) -> Backfill:
        return self._deployed.seeding(
            self._world.subscribers[0],
            segments=segments,
            page_size=dice.choice((1, 2, 100)),
            depth_max=dice.choice((None, 2)),
        )

    def _scan(self, operation: Backfill, run: Run) -> str:
        self._perform(operation, run)
        if operation.finished:
            begun = self._desk.begun.pop(run.run_id)
            accounts = self._world.accounts
            self._world.command_checks.seeded(
                begun.subscriber, begun.customers, accounts, since=begun.snapshots
            )
        return f"{operation.tally.sent} snapshots sent"

    def _send(self, operation: reconcile.Reconcile, run: Run) -> str:
        self._perform(operation, run)
        self._desk.begun.pop(run.run_id)
        return f"{run.ledger.count()} drifted, {operation.left} left"

    def _perform(self, operation: Operation, run: Run) -> None:
        perform(self._deployed, operation, run, self._desk.operator, log=lambda _sentence: None)
