"""Broken order guards."""

from datetime import timedelta
from typing import Any

from customer_events.event import Change
from event_consumer.guarded_table import GuardedTable
from event_consumer.latest_state import GuardedRows
from event_consumer.outcomes import STALE, Outcome
from event_consumer.ports import EventHandler
from payments_consumer.standing import attributes
from simulation.bent_guard import (
    Answers,
    Deleting,
    Editing,
    NewestOnly,
    Plain,
    ReadThenWrite,
    Windowed,
    table,
)
from simulation.system import Clients, System

_Request = dict[str, Any]


class LastArrivalWins(System):
    """Writes whatever comes, without a condition."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return Plain(clients, lambda _: None)


class ComparesTimes(System):
    """Orders by the time of the change, which is known to the second."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return Plain(clients, lambda _: "#sequence < :sequence OR #occurred_at <= :occurred_at")


class ForgetsMajor(System):
    """Takes an older major version of the same change for as new as the newer one."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return Plain(clients, lambda _: "#sequence <= :sequence")


class ComparesUnpadded(System):
    """Compares sequences without their zeros, as text."""

    def event_handler(self, clients: Clients) -> EventHandler:
        def unpadded(request: _Request) -> str:
            epoch, _, number = request["ExpressionAttributeValues"][":sequence"]["S"].partition(".")
            value = {"S": f"{int(epoch)}.{int(number)}"}
            request["ExpressionAttributeValues"][":sequence"] = value
            return "#sequence < :sequence"

        return Plain(clients, unpadded)


class RemembersIdsForAWhile(System):
    """Drops what it saw within five minutes, and orders nothing."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return Windowed(clients)


class DeletesRemovedRows(System):
    """Deletes the row of a customer who is removed, and with it the place in the order."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return Deleting(super().event_handler(clients), clients)


class ReadsThenWrites(System):
    """Reads the row, decides, and writes without a condition."""

    def rows(self, clients: Clients) -> GuardedRows:
        return ReadThenWrite(clients)


class SnapshotOverwrites(System):
    """Lets a snapshot overwrite whatever there is."""

    def rows(self, clients: Clients) -> GuardedRows:
        return table(clients, lambda event: event.change is Change.SNAPSHOT)


class RepairNamesNothing(System):
    """Lets a repair change a row that has moved on since."""

    def rows(self, clients: Clients) -> GuardedRows:
        return table(clients, lambda event: event.repairs is not None)


class OldChangeUndoesSeed(System):
    """Lets any live change overwrite a seed, however much older it is."""

    def rows(self, clients: Clients) -> GuardedRows:
        return GuardedTable(
            clients.rows,
            "rows",
            rule=attributes,
            clock=clients.clock.now,
            tolerance=timedelta(days=400),
        )


class OldVersionUndoesFoundRemoval(System):
    """Trusts a version counter over a reading that has none of its own."""

    def rows(self, clients: Clients) -> GuardedRows:
        return Editing(
            clients,
            lambda request: request.update(
                ConditionExpression=request["ConditionExpression"].replace(
                    "AND #status <> :removed", ""
                )
            ),
        )


class RaisedEpochGoesBackwards(System):
    """Applies any higher epoch, however old its change is."""

    def rows(self, clients: Clients) -> GuardedRows:
        return Editing(
            clients,
            lambda request: request.update(
                ConditionExpression=request["ConditionExpression"].replace(
                    " AND #occurred_at <= :latest_stored", ""
                )
            ),
        )


class TakesContradictionForStale(System):
    """Drops what contradicts the order as if it were merely old."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return Answers(
            super().event_handler(clients),
            lambda one: STALE if one.outcome is Outcome.PARKED else one,
        )


class DropsOlderOfBatch(System):
    """Takes a batch's older events of a customer for superseded, even where the newest failed."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return NewestOnly(super().event_handler(clients))
