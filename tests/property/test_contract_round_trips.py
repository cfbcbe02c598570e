"""What is written is read back, whatever it says; orders sort; identities hold."""

import itertools
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.contract_files import failing_fields
from contract.wire_strategies import ANY_EVENT, PATIENT, UTC_INSTANTS, events
from customer_events import instants, sequence
from customer_events.decoder import decode, from_document, parse_json
from customer_events.encoder import encode, to_document
from customer_events.event import Change, Status
from customer_events.identity import event_id, snapshot_id

NUMBERS = st.one_of(
    st.integers(0, 10**40 - 1),
    st.integers(1, 40).flatmap(lambda digits: st.integers(10 ** (digits - 1), 10**digits - 1)),
)
EPOCHS = st.integers(1, 9999)
SOURCES = st.from_regex(r"[a-z]{1,5}:[!-~]{1,10}", fullmatch=True)
CUSTOMERS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
CHANGES = st.tuples(SOURCES, CUSTOMERS, st.builds(str, NUMBERS), EPOCHS, st.sampled_from([1, 2]))


@settings(PATIENT, max_examples=150)
@given(ANY_EVENT)
def test_an_event_of_either_version_is_read_back_as_it_was_written(event):
    assert decode(encode(event)) == event
    assert from_document(to_document(event)) == event


@settings(PATIENT, max_examples=150)
@given(ANY_EVENT)
def test_a_text_is_written_again_as_it_was_read(event):
    text = encode(event)
    assert encode(decode(text)) == text
    assert parse_json(text) == to_document(event)


@settings(PATIENT, max_examples=100)
@given(ANY_EVENT)
def test_every_event_that_is_written_satisfies_the_schemas(event):
    assert failing_fields(to_document(event)) == set()


@settings(PATIENT, max_examples=100)
@given(events(1))
def test_an_old_document_survives_being_read_in_the_newest_meaning(event):
    """Upcast and downcast again: nothing that version 1 can say is lost or made up."""
    document = to_document(event)
    assert to_document(from_document(document)) == document


@settings(PATIENT, max_examples=100)
@given(events(2).filter(lambda event: event.change is not Change.SNAPSHOT))
def test_a_change_written_in_both_versions_tells_the_same_story(event):
    old = decode(encode(replace(event, schema_version=1)))
    told = {Status.REMOVED: Status.CLOSED}
    assert old.status == told.get(event.status, event.status)
    assert (old.customer_id, old.sequence) == (event.customer_id, event.sequence)
    assert (old.occurred_at, old.changed_at) == (event.occurred_at, event.changed_at)


@settings(PATIENT)
@given(NUMBERS, NUMBERS, EPOCHS)
@example(820400000000000001192334, 1683700000000000001135967, 1)
def test_sequences_of_one_epoch_sort_as_their_numbers(first, second, epoch):
    texts = [sequence.sequence(str(number), epoch=epoch) for number in (first, second)]
    assert (texts[0] < texts[1]) is (first < second)
    assert (texts[0] == texts[1]) is (first == second)


@settings(PATIENT)
@given(NUMBERS, NUMBERS, EPOCHS, EPOCHS)
def test_a_higher_epoch_outranks_every_number(first, second, low, high):
    if low == high:
        return
    low, high = sorted((low, high))
    assert sequence.sequence(first, epoch=low) < sequence.sequence(second, epoch=high)


@settings(PATIENT)
@given(st.integers(1, 40), st.integers(0, 9))
def test_leading_zeros_of_a_number_do_not_change_its_place(digits, digit):
    number = str(digit)
    padded = number.zfill(digits)
    assert sequence.sequence(padded, epoch=1) == sequence.sequence(number, epoch=1)


@settings(PATIENT)
@given(NUMBERS, EPOCHS)
def test_every_sequence_is_above_that_of_an_uncounted_snapshot_and_parses(number, epoch):
    text = sequence.sequence(number, epoch=epoch)
    assert text > sequence.UNCOUNTED
    assert sequence.parse(text) == text
    assert text.startswith(sequence.epoch_prefix(text))


def test_numbers_of_every_length_sort_across_all_lengths():
    numbers = sorted(itertools.chain(*((10**n - 1, 10**n) for n in range(40))))
    texts = [sequence.sequence(number, epoch=1) for number in numbers]
    assert texts == sorted(texts)


@settings(PATIENT)
@given(UTC_INSTANTS, UTC_INSTANTS)
def test_sortable_instants_sort_as_the_instants_do(first, second):
    texts = instants.sortable(first), instants.sortable(second)
    assert (texts[0] < texts[1]) is (first < second)
    assert {len(text) for text in texts} == {27}


@settings(PATIENT)
@given(UTC_INSTANTS)
def test_an_instant_is_read_back_from_both_of_its_forms(instant):
    assert instants.from_wire(instants.to_wire(instant)) == instant
    assert instants.from_wire(instants.sortable(instant)) == instant


@settings(PATIENT)
@given(CHANGES, CHANGES)
def test_different_changes_have_different_ids(first, second):
    assert (identify(first) == identify(second)) is (place(first) == place(second))


@settings(PATIENT)
@given(CHANGES, UTC_INSTANTS, UTC_INSTANTS)
def test_a_snapshots_id_covers_the_time_it_was_read(change, first, second):
    ids = [snapshot_id(*place(change), read_at) for read_at in (first, second)]
    assert (ids[0] == ids[1]) is (first == second)
    assert identify(change) not in ids


def place(change):
    source, customer, number, epoch, major = change
    return source, customer, sequence.sequence(number, epoch=epoch), major


def identify(change):
    return event_id(*place(change))
