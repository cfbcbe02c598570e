"""Broken publishers."""

import json
from dataclasses import replace
from functools import partial
from uuid import UUID

from botocore.exceptions import ClientError, ReadTimeoutError

from publisher.evidence import FailureTracker
from publisher.stream_records import StreamRecord
from publisher.transitions import detect
from simulation.checkers import (
    BOUNDED,
    FIFO_ORDER,
    FILTERS_HOLD,
    ISOLATED,
    NOTHING_INVENTED,
    NOTHING_LOST,
    ONE_IDENTITY,
    ONLY_POISON_IS_PARKED,
    PARKED_WHOLE,
)
from simulation.faults import only
from simulation.truth import CUSTOMER
from simulation.variants.variant import POISON, Variant

_FAILING = only("reordering", "throttles", "lost_answers", "missing_entries", "partial_batches")


class ChangedBus:
    """Changes each entry; `change` gets its document, and may return attributes to set."""

    def __init__(self, inner, clients, change):
        self._inner = inner
        self._clients = clients
        self._change = change
        self.ordered = inner.ordered

    def send(self, entries, deadline):
        return self._inner.send([self._changed(one) for one in entries], deadline)

    def _changed(self, entry):
        document = json.loads(entry.document)
        self._change(document, self._clients)
        return replace(entry, document=json.dumps(document))


def random_id(document, clients):
    document["id"] = str(UUID(int=clients.dice.getrandbits(128)))


def time_of_publishing(document, clients):
    document["time"] = f"{clients.clock.now():%Y-%m-%dT%H:%M:%SZ}"


def unordered(bus, _):
    bus.ordered = False
    return bus


class ChangedTopic:
    """An SNS client; `change` makes the call by itself."""

    def __init__(self, change, inner, _):
        self._change = change
        self._inner = inner

    def publish_batch(self, **request):
        return self._change(self._inner.publish_batch, request["PublishBatchRequestEntries"])


def trusting_absence(publish, entries):
    answer = publish(PublishBatchRequestEntries=entries)
    failed = {one["Id"] for one in answer["Failed"]}
    successful = [{"Id": one["Id"]} for one in entries if one["Id"] not in failed]
    return {"Successful": successful, "Failed": answer["Failed"]}


def ignoring_failed(publish, entries):
    publish(PublishBatchRequestEntries=entries)
    return {"Successful": [{"Id": one["Id"]} for one in entries], "Failed": []}


def ignoring_timeouts(publish, entries):
    try:
        return publish(PublishBatchRequestEntries=entries)
    except ReadTimeoutError:
        return {"Successful": [{"Id": one["Id"]} for one in entries], "Failed": []}


def refusing(publish, entries):
    try:
        return publish(PublishBatchRequestEntries=entries)
    except ClientError:
        return {"Failed": [{"Id": one["Id"], "Code": "InvalidParameter"} for one in entries]}


def swapping(publish, entries):
    swapped = []
    for entry in entries:
        old, _, new = entry["MessageAttributes"]["transition"]["StringValue"].partition(">")
        if new in {"SUSPENDED", "REMOVED"}:
            old = "NONE"
        transition = {"DataType": "String", "StringValue": f"{old}>{new}"}
        attributes = {**entry["MessageAttributes"], "transition": transition}
        swapped.append({**entry, "MessageAttributes": attributes})
    return publish(PublishBatchRequestEntries=swapped)


class Reporting:
    """Reports one failed record only, by its number."""

    def __init__(self, choose, inner, _):
        self._choose = choose
        self._inner = inner

    def publish(self, records, bus, deadlines):
        result = self._inner.publish(records, bus, deadlines)
        if result.failed:
            indexes = {int(records[index].sequence_number): index for index in result.failed}
            index = indexes[self._choose(indexes)]
            result.failed = {index: result.failed[index]}
        return result


class Endless(FailureTracker):
    def keeps_failing(self, *_):
        return False


class ForgivingStore:
    """Takes every record for parked; without an inner store it parks nothing."""

    def __init__(self, inner=None):
        self._inner = inner

    def park(self, parked, deadline):
        if self._inner:
            self._inner.park(parked, deadline)
        return [None] * len(parked)


class StrippingStore:
    """Parks a record without its images."""

    def __init__(self, inner, _):
        self._inner = inner

    def park(self, parked, deadline):
        stripped = []
        for one in parked:
            stream = {key: value for key, value in one.record.stream.items() if "Image" not in key}
            record = StreamRecord({**one.record.raw, "dynamodb": stream})
            stripped.append(replace(one, record=record))
        return self._inner.park(stripped, deadline)


def naming_event_ids(handler, _):
    def handle(event, context):
        ids = {one["dynamodb"]["SequenceNumber"]: one["eventID"] for one in event["Records"]}
        failures = handler(event, context)["batchItemFailures"]
        names = [{"itemIdentifier": ids[one["itemIdentifier"]]} for one in failures]
        return {"batchItemFailures": names}

    return handle


def raising_for_bad_records(handler, _):
    def handle(event, context):
        for record in event["Records"]:
            detect(StreamRecord(record), handler.publisher.rules)
        return handler(event, context)

    return handle


def seeing(change, handler, _):
    """Sees each record as `change` returns it; None leaves it out."""

    def handle(event, context):
        seen = [found for one in event["Records"] if (found := change(one)) is not None]
        return handler({"Records": seen}, context)

    return handle


def without_old_status(record):
    if record["eventName"] != "MODIFY":
        return record
    old = {**record["dynamodb"]["OldImage"], "status": {"S": "?"}}
    return {**record, "dynamodb": {**record["dynamodb"], "OldImage": old}}


def always_a_customer(record):
    images = ("OldImage", "NewImage")
    kinds = [record["dynamodb"].get(name, {}).get("kind") for name in images]
    if record["eventName"] != "MODIFY" or {"S": CUSTOMER} not in kinds:
        return record
    seen = {name: {**record["dynamodb"][name], "kind": {"S": CUSTOMER}} for name in images}
    return {**record, "dynamodb": {**record["dynamodb"], **seen}}


VARIANTS = (
    Variant(
        "Gives an event a new id at each attempt",
        ONE_IDENTITY,
        only("mapping_recreated", "lost_answers"),
        bus=partial(ChangedBus, change=random_id),
    ),
    Variant(
        "Takes an entry that is not in `Failed` for published",
        NOTHING_LOST,
        _FAILING,
        topic=partial(ChangedTopic, trusting_absence),
    ),
    Variant(
        "Takes HTTP 200 for success of every entry",
        NOTHING_LOST,
        _FAILING,
        topic=partial(ChangedTopic, ignoring_failed),
    ),
    Variant(
        "Takes a call whose answer did not come for done",
        NOTHING_LOST,
        _FAILING,
        topic=partial(ChangedTopic, ignoring_timeouts),
    ),
    Variant(
        "Reports the highest SequenceNumber that failed, not the lowest",
        NOTHING_LOST,
        only("outages"),
        batch_publisher=partial(Reporting, max),
    ),
    Variant(
        "Compares SequenceNumbers as text to find the lowest",
        NOTHING_LOST,
        only("outages"),
        seeds_max=2000,
        batch_publisher=partial(Reporting, partial(min, key=str)),
    ),
    Variant(
        "Names a failed record by its eventID, as a Pipe would have it",
        ISOLATED,
        only("outages"),
        publisher=naming_event_ids,
    ),
    Variant(
        "Raises for the whole batch where one record can't become an event",
        ISOLATED,
        POISON,
        publisher=raising_for_bad_records,
    ),
    Variant(
        "Sends a customer's later change on a FIFO topic before the earlier one is confirmed",
        FIFO_ORDER,
        only("fifo", "throttles", "partial_batches"),
        shown_by=57,
        bus=unordered,
    ),
    Variant(
        "Takes a record for parked although the failure store refused it",
        NOTHING_LOST,
        only("poison_records", "throttles", "outages"),
        failure_store=lambda store, _: ForgivingStore(store),
    ),
    Variant(
        "Leaves out what can't become an event, and parks nothing",
        NOTHING_LOST,
        POISON,
        failure_store=lambda *_: ForgivingStore(),
    ),
    Variant(
        "Publishes creations and changes, and no removals",
        NOTHING_LOST,
        only(),
        publisher=partial(seeing, lambda one: None if one["eventName"] == "REMOVE" else one),
    ),
    Variant(
        "Publishes whenever an item is written, whatever its status was before",
        NOTHING_INVENTED,
        only(),
        publisher=partial(seeing, without_old_status),
    ),
    Variant(
        "Takes an item that starts or ceases to match the entity filter for one that always did",
        NOTHING_LOST,
        only("entity_filters"),
        publisher=partial(seeing, always_a_customer),
    ),
    Variant(
        "Compares the table's own statuses as they are written, and translates none",
        ONLY_POISON_IS_PARKED,
        only("own_statuses"),
        rules=lambda rules, _: replace(rules, status_map={}),
    ),
    Variant(
        "Takes a throttled call for a refusal of its entries",
        ONLY_POISON_IS_PARKED,
        only("throttles"),
        topic=partial(ChangedTopic, refusing),
    ),
    Variant(
        "Tries an entry for ever that keeps failing while others succeed",
        BOUNDED,
        only("poison_messages"),
        batch_publisher=lambda publisher, _: replace(publisher, tracker=Endless()),
    ),
    Variant(
        "Parks a record without its images",
        PARKED_WHOLE,
        POISON,
        failure_store=StrippingStore,
    ),
    Variant(
        "Stays in the first epoch after the counter restarted",
        NOTHING_INVENTED,
        only("restarts"),
        producer=lambda producer, _: replace(producer, epoch=1),
    ),
    Variant(
        "Stamps an event when it is published, not when the status changed",
        NOTHING_INVENTED,
        only(),
        bus=partial(ChangedBus, change=time_of_publishing),
    ),
    Variant(
        "Writes the transition's attribute the wrong way round",
        FILTERS_HOLD,
        only(),
        topic=partial(ChangedTopic, swapping),
    ),
    Variant(
        "Publishes the newest major version alone, although two are configured",
        NOTHING_LOST,
        only("two_majors"),
        producer=lambda producer, _: replace(producer, versions=(2,)),
    ),
)
