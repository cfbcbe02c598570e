"""`fanout backfill`, its resume, and `fanout reconcile --repair`, of who follows every status."""

from contextlib import closing
from random import Random
from typing import TYPE_CHECKING

from fanout.accounts import backfill
from fanout.accounts.backfill import Plan
from fanout.accounts.drift import DifferenceStore
from fanout.accounts.reconcile import find_drift, repair_drift
from simulation.deployment import Deployed
from simulation.desk import Begun, Desk, Stop
from simulation.truth import customer_item

if TYPE_CHECKING:
    from simulation.world import World

READS = backfill.COMMAND
GRACE_SECONDS = 60.0


class Reads:
    def __init__(self, world: "World", desk: Desk, deployed: Deployed) -> None:
        self._world = world
        self._desk = desk
        self._deployed = deployed

    def seed(self, dice: Random) -> str:
        plan = self._plan(dice.randint(1, 3), dice)
        with self._desk.carefully():
            run = backfill._run(self._deployed, self._desk.store, plan, None)
        with run:
            subscriber = self._world.subscribers[0]
            truth, items = self._world.truth, self._world.accounts.items
            customers = {key: truth.last_index(key) for key in items if customer_item(items[key])}
            readings = self._world.command_checks.readings_so_far(subscriber)
            self._desk.note(READS, run.run_id, subscriber, customers, readings)
            return self._scan(run, plan)

    def go_on(self, begun: Begun, dice: Random) -> str:
        segments = backfill._segments_of(self._desk.store, begun.run_id)
        plan = self._plan(segments, dice)
        with self._desk.carefully():
            run = backfill._run(self._deployed, self._desk.store, plan, begun.run_id)
        with run:
            return self._scan(run, plan)

    def repair(self, dice: Random) -> str:
        session = self._deployed.comparing(self._world.subscribers[0])
        stopping = Stop(self._desk)
        with closing(DifferenceStore()) as differences:
            report = find_drift(
                session,
                differences,
                sample=None,
                chance=dice,
                grace_seconds=GRACE_SECONDS,
                stopping=stopping,
            )
            if not report.drifted:
                return f"no drift, {report.in_flight} in flight"
            report = repair_drift(
                session,
                differences,
                report,
                store=self._desk.store,
                grace_seconds=GRACE_SECONDS,
                stopping=stopping,
            )
        return f"{report.drifted} drifted, {report.left} left"

    # Private functions

    def _plan(self, segments: int, dice: Random) -> Plan:
        return self._deployed.seeding(
            self._world.subscribers[0],
            segments=segments,
            page_size=dice.choice((1, 2, 100)),
            depth_max=dice.choice((None, 2)),
        )

    def _scan(self, run: backfill.Run, plan: Plan) -> str:
        tally, finished = backfill._seed(self._deployed, plan, run, Stop(self._desk))
        if finished:
            begun = self._desk.begun.pop(run.run_id)
            accounts = self._world.accounts
            self._world.command_checks.seeded(
                begun.subscriber, begun.customers, accounts, since=begun.readings
            )
        return f"{tally.sent} snapshots sent"
