"""Snapshots and repairs under the order guard, by example. Times are seconds after noon."""

from customer_events.event import Status
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


# Rule 3: snapshots


def test_a_snapshot_seeds_a_row_that_is_absent():
    assert verdict(None, snapshot(seconds=0)) == "APPLIES"


def test_a_snapshot_without_a_counter_never_touches_a_live_row():
    row = row_of(live(1, seconds=0))
    assert verdict(row, snapshot(SUSPENDED, seconds=900)) == "STALE"


def test_a_later_snapshot_replaces_an_earlier_one():
    assert verdict(row_of(snapshot(seconds=0)), snapshot(SUSPENDED, seconds=1)) == "APPLIES"


def test_an_earlier_snapshot_is_stale_after_a_later_one():
    assert verdict(row_of(snapshot(seconds=1)), snapshot(SUSPENDED, seconds=0)) == "STALE"


def test_an_earlier_snapshot_is_stale_whatever_it_read():
    assert verdict(row_of(snapshot(seconds=1)), snapshot(seconds=0)) == "STALE"


def test_the_same_snapshot_again_is_a_duplicate():
    assert verdict(row_of(snapshot(seconds=0)), snapshot(seconds=0)) == "DUPLICATE"


def test_a_live_event_applies_over_a_snapshot_however_low_its_number():
    assert verdict(row_of(snapshot(seconds=0)), live(0, seconds=60)) == "APPLIES"


def test_a_recovered_old_change_does_not_undo_a_seed():
    row = row_of(snapshot(SUSPENDED, seconds=600))
    assert verdict(row, live(7, ACTIVE, seconds=594)) == "STALE"


def test_a_change_within_five_seconds_before_the_reading_applies():
    row = row_of(snapshot(SUSPENDED, seconds=600))
    assert verdict(row, live(7, ACTIVE, seconds=595)) == "APPLIES"


def test_once_a_live_event_has_been_applied_the_seed_protects_no_more():
    row = row_of(snapshot(SUSPENDED, seconds=600), live(7, ACTIVE, seconds=660))
    assert row.snapshot_at == snapshot(seconds=600).occurred_at
    assert verdict(row, live(8, CLOSED, seconds=30)) == "APPLIES"


def test_a_snapshot_with_a_counter_follows_the_order():
    row = row_of(live(5, sequence_source=VERSION))
    for number, expected in [(4, "STALE"), (5, "DUPLICATE"), (6, "APPLIES")]:
        order = sequence(number, epoch=1)
        event = snapshot(seconds=900, order=order, sequence_source=VERSION)
        assert verdict(row, event) == expected


def test_a_snapshot_with_a_counter_and_another_status_for_the_same_version_is_a_contradiction():
    row = row_of(live(5, ACTIVE, sequence_source=VERSION))
    event = snapshot(CLOSED, seconds=900, order=sequence(5, epoch=1), sequence_source=VERSION)
    assert verdict(row, event) == "OrderContradiction"


def test_over_a_snapshot_with_a_counter_a_newer_version_applies_whatever_its_time():
    seed = snapshot(seconds=600, order=sequence(5, epoch=1), sequence_source=VERSION)
    assert verdict(row_of(seed), live(6, seconds=0, sequence_source=VERSION)) == "APPLIES"


# Rule 4: repairs


def test_a_repair_applies_to_the_row_that_it_saw_and_keeps_its_sequence():
    drifted = live(5, ACTIVE)
    mended = row_of(drifted, repair(drifted, SUSPENDED, seconds=900))
    assert (mended.status, mended.sequence) == (SUSPENDED, drifted.sequence)


def test_a_repair_of_a_row_that_moved_on_is_stale():
    seen = live(5)
    assert verdict(row_of(seen, live(6)), repair(seen, SUSPENDED, seconds=900)) == "STALE"


def test_a_repair_makes_no_row():
    assert verdict(None, repair(live(5), SUSPENDED, seconds=900)) == "STALE"


def test_of_two_repairs_the_later_reading_wins_in_either_order():
    seen = live(5)
    earlier, later = repair(seen, CLOSED, seconds=900), repair(seen, SUSPENDED, seconds=901)
    assert verdict(row_of(seen, earlier), later) == "APPLIES"
    assert verdict(row_of(seen, later), earlier) == "STALE"


def test_the_same_repair_again_is_a_duplicate():
    seen = live(5)
    mending = repair(seen, SUSPENDED, seconds=900)
    assert verdict(row_of(seen, mending), mending) == "DUPLICATE"


def test_the_event_that_a_repair_corrected_does_not_come_back():
    drifted = live(5, ACTIVE)
    row = row_of(drifted, repair(drifted, SUSPENDED, seconds=900))
    assert verdict(row, drifted) == "STALE"


def test_a_recovered_change_from_before_a_repair_does_not_undo_it():
    drifted = live(5, ACTIVE)
    row = row_of(drifted, repair(drifted, SUSPENDED, seconds=900))
    assert verdict(row, live(6, CLOSED, seconds=600)) == "STALE"


def test_the_next_live_event_applies_over_a_repair():
    drifted = live(5, ACTIVE)
    row = row_of(drifted, repair(drifted, SUSPENDED, seconds=900))
    assert verdict(row, live(6, CLOSED, seconds=960)) == "APPLIES"


def test_a_removal_that_reconcile_found_is_not_undone_by_versions_from_before_it():
    """Who is gone has no version to read, so the row keeps an older one, and time has to tell."""
    drifted = live(5, ACTIVE, seconds=0, sequence_source=VERSION)
    row = row_of(drifted, repair(drifted, REMOVED, seconds=900))
    assert verdict(row, live(6, ACTIVE, seconds=600, sequence_source=VERSION)) == "STALE"
    assert verdict(row, drifted) == "STALE"
    assert verdict(row, live(8, ACTIVE, seconds=960, sequence_source=VERSION)) == "APPLIES"


def test_a_snapshot_from_before_a_removal_that_reconcile_found_is_stale():
    drifted = live(5, ACTIVE, seconds=0, sequence_source=VERSION)
    row = row_of(drifted, repair(drifted, REMOVED, seconds=900))
    seed = snapshot(ACTIVE, seconds=60, order=sequence(5, epoch=1), sequence_source=VERSION)
    assert verdict(row, seed) == "STALE"


def test_a_newer_version_that_was_read_before_a_found_removal_does_not_undo_it():
    drifted = live(5, ACTIVE, seconds=0, sequence_source=VERSION)
    row = row_of(drifted, repair(drifted, REMOVED, seconds=900))
    order = sequence(6, epoch=1)
    earlier = snapshot(ACTIVE, seconds=899, order=order, sequence_source=VERSION)
    later = snapshot(ACTIVE, seconds=901, order=order, sequence_source=VERSION)
    assert verdict(row, earlier) == "STALE"
    assert verdict(row, later) == "APPLIES"
