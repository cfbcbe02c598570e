from customer_events.decoder import decode
from customer_events.event import Status, transition
from publisher.events import Producer, to_entries
from publisher.transitions import TableRules
from unit.publisher.stream_record_samples import detect, modify, record

BOTH = Producer(source="urn:novapay:accounts", epoch=3, versions=(1, 2))


def entries_of(made, producer=BOTH, rules=TableRules(reason_attribute="status_reason")):  # noqa: B008
    return to_entries(detect(made, rules), producer)


def test_each_version_is_an_event_of_its_own_about_the_same_change():
    first, second = entries_of(modify())
    assert (first.event.schema_version, second.event.schema_version) == (1, 2)
    assert first.event_id != second.event_id
    assert first.event.sequence == second.event.sequence
    assert second.event.sequence == "0003.0000000000000000820400000000000001192334"


def test_what_is_written_is_what_a_consumer_reads():
    for entry in entries_of(modify(), Producer(source="urn:x", epoch=1, versions=(2,))):
        assert decode(entry.document) == entry.event
        assert entry.event_id == str(entry.event.event_id)
        assert entry.document.isascii()


def test_the_first_version_knows_no_removal_and_says_closed_in_all_places():
    first, second = entries_of(record("ACTIVE", None))
    assert (first.event.status, transition(first.event)) == (Status.CLOSED, "ACTIVE>CLOSED")
    assert (second.event.status, transition(second.event)) == (Status.REMOVED, "ACTIVE>REMOVED")
    assert decode(first.document).status is Status.CLOSED
    came_back, _ = entries_of(record("REMOVED", "ACTIVE"))
    assert transition(came_back.event) == "CLOSED>ACTIVE"
