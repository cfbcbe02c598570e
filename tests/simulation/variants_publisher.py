"""Broken publishers."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError, ReadTimeoutError

from publisher.events import Entry, Producer
from publisher.ports import Answer, Bus, Deadline, FailureStore, ParkedRecord
from publisher.publish_batch import BatchPublisher, BatchResult, Deadlines
from publisher.transitions import Record, detect
from simulation.system import Clients, Handler, System


class RandomIds(System):
    """Gives an event a new id at each attempt."""

    def bus(self, clients: Clients) -> Bus:
        def again(entry: Entry) -> Entry:
            document = json.loads(entry.document)
            document["id"] = str(UUID(int=clients.dice.getrandbits(128)))
            return replace(entry, document=json.dumps(document))

        return _ChangedBus(super().bus(clients), again)


class TellsTimeOfPublishing(System):
    """Stamps an event when it is published, not when the status changed."""

    def bus(self, clients: Clients) -> Bus:
        def stamped(entry: Entry) -> Entry:
            document = json.loads(entry.document)
            document["time"] = f"{clients.clock.now():%Y-%m-%dT%H:%M:%SZ}"
            return replace(entry, document=json.dumps(document))

        return _ChangedBus(super().bus(clients), stamped)


class TrustsAbsence(System):
    """Takes an entry that is not in `Failed` for published."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=_Answering(clients.topic, _absent_is_well)))


class IgnoresFailed(System):
    """Takes HTTP 200 for success of every entry."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=_Answering(clients.topic, _all_is_well)))


class SwapsTransition(System):
    """Writes the transition's attribute the wrong way round."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=_Swapping(clients.topic)))


class TakesTimeoutForSuccess(System):
    """Takes a call whose answer did not come for done."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=_Unafraid(clients.topic)))


class ParksWhatIsThrottled(System):
    """Takes a throttled call for a refusal of its entries."""

    def bus(self, clients: Clients) -> Bus:
        return super().bus(replace(clients, topic=_Refusing(clients.topic)))


class GoesOnAfterFailure(System):
    """Sends a customer's later change on a FIFO topic before the earlier one is confirmed."""

    def bus(self, clients: Clients) -> Bus:
        bus = _ChangedBus(super().bus(clients), lambda entry: entry)
        bus.ordered = False
        return bus


class ReportsHighest(System):
    """Reports the highest SequenceNumber that failed, not the lowest."""

    def batch_publisher(self, clients: Clients, epoch: int) -> Any:
        return _Reporting(super().batch_publisher(clients, epoch), lambda numbers: max(numbers))


class ReportsLowestAsText(System):
    """Compares SequenceNumbers as text to find the lowest."""

    def batch_publisher(self, clients: Clients, epoch: int) -> Any:
        inner = super().batch_publisher(clients, epoch)
        return _Reporting(inner, lambda numbers: min(numbers, key=str))


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
                detect(record, self.rules())
            return handler(event, context)

        return handle


class IgnoresRemovals(System):
    """Publishes creations and changes, and no removals."""

    def publisher(self, clients: Clients, epoch: int) -> Handler:
        return _seeing(
            super().publisher(clients, epoch),
            lambda record: None if record["eventName"] == "REMOVE" else record,
        )


class LooksAtNewImageOnly(System):
    """Publishes whenever an item is written, whatever its status was before."""

    def publisher(self, clients: Clients, epoch: int) -> Handler:
        def blind(record: Record) -> Record:
            if record["eventName"] != "MODIFY":
                return record
            old = {**record["dynamodb"]["OldImage"], "status": {"S": "?"}}
            return {**record, "dynamodb": {**record["dynamodb"], "OldImage": old}}

        return _seeing(super().publisher(clients, epoch), blind)


class BelievesParkingSucceeded(System):
    """Takes a record for parked although the failure store refused it."""

    def failure_store(self, clients: Clients) -> FailureStore:
        return _Store(super().failure_store(clients), believing=True)


class SkipsBadRecords(System):
    """Leaves out what can't become an event, and parks nothing."""

    def failure_store(self, clients: Clients) -> FailureStore:
        return _Store(None, believing=True)


class ParksOnlyKeys(System):
    """Parks a record without its images."""

    def failure_store(self, clients: Clients) -> FailureStore:
        return _Store(super().failure_store(clients), stripped=True)


class ForgetsEpoch(System):
    """Goes on with the first epoch after the counter began anew."""

    def producer(self, epoch: int) -> Producer:
        return super().producer(1)


class PublishesNewestMajorOnly(System):
    """Publishes the newest major version alone, although two are configured."""

    def producer(self, epoch: int) -> Producer:
        return replace(super().producer(epoch), versions=(2,))


# Private functions


class _ChangedBus:
    def __init__(self, inner: Bus, change: Callable[[Entry], Entry]) -> None:
        self._inner = inner
        self._change = change
        self.ordered = inner.ordered

    def send(self, entries: list[Entry], deadline: Deadline) -> list[Answer]:
        return self._inner.send([self._change(one) for one in entries], deadline)


class _Answering:
    def __init__(self, inner: Any, answer: Callable[[dict[str, Any], list[Any]], Any]) -> None:
        self._inner = inner
        self._answer = answer

    def publish_batch(self, **request: Any) -> Any:
        answer = self._inner.publish_batch(**request)
        return self._answer(answer, request["PublishBatchRequestEntries"])


class _Swapping:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def publish_batch(self, **request: Any) -> Any:
        entries = []
        for entry in request["PublishBatchRequestEntries"]:
            attributes = dict(entry["MessageAttributes"])
            old, _, new = attributes["transition"]["StringValue"].partition(">")
            if new in {"SUSPENDED", "REMOVED"}:
                old = "NONE"
            attributes["transition"] = {"DataType": "String", "StringValue": f"{old}>{new}"}
            entries.append({**entry, "MessageAttributes": attributes})
        return self._inner.publish_batch(**{**request, "PublishBatchRequestEntries": entries})


class _Unafraid:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def publish_batch(self, **request: Any) -> Any:
        try:
            return self._inner.publish_batch(**request)
        except ReadTimeoutError:
            return _all_is_well({}, request["PublishBatchRequestEntries"])


class _Refusing:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def publish_batch(self, **request: Any) -> Any:
        try:
            return self._inner.publish_batch(**request)
        except ClientError:
            entries = request["PublishBatchRequestEntries"]
            return {"Failed": [{"Id": one["Id"], "Code": "InvalidParameter"} for one in entries]}


class _Reporting:
    """Tells of one failed record only."""

    def __init__(self, inner: BatchPublisher, choose: Callable[[list[int]], int]) -> None:
        self._inner = inner
        self._choose = choose

    def publish(self, records: list[Record], deadlines: Deadlines) -> BatchResult:
        result = self._inner.publish(records, deadlines)
        if result.failed:
            places = {
                int(records[index]["dynamodb"]["SequenceNumber"]): index for index in result.failed
            }
            index = places[self._choose(list(places))]
            result.failed = {index: result.failed[index]}
        return result


class _Store:
    def __init__(
        self, inner: FailureStore | None, *, believing: bool = False, stripped: bool = False
    ) -> None:
        self._inner = inner
        self._believing = believing
        self._stripped = stripped

    def park(self, parked: list[ParkedRecord], deadline: Deadline) -> list[str | None]:
        if self._stripped:
            parked = [replace(one, record=_without_images(one.record)) for one in parked]
        answers = self._inner.park(parked, deadline) if self._inner else []
        return [None] * len(parked) if self._believing else answers


def _without_images(record: Record) -> Record:
    stream = {name: one for name, one in record["dynamodb"].items() if "Image" not in name}
    return {**record, "dynamodb": stream}


def _seeing(handler: Handler, change: Callable[[Record], Record | None]) -> Handler:
    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        seen = [found for one in event["Records"] if (found := change(one)) is not None]
        return handler({"Records": seen}, context)

    return handle


def _absent_is_well(answer: dict[str, Any], entries: list[Any]) -> dict[str, Any]:
    failed = {one["Id"] for one in answer["Failed"]}
    well = [{"Id": one["Id"]} for one in entries if one["Id"] not in failed]
    return {"Successful": well, "Failed": answer["Failed"]}


def _all_is_well(_: dict[str, Any], entries: list[Any]) -> dict[str, Any]:
    return {"Successful": [{"Id": one["Id"]} for one in entries], "Failed": []}
