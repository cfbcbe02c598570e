"""Broken publishers."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from publisher.events import Entry, Producer
from publisher.ports import Bus, FailureStore
from publisher.stream_records import StreamRecord
from publisher.transitions import TableRules, detect
from simulation.bent_publisher import (
    Answering,
    ChangedBus,
    Endless,
    Refusing,
    Reporting,
    Store,
    Swapping,
    Unafraid,
    absent_is_well,
    all_is_well,
    seeing,
)
from simulation.system import Clients, Handler, System
from simulation.truth import CUSTOMER


class RandomIds(System):
    """Gives an event a new id at each attempt."""

    def bus(self, clients: Clients) -> Bus:
        def again(entry: Entry) -> Entry:
            document = json.loads(entry.document)
            document["id"] = str(UUID(int=clients.dice.getrandbits(128)))
            return replace(entry, document=json.dumps(document))

        return ChangedBus(super().bus(clients), again)


class TellsTimeOfPublishing(System):
    """Stamps an event when it is published, not when the status changed."""

    def bus(self, clients: Clients) -> Bus:
        def stamped(entry: Entry) -> Entry:
            document = json.loads(entry.document)
            document["time"] = f"{clients.clock.now():%Y-%m-%dT%H:%M:%SZ}"
            return replace(entry, document=json.dumps(document))

        return ChangedBus(super().bus(clients), stamped)


class TrustsAbsence(System):
    """Takes an entry that is not in `Failed` for published."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=Answering(clients.topic, absent_is_well)))


class IgnoresFailed(System):
    """Takes HTTP 200 for success of every entry."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=Answering(clients.topic, all_is_well)))


class SwapsTransition(System):
    """Writes the transition's attribute the wrong way round."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=Swapping(clients.topic)))


class TakesTimeoutForSuccess(System):
    """Takes a call whose answer did not come for done."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=Unafraid(clients.topic)))


class ParksWhatIsThrottled(System):
    """Takes a throttled call for a refusal of its entries."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=Refusing(clients.topic)))


class GoesOnAfterFailure(System):
    """Sends a customer's later change on a FIFO topic before the earlier one is confirmed."""

    def bus(self, clients: Clients) -> Bus:
        bus = ChangedBus(super().bus(clients), lambda entry: entry)
        bus.ordered = False
        return bus


class ReportsHighest(System):
    """Reports the highest SequenceNumber that failed, not the lowest."""

    def batch_publisher(self, clients: Clients, epoch: int) -> Any:
        return Reporting(super().batch_publisher(clients, epoch), max)


class ReportsLowestAsText(System):
    """Compares SequenceNumbers as text to find the lowest."""

    def batch_publisher(self, clients: Clients, epoch: int) -> Any:
        inner = super().batch_publisher(clients, epoch)
        return Reporting(inner, lambda numbers: min(numbers, key=str))


class ReportsEventIds(System):
    """Names a failed record by its eventID, as a Pipe would have it."""

    def publisher(self, clients: Clients, epoch: int) -> Handler:
        handler = super().publisher(clients, epoch)

        def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
            ids = {one["dynamodb"]["SequenceNumber"]: one["eventID"] for one in event["Records"]}
            failures = handler(event, context)["batchItemFailures"]
            names = [{"itemIdentifier": ids[one["itemIdentifier"]]} for one in failures]
            return {"batchItemFailures": names}

        return handle


class FailsBatchForBadRecord(System):
    """Raises for the whole batch where one record can't become an event."""

    def publisher(self, clients: Clients, epoch: int) -> Handler:
        handler = super().publisher(clients, epoch)

        def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
            for record in event["Records"]:
                detect(StreamRecord(record), self.rules())
            return handler(event, context)

        return handle


class IgnoresRemovals(System):
    """Publishes creations and changes, and no removals."""

    def publisher(self, clients: Clients, epoch: int) -> Handler:
        return seeing(
            super().publisher(clients, epoch),
            lambda record: None if record["eventName"] == "REMOVE" else record,
        )


class LooksAtNewImageOnly(System):
    """Publishes whenever an item is written, whatever its status was before."""

    def publisher(self, clients: Clients, epoch: int) -> Handler:
        def blind(record: dict[str, Any]) -> dict[str, Any]:
            if record["eventName"] != "MODIFY":
                return record
            old = {**record["dynamodb"]["OldImage"], "status": {"S": "?"}}
            return {**record, "dynamodb": {**record["dynamodb"], "OldImage": old}}

        return seeing(super().publisher(clients, epoch), blind)


class SeesNobodyEnterOrLeave(System):
    """Takes an item that starts or ceases to match the entity filter for one that always did."""

    def publisher(self, clients: Clients, epoch: int) -> Handler:
        def blind(record: dict[str, Any]) -> dict[str, Any]:
            images = ("OldImage", "NewImage")
            kinds = [record["dynamodb"].get(name, {}).get("kind") for name in images]
            if record["eventName"] != "MODIFY" or {"S": CUSTOMER} not in kinds:
                return record
            seen = {name: {**record["dynamodb"][name], "kind": {"S": CUSTOMER}} for name in images}
            return {**record, "dynamodb": {**record["dynamodb"], **seen}}

        return seeing(super().publisher(clients, epoch), blind)


class TakesStatusesAsWritten(System):
    """Compares the table's own statuses as they are written, and translates none."""

    def rules(self) -> TableRules:
        return replace(super().rules(), status_map={})


class BelievesParkingSucceeded(System):
    """Takes a record for parked although the failure store refused it."""

    def failure_store(self, clients: Clients) -> FailureStore:
        return Store(super().failure_store(clients), believing=True)


class SkipsBadRecords(System):
    """Leaves out what can't become an event, and parks nothing."""

    def failure_store(self, clients: Clients) -> FailureStore:
        return Store(None, believing=True)


class NeverGivesUp(System):
    """Tries an entry for ever that keeps failing while others succeed."""

    def batch_publisher(self, clients: Clients, epoch: int) -> Any:
        return replace(super().batch_publisher(clients, epoch), tracker=Endless())


class ParksOnlyKeys(System):
    """Parks a record without its images."""

    def failure_store(self, clients: Clients) -> FailureStore:
        return Store(super().failure_store(clients), stripped=True)


class ForgetsEpoch(System):
    """Goes on with the first epoch after the counter began anew."""

    def producer(self, epoch: int) -> Producer:
        return super().producer(1)


class PublishesNewestMajorOnly(System):
    """Publishes the newest major version alone, although two are configured."""

    def producer(self, epoch: int) -> Producer:
        return replace(super().producer(epoch), versions=(2,))
