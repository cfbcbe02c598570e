"""Parts of a publisher that do not keep their promise; `variants_publisher` puts them in."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from customer_events.deadline import Deadline, Deadlines
from publisher.batch_result import BatchResult
from publisher.events import Entry
from publisher.failure_tracker import FailureTracker
from publisher.ports import Answer, Bus, FailureStore, ParkedRecord
from publisher.publish_batch import BatchPublisher
from publisher.stream_records import StreamRecord
from simulation.system import Handler


class ChangedBus:
    def __init__(self, inner: Bus, change: Callable[[Entry], Entry]) -> None:
        self._inner = inner
        self._change = change
        self.ordered = inner.ordered

    def send(self, entries: list[Entry], deadline: Deadline) -> list[Answer]:
        return self._inner.send([self._change(one) for one in entries], deadline)


class Answering:
    def __init__(self, inner: Any, answer: Callable[[dict[str, Any], list[Any]], Any]) -> None:
        self._inner = inner
        self._answer = answer

    def publish_batch(self, **request: Any) -> Any:
        answer = self._inner.publish_batch(**request)
        return self._answer(answer, request["PublishBatchRequestEntries"])


class Swapping:
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


class Unafraid:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def publish_batch(self, **request: Any) -> Any:
        try:
            return self._inner.publish_batch(**request)
        except ReadTimeoutError:
            return all_is_well({}, request["PublishBatchRequestEntries"])


class Refusing:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def publish_batch(self, **request: Any) -> Any:
        try:
            return self._inner.publish_batch(**request)
        except ClientError:
            entries = request["PublishBatchRequestEntries"]
            return {"Failed": [{"Id": one["Id"], "Code": "InvalidParameter"} for one in entries]}


class Reporting:
    """Tells of one failed record only."""

    def __init__(self, inner: BatchPublisher, choose: Callable[[list[int]], int]) -> None:
        self._inner = inner
        self._choose = choose

    def publish(self, records: list[StreamRecord], bus: Bus, deadlines: Deadlines) -> BatchResult:
        result = self._inner.publish(records, bus, deadlines)
        if result.failed:
            indexes = {int(records[index].sequence_number): index for index in result.failed}
            index = indexes[self._choose(list(indexes))]
            result.failed = {index: result.failed[index]}
        return result


class Endless(FailureTracker):
    def keeps_failing(self, *_: Any) -> bool:
        return False


class Store:
    def __init__(
        self, inner: FailureStore | None, *, believing: bool = False, stripped: bool = False
    ) -> None:
        self._inner = inner
        self._believing = believing
        self._stripped = stripped

    def park(self, parked: list[ParkedRecord], deadline: Deadline) -> list[str | None]:
        if self._stripped:
            parked = [replace(one, record=without_images(one.record)) for one in parked]
        answers = self._inner.park(parked, deadline) if self._inner else []
        return [None] * len(parked) if self._believing else answers


def without_images(record: StreamRecord) -> StreamRecord:
    stream = {name: one for name, one in record.stream.items() if "Image" not in name}
    return StreamRecord({**record.raw, "dynamodb": stream})


def seeing(handler: Handler, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Handler:
    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        seen = [found for one in event["Records"] if (found := change(one)) is not None]
        return handler({"Records": seen}, context)

    return handle


def absent_is_well(answer: dict[str, Any], entries: list[Any]) -> dict[str, Any]:
    failed = {one["Id"] for one in answer["Failed"]}
    well = [{"Id": one["Id"]} for one in entries if one["Id"] not in failed]
    return {"Successful": well, "Failed": answer["Failed"]}


def all_is_well(_: dict[str, Any], entries: list[Any]) -> dict[str, Any]:
    return {"Successful": [{"Id": one["Id"]} for one in entries], "Failed": []}
