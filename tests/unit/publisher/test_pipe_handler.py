import json
import traceback

import pytest

from customer_events.decoder import from_document
from publisher.events import Producer, to_entries
from publisher.handlers import BatchFailed, PipeHandler
from unit.publisher.publisher_fakes import FakeContext, FakeFailureStore, Rig
from unit.publisher.stream_record_samples import UNCHANGED, detect, modify, record


class Enrichment:
    """The handler on a fake failure store."""

    def __init__(self, *, versions=(2,), size=262_144, error=None):
        self.rig = Rig(store=FakeFailureStore(error), versions=versions)
        self.store = self.rig.store
        self.handler = PipeHandler(
            publisher=self.rig.publisher,
            reporter=self.rig.reporter,
            clock=self.rig.clock,
            event_size_max_bytes=size,
            batch_size_max=10 // len(versions),
        )

    def __call__(self, records):
        documents = self.handler(records, FakeContext())
        assert json.loads(json.dumps(documents)) == documents
        return documents

    @property
    def result(self):
        return self.rig.reporter.results[-1]


def test_each_change_becomes_the_document_that_any_other_transport_would_carry():
    rules = Rig().publisher.rules
    producer = Producer(source="urn:novapay:accounts", epoch=1, versions=(1, 2))
    batch = [modify(), record(None, "PENDING", customer_id="Zoë \x01", number=1)]
    enrichment = Enrichment(versions=(1, 2))
    assert enrichment(batch) == [
        json.loads(entry.document)
        for one in batch
        for entry in to_entries(detect(one, rules), producer)
    ]
    assert enrichment.result.published == 4


def test_records_without_a_change_come_to_nothing():
    enrichment = Enrichment()
    assert enrichment([record("ACTIVE", "ACTIVE")]) == []
    assert enrichment([]) == []


def test_bad_records_are_parked_and_the_others_come_out():
    enrichment = Enrichment()
    bad = [record("ACTIVE", {"N": "1"}, number=1), record("ACTIVE", UNCHANGED, number=2), "junk"]
    documents = enrichment([*bad, modify()])
    assert [from_document(one).customer_id for one in documents] == ["c-1"]
    assert enrichment.store.reasons == ["UnknownStatus", "MissingStatus", "UndecodableImage"]
    assert [one.record.raw for one in enrichment.store.parked] == bad


def test_an_event_beyond_the_size_limit_is_parked_and_one_at_the_limit_is_not():
    changed = record("ACTIVE", "CLOSED", customer_id="x" * 500)
    (document,) = Enrichment()([changed])
    size = 14 + len("urn:novapay:accounts" + "CustomerStatusChanged")
    size += len(json.dumps(document, separators=(",", ":")))
    assert len(Enrichment(size=size)([changed])) == 1
    enrichment = Enrichment(size=size - 1)
    assert enrichment([changed, modify()]) != []
    assert enrichment.store.reasons == ["EventTooLarge"]


def test_a_bad_record_that_could_not_be_parked_fails_the_batch_and_it_is_told():
    enrichment = Enrichment(error=lambda _parked: "SlowDown")
    with pytest.raises(BatchFailed, match="each record; 1 failed: ParkingFailed:SlowDown"):
        enrichment([modify(), record("ACTIVE", {"N": "1"}, number=1)])
    assert len(enrichment.result.failed) == 1
    assert enrichment.result.published == 0


@pytest.mark.parametrize(("versions", "size_max"), [((2,), 10), ((1, 2), 5)])
def test_a_result_that_the_pipe_would_not_send_is_never_returned(versions, size_max):
    def batch(size):
        return [
            record("ACTIVE", "CLOSED", customer_id=f"c-{number}", number=number)
            for number in range(size)
        ]

    enrichment = Enrichment(versions=versions)
    assert len(enrichment(batch(size_max))) == 10
    with pytest.raises(BatchFailed, match=f"set its source batch size to {size_max} or less"):
        enrichment(batch(size_max + 1))
    assert enrichment.result.published == 0


@pytest.mark.parametrize("event", [{"Records": []}, {}, None, "x"])
def test_what_is_no_array_fails_as_a_whole(event):
    with pytest.raises(BatchFailed, match="an array of stream records"):
        Enrichment()(event)


def test_a_bug_fails_the_batch_by_its_type_and_never_by_its_text():
    def breaks(_parked):
        raise ZeroDivisionError("secret")

    with pytest.raises(BatchFailed, match="ZeroDivisionError") as failed:
        Enrichment(error=breaks)([record("ACTIVE", {"N": "1"})])
    assert "secret" not in "".join(traceback.format_exception(failed.value))
