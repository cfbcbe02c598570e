"""Broken operators' commands."""

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

from fanout.accounts import backfill, reconcile
from fanout.accounts import table as accounts_table
from fanout.dlq import replay
from fanout.dlq import replay as movers
from fanout.dlq import steps as moving
from fanout.failures import recover as recovering
from publisher.events import Entry
from publisher.stream_handler import REPORT_OUTCOMES
from simulation import bent_commands as bent
from simulation import command_replays
from simulation.bent_publisher import ChangedBus
from simulation.system import Clients, Handler, System

Bent = MappingProxyType[tuple[Any, str], Any]
_IS_MOVED = replay.is_moved


class ReplayDeletesBeforeSend(System):
    """Deletes a dead message, and then sends it to its queue."""

    bent_commands = Bent({(movers, "ThroughQueue"): bent.DeletingFirst})


class ReplayBelievesSend(System):
    """Takes a dead message for sent although its entry was not confirmed."""

    bent_commands = Bent({(command_replays, "SqsQueue"): bent.Believing})


class ReplayAltersBody(System):
    """Sends a dead message's body tidied up."""

    bent_commands = Bent({(movers, "AsItIs"): bent.Altering})


class ReplayNamesByContent(System):
    """Replays on FIFO under an id of the content, so that a second replay vanishes."""

    bent_commands = Bent({(movers, "AsItIs"): bent.NamedByContent})


class ReplayInventsOutcome(System):
    """Reports APPLIED of a message for which no outcome came, and deletes it."""

    bent_commands = Bent({(movers, "ConsumerFunction"): bent.Applied})


class ReplayDeletesParked(System):
    """Deletes what the consumer would park again."""

    bent_commands = Bent({(moving, "WELL"): moving.WELL | {"PARKED"}})


class ReplayResumesAsSent(System):
    """Goes on after a crash as if every send that was begun had come about."""

    bent_commands = Bent(
        {(replay, "is_moved"): lambda item: item.step == moving.SEND or _IS_MOVED(item)}
    )


class ReplayBelievesDelete(System):
    """Reports a message as gone from the DLQ although its deletion was not confirmed."""

    bent_commands = Bent({(command_replays, "SqsQueue"): bent.KeepingQuiet})


class RecoverRandomIds(System):
    """Publishes recovered records under new event ids."""

    def publisher(self, clients: Clients, epoch: int) -> Handler:
        plain = super().publisher(clients, epoch)

        def again(entry: Entry) -> Entry:
            document = json.loads(entry.document)
            document["id"] = str(UUID(int=clients.dice.getrandbits(128)))
            return replace(entry, document=json.dumps(document))

        changing = replace(plain, bus=ChangedBus(plain.bus, again))

        def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
            return (changing if event.get(REPORT_OUTCOMES) else plain)(event, context)

        return handle


class RecoverTrustsSilence(System):
    """Takes a recovery whose answer did not come for done."""

    bent_commands = Bent({(recovering, "PublisherFunction"): bent.Trusting})


class RecoverMovesRefused(System):
    """Moves a record out of the failure store that the publisher refuses again."""

    bent_commands = Bent({(recovering, "PublisherFunction"): bent.Forgiving})


class RecoverMovesFirst(System):
    """Moves an object out of the failure store, and then publishes it."""

    bent_commands = Bent({(recovering, "Recovery"): bent.MovingFirst})


class RecoverTakesEarlierStreams(System):
    """Recovers records of an earlier stream under today's epoch."""

    bent_commands = Bent({(recovering, "is_of_earlier_stream"): lambda *_: False})


class BackfillSkipsPage(System):
    """Writes its checkpoint before the page was sent, so that a resume skips it."""

    bent_commands = Bent({(backfill, "Seeding"): bent.EagerScan})


class BackfillBelievesSend(System):
    """Sends each snapshot once, and does not look whether the queue took it."""

    bent_commands = Bent({(backfill, "send_events"): bent.send_once})


class BackfillMarksNewest(System):
    """Orders snapshots above every live event."""

    bent_commands = Bent({(backfill, "snapshot_event"): bent.marked_newest})


class BackfillDatesLate(System):
    """Dates a snapshot by a clock that is ahead."""

    bent_commands = Bent({(accounts_table, "read_time"): bent.dated_late})


class RepairAsSnapshot(System):
    """Sends a repair as an ordinary snapshot, which a live row outranks."""

    bent_commands = Bent({(reconcile, "repair_event"): bent.as_snapshot})


class RepairReadsAccountsFirst(System):
    """Reads the item before the row that it repairs."""

    bent_commands = Bent({(reconcile, "repairs"): bent.accounts_first})


class RepairLeavesTheGone(System):
    """Repairs no row of a customer who is gone."""

    bent_commands = Bent({(reconcile, "repair_for"): bent.leaves_the_gone})
