"""What is checked of every transport, as functions: they run against broken publishers as well."""

import json
from collections import Counter, defaultdict
from math import ceil
from typing import Any

from customer_events.event import MAJORS, NEWEST_MAJOR
from publisher.events import Producer, to_entries
from publisher.transitions import StatusTransition, TableRules
from publisher.transports import SNS, SNS_FIFO, Order
from unit.publisher.stream_record_samples import detect, record

SOURCE = "urn:novapay:accounts"
STATUSES = ["PENDING", "ACTIVE", "SUSPENDED", "ACTIVE", "CLOSED"]
ODD_CUSTOMERS = ["c-1", "Zoë & Söhne/%+", 'a "quoted" \\ id', "\U0001f600", "\x01\t"]


def versions_of(rig: Any) -> tuple[int, ...]:
    """All that the transport may carry side by side."""
    return (NEWEST_MAJOR,) if rig.transport.versions_max == 1 else MAJORS


def use_versions(rig: Any) -> None:
    rig.build(PUBLISH_VERSIONS=",".join(str(major) for major in versions_of(rig)))


def published(rig: Any, records: list[Any]) -> list[Any]:
    """The documents that the records are to become, worked out without the transport."""
    producer = Producer(source=SOURCE, epoch=1, versions=versions_of(rig))
    found = [detect(one, TableRules()) for one in records]
    return [
        json.loads(entry.document)
        for transition in found
        if isinstance(transition, StatusTransition)
        for entry in to_entries(transition, producer)
    ]


def published_in(rig: Any, one: Any) -> list[Any]:
    """The documents of one record, in the newest version."""
    newest = f".v{NEWEST_MAJOR}"
    return [found for found in published(rig, [one]) if found["type"].endswith(newest)]


def size_bytes(rig: Any, document: Any) -> int:
    """What the transport counts for an event, by its own documentation."""
    body = len(json.dumps(document, separators=(",", ":")))
    if rig.transport in {SNS, SNS_FIFO}:
        _, before, after = _facts(document)
        attributes = {
            "type": document["type"],
            "schema_version": str(NEWEST_MAJOR),
            "status": after,
            "transition": f"{before}>{after}",
        }
        return body + sum(len(f"{name}String{value}") for name, value in attributes.items())
    time_bytes = 14
    return body + time_bytes + len(document["source"]) + len("CustomerStatusChanged")


def histories(*customers: str) -> list[Any]:
    """Each customer goes through the same statuses; their changes alternate in the stream."""
    steps = list(zip([None, *STATUSES], [*STATUSES, None], strict=True))
    return [
        record(old, new, customer_id=customer, number=step * len(customers) + place)
        for step, (old, new) in enumerate(steps)
        for place, customer in enumerate(customers)
    ]


def canonical(documents: list[Any]) -> list[str]:
    return sorted(json.dumps(document, sort_keys=True) for document in documents)


def ids(documents: list[Any]) -> Counter[str]:
    return Counter(document["id"] for document in documents)


def check_what_arrives_is_what_was_published(rig: Any) -> None:
    use_versions(rig)
    records = [
        record(None, "ACTIVE", customer_id=customer, number=number)
        for number, customer in enumerate(ODD_CUSTOMERS)
    ] + [record("ACTIVE", "ACTIVE", number=90), record("ACTIVE", None, number=91)]
    rig.deliver(records)
    assert canonical(rig.documents()) == canonical(published(rig, records))
    assert rig.parked() == []


def check_order(rig: Any) -> None:
    """Though a customer's first change fails at first, none of their later ones overtakes it."""
    use_versions(rig)
    records = histories("c-1", "c-2", "c-3")
    first = published(rig, records[1:2])[0]["id"]
    rig.deliver(records, failing_once=lambda document: document["id"] == first)
    documents = rig.documents()
    assert set(ids(documents)) == set(ids(published(rig, records)))
    if rig.transport.order is Order.PER_CUSTOMER:
        sequences = defaultdict(list)
        for document in documents:
            sequences[document["subject"]].append(document["sequence"])
        assert all(found == sorted(found) for found in sequences.values())


def check_duplicates(rig: Any) -> None:
    """A second publication has the same ids; it is dropped where that is promised."""
    use_versions(rig)
    records = histories("c-1", "c-2")
    rig.deliver(records)
    rig.deliver(records)
    times = 1 if rig.transport.duplicates_dropped_seconds else 2
    expected = published(rig, records)
    assert canonical(rig.documents()) == canonical(expected * times)


def check_partial_failure(rig: Any) -> None:
    """Some entries of a call fail: nothing is lost, and what is sent again has the same id."""
    use_versions(rig)
    records = histories("c-1", "c-2", "c-3")
    rig.deliver(records, failing_once=lambda document: document["subject"] == "c-2")
    documents = rig.documents()
    expected = canonical(published(rig, records))
    assert sorted(set(canonical(documents))) == expected
    assert rig.parked() == []


def check_calls(rig: Any) -> None:
    """Distinct customers take as few calls as there can be."""
    records = [
        record("ACTIVE", "CLOSED", customer_id=f"c-{number}", number=number) for number in range(25)
    ]
    rig.deliver(records)
    assert len(rig.documents()) == 25
    assert rig.client.calls == ceil(25 / rig.transport.entries_per_call_max)


def check_choice(rig: Any, wanted: Any, **choice: Any) -> None:
    """A subscriber that chooses gets what it chose, all of it and nothing else.

    `wanted` gets an event's version, previous status (`NONE` on creation) and status.
    """
    use_versions(rig)
    rig.subscribe("chooses", **choice)
    records = histories("c-1", "c-2")
    rig.deliver(records)
    expected = [document for document in published(rig, records) if wanted(*_facts(document))]
    assert expected
    assert canonical(rig.documents("chooses")) == canonical(expected)


# Private functions


def _facts(document: Any) -> tuple[int, str, str]:
    version = int(document["type"][-1])
    before, after = {1: ("old_status", "new_status"), 2: ("previous_status", "status")}[version]
    return version, document["data"][before] or "NONE", document["data"][after]
