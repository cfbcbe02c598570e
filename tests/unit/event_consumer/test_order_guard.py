"""The six rules of the order guard, by example. Times are seconds after noon."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customer_events.event import Change, Status
from customer_events.sequence import SequenceSource, sequence
from event_consumer.order_guard import Row, judge
from event_consumer.outcomes import Outcome
from unit.event_consumer.consumer_samples import live, repair, row_after, snapshot

VERSION = SequenceSource.VERSION
ACTIVE, SUSPENDED, CLOSED, REMOVED = (
    Status.ACTIVE,
    Status.SUSPENDED,
    Status.CLOSED,
    Status.REMOVED,
)


def row_of(*events) -> Row | None:
    row = None
    for event in events:
        assert judge(row, event) is None, "an example builds its row of events that apply"
        row = row_after(row, event)
    return row


def verdict(row, event, **settings) -> str:
    answer = judge(row, event, **settings)
    if answer is None:
        return "APPLIES"
    if answer.outcome is Outcome.PARKED:
        assert answer.reason.field == "sequence"
        return answer.reason.code
    return answer.outcome.value


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
    [{"status": SUSPENDED}, {"previous_status": None}, {"occurred_at": live(2).occurred_at}],
    ids=lambda other: next(iter(other)),
)
def test_equal_order_with_other_content_is_a_contradiction(other):
    assert verdict(row_of(live(1)), replace(live(1), **other)) == "OrderContradiction"


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


def test_a_row_that_a_reading_wrote_proves_nothing_by_its_time():
    seed = snapshot(seconds=0, order=sequence(9, epoch=1), sequence_source=VERSION)
    assert verdict(row_of(seed), live(1, seconds=900, sequence_source=VERSION)) == "STALE"


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


# The ends of time


def test_a_row_from_the_last_second_of_the_calendar_is_judged_like_any_other():
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert verdict(row_of(replace(live(5), occurred_at=last)), live(4)) == "STALE"
    assert verdict(row_of(replace(snapshot(seconds=0), occurred_at=last)), live(4)) == "STALE"


def test_a_row_from_the_first_second_of_the_calendar_is_judged_like_any_other():
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert verdict(row_of(replace(live(5), occurred_at=first)), live(4)) == "OrderContradiction"
    assert verdict(row_of(replace(snapshot(seconds=0), occurred_at=first)), live(4)) == "APPLIES"
