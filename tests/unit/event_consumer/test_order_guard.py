"""The order of live events, by example. Times are seconds after noon."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customer_events.event import Change, Status
from customer_events.sequence import SequenceSource, sequence
from unit.event_consumer.consumer_samples import live, repair, snapshot
from unit.event_consumer.guard_verdicts import row_of, verdict

VERSION = SequenceSource.VERSION
ACTIVE, SUSPENDED, CLOSED, REMOVED = (
    Status.ACTIVE,
    Status.SUSPENDED,
    Status.CLOSED,
    Status.REMOVED,
)


# Rule 1: sequence, then major version


def test_an_event_applies_where_no_row_is():
    assert verdict(None, live(1)) == "APPLIES"


def test_a_newer_sequence_applies():
    assert verdict(row_of(live(1)), live(2)) == "APPLIES"


def test_an_older_sequence_is_stale():
    assert verdict(row_of(live(2)), live(1)) == "STALE"


def test_a_longer_stream_number_is_newer_although_its_text_sorts_first():
    parent = live(820400000000000001192334, seconds=0)
    child = live(1683700000000000001135967, seconds=1)
    assert verdict(row_of(parent), child) == "APPLIES"
    assert verdict(row_of(child), parent) == "STALE"


def test_the_same_event_again_is_a_duplicate():
    assert verdict(row_of(live(1)), live(1)) == "DUPLICATE"


def test_the_newer_major_of_the_same_change_applies_over_the_older():
    assert verdict(row_of(live(1, schema_version=1)), live(1)) == "APPLIES"


def test_the_older_major_of_the_same_change_is_stale_after_the_newer():
    assert verdict(row_of(live(1)), live(1, schema_version=1)) == "STALE"


@pytest.mark.parametrize(
    "other",
    [{"status": SUSPENDED}, {"occurred_at": live(2).occurred_at}],
    ids=lambda other: next(iter(other)),
)
def test_equal_order_with_other_content_is_a_contradiction(other):
    assert verdict(row_of(live(1)), replace(live(1), **other)) == "OrderContradiction"


def test_another_previous_status_in_the_same_place_is_a_duplicate():
    """A status of the table that was mapped since is read otherwise at a second publication."""
    again = replace(live(1), previous_status=None)
    assert verdict(row_of(live(1)), again) == "DUPLICATE"


def test_a_newer_sequence_applies_even_with_an_older_time():
    assert verdict(row_of(live(1, seconds=900)), live(2, seconds=0)) == "APPLIES"


# Epochs and sources


def test_a_raised_epoch_applies_although_its_counter_starts_anew():
    assert verdict(row_of(live(900, seconds=0)), live(1, epoch=2, seconds=60)) == "APPLIES"


def test_an_event_of_the_epoch_before_is_stale():
    row = row_of(live(900, seconds=0), live(1, epoch=2, seconds=60))
    assert verdict(row, live(901, seconds=30)) == "STALE"


def test_a_publisher_that_still_counts_in_the_old_epoch_is_a_contradiction():
    row = row_of(live(1, epoch=2, seconds=60))
    assert verdict(row, live(901, seconds=120)) == "OrderContradiction"


@pytest.mark.parametrize("number", [1, 5, 9], ids=["older", "equal", "newer"])
def test_another_source_in_the_same_epoch_is_a_contradiction(number):
    row = row_of(live(5))
    assert verdict(row, live(number, sequence_source=VERSION)) == "OrderContradiction"


def test_another_source_in_a_raised_epoch_applies():
    event = live(1, epoch=2, seconds=600, sequence_source=VERSION)
    assert verdict(row_of(live(5)), event) == "APPLIES"


# Rule 2: an epoch that was raised, and old changes under it


def test_a_higher_epoch_clearly_older_by_time_is_stale():
    """After a failover a mapping at TRIM_HORIZON publishes a day of old changes once more."""
    row = row_of(live(900, SUSPENDED, seconds=600))
    assert verdict(row, live(1, ACTIVE, epoch=2, seconds=594)) == "STALE"
    assert verdict(row, live(1, ACTIVE, epoch=2, seconds=595)) == "APPLIES"


def test_how_much_older_is_clearly_older_is_a_setting():
    row, minute = row_of(live(900, seconds=600)), timedelta(seconds=60)
    assert verdict(row, live(1, epoch=2, seconds=540), tolerance=minute) == "APPLIES"
    assert verdict(row, live(1, epoch=2, seconds=539), tolerance=minute) == "STALE"


def test_after_what_was_stale_by_its_time_the_newer_changes_of_that_epoch_apply():
    row = row_of(live(900, seconds=600))
    assert verdict(row, live(2, epoch=2, seconds=60)) == "STALE"
    assert verdict(row, live(3, epoch=2, seconds=660)) == "APPLIES"


def test_another_counter_of_a_higher_epoch_goes_no_more_backwards_than_the_same():
    old = live(1, epoch=2, seconds=0, sequence_source=VERSION)
    assert verdict(row_of(live(900, seconds=600)), old) == "STALE"


def test_within_one_epoch_time_does_not_make_a_newer_sequence_stale():
    assert verdict(row_of(live(1, seconds=600)), live(2, seconds=0)) == "APPLIES"


def test_a_row_read_in_the_epoch_before_is_not_taken_back_by_older_changes():
    """With a version counter: what was read at noon holds all that happened before."""
    seed = snapshot(SUSPENDED, seconds=600, order=sequence(9, epoch=1), sequence_source=VERSION)
    old = live(8, epoch=2, seconds=60, sequence_source=VERSION)
    assert verdict(row_of(seed), old) == "STALE"


def test_a_snapshot_of_a_higher_epoch_is_exempt_since_its_time_is_no_changes():
    row = row_of(live(5, seconds=600, sequence_source=VERSION))
    read = snapshot(seconds=0, order=sequence(5, epoch=2), sequence_source=VERSION)
    assert verdict(row, read) == "APPLIES"


# Rule 2: a counter that restarted


def test_older_by_sequence_yet_clearly_newer_by_time_is_a_contradiction():
    row = row_of(live(900, seconds=0))
    assert verdict(row, live(1, seconds=6)) == "OrderContradiction"


def test_older_by_sequence_and_hardly_newer_by_time_is_stale():
    row = row_of(live(900, seconds=0))
    assert verdict(row, live(1, seconds=5)) == "STALE"


def test_how_much_newer_is_clearly_newer_is_a_setting():
    row = row_of(live(900, seconds=0))
    minute = timedelta(seconds=60)
    assert verdict(row, live(1, seconds=60), tolerance=minute) == "STALE"
    assert verdict(row, live(1, seconds=61), tolerance=minute) == "OrderContradiction"


def test_created_after_a_tombstone_is_a_contradiction_if_it_is_newer_at_all():
    row = row_of(live(8, REMOVED, seconds=0, change=Change.REMOVED))
    assert verdict(row, live(1, seconds=1, change=Change.CREATED)) == "OrderContradiction"


def test_created_in_the_second_of_the_tombstone_or_before_is_stale():
    row = row_of(live(8, REMOVED, seconds=0, change=Change.REMOVED))
    assert verdict(row, live(1, seconds=0, change=Change.CREATED)) == "STALE"
    assert verdict(row, live(1, seconds=-60, change=Change.CREATED)) == "STALE"


def test_only_a_creation_is_told_from_the_tombstone_so_exactly():
    row = row_of(live(8, REMOVED, seconds=0, change=Change.REMOVED))
    assert verdict(row, live(1, seconds=1)) == "STALE"


def test_a_customer_created_again_with_a_higher_counter_applies():
    row = row_of(live(8, REMOVED, change=Change.REMOVED, sequence_source=VERSION))
    assert verdict(row, live(9, change=Change.CREATED, sequence_source=VERSION)) == "APPLIES"


def test_an_older_major_proves_no_restart_even_if_its_time_is_later():
    row = row_of(live(1, seconds=0))
    assert verdict(row, live(1, seconds=900, schema_version=1)) == "STALE"


def test_snapshots_are_exempt_from_the_proof_by_time():
    row = row_of(live(900, seconds=0, sequence_source=VERSION))
    late = snapshot(seconds=900, order=sequence(1, epoch=1), sequence_source=VERSION)
    assert verdict(row, late) == "STALE"


def test_a_change_long_after_a_reading_and_below_its_counter_is_a_contradiction():
    """Stale, it would be lost in silence, and so would every change until the next reading."""
    seed = snapshot(seconds=0, order=sequence(9, epoch=1), sequence_source=VERSION)
    row = row_of(seed)
    assert verdict(row, live(1, seconds=6, sequence_source=VERSION)) == "OrderContradiction"
    assert verdict(row, live(1, seconds=5, sequence_source=VERSION)) == "STALE"


def test_a_change_long_after_a_repair_and_below_its_counter_is_a_contradiction():
    drifted = live(900, seconds=0)
    row = row_of(drifted, repair(drifted, SUSPENDED, seconds=60))
    assert verdict(row, live(1, seconds=66)) == "OrderContradiction"
    assert verdict(row, live(1, seconds=65)) == "STALE"


def test_a_restarted_counter_that_reaches_the_place_of_a_repaired_row_is_a_contradiction():
    """Stale, the one change that counts just as far as the row would be lost in silence."""
    drifted = live(9, seconds=0, sequence_source=VERSION)
    row = row_of(drifted, repair(drifted, REMOVED, seconds=60))
    again = live(9, seconds=66, sequence_source=VERSION)
    assert verdict(row, again) == "OrderContradiction"
    assert verdict(row, replace(again, occurred_at=drifted.occurred_at)) == "STALE"


def test_a_restarted_counter_that_reaches_the_place_of_a_seeded_row_is_no_duplicate():
    """Its status may be the row's by chance: what came in between is still on its way."""
    seed = snapshot(CLOSED, seconds=60, order=sequence(9, epoch=1), sequence_source=VERSION)
    again = live(9, CLOSED, seconds=66, sequence_source=VERSION)
    assert verdict(row_of(seed), again) == "OrderContradiction"
    assert (
        verdict(row_of(seed), live(9, CLOSED, seconds=65, sequence_source=VERSION)) == "DUPLICATE"
    )


# The ends of time


def test_a_row_from_the_last_second_of_the_calendar_is_judged_like_any_other():
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert verdict(row_of(replace(live(5), occurred_at=last)), live(4)) == "STALE"
    assert verdict(row_of(replace(snapshot(seconds=0), occurred_at=last)), live(4)) == "STALE"


def test_a_row_from_the_first_second_of_the_calendar_is_judged_like_any_other():
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert verdict(row_of(replace(live(5), occurred_at=first)), live(4)) == "OrderContradiction"
    assert verdict(row_of(replace(snapshot(seconds=0), occurred_at=first)), live(4)) == "APPLIES"
