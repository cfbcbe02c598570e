"""The order guard, by example. Times are seconds after noon."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customer_events.event import Change, Status
from customer_events.sequence import SequenceSource, sequence
from event_consumer.order_guard import CLOCK_TOLERANCE, judge
from event_consumer.outcomes import Outcome
from event_consumer.testing.memory import row_after
from unit.event_consumer.consumer_samples import live, repair, snapshot

ACTIVE, SUSPENDED, CLOSED, REMOVED = (
    Status.ACTIVE,
    Status.SUSPENDED,
    Status.CLOSED,
    Status.REMOVED,
)
APPLIES, DUPLICATE, STALE, CONTRADICTS = "APPLIES", "DUPLICATE", "STALE", "OrderContradiction"
COUNTED = {"sequence_source": SequenceSource.VERSION}
MINUTE = timedelta(seconds=60)


def row_of(*events):
    """The row that these events leave, each of which must apply."""
    row = None
    for event in events:
        assert judge(row, event) is None, "an example builds its row of events that apply"
        row = row_after(row, event)
    return row


def counted(number, status=ACTIVE, **other):
    """A live event under a version counter."""
    return live(number, status, **COUNTED, **other)


def read(number, status=ACTIVE, *, seconds, epoch=1):
    """A snapshot under a version counter."""
    order = sequence(number, epoch=epoch)
    return snapshot(status, seconds=seconds, order=order, **COUNTED)


def repaired(event, status=SUSPENDED, *, seconds=900):
    """The row that a repair left of the row that the event left."""
    return row_of(event, repair(event, status, seconds=seconds))


def check(row, event, says, tolerance=CLOCK_TOLERANCE):
    answer = judge(row, event, tolerance)
    if answer is None:
        assert says == APPLIES
    elif answer.outcome is Outcome.PARKED:
        assert (answer.reason.code, answer.reason.field) == (says, "sequence")
    else:
        assert answer.outcome == says


def examples(**cases):
    return pytest.mark.parametrize(
        ("row", "event", "says"), cases.values(), ids=[name.replace("_", " ") for name in cases]
    )


# Rule 1: sequence, then major version

PARENT, CHILD = (
    live(820400000000000001192334, seconds=0),
    live(1683700000000000001135967, seconds=1),
)


@examples(
    where_no_row_is=(None, live(1), APPLIES),
    newer=(row_of(live(1)), live(2), APPLIES),
    older=(row_of(live(2)), live(1), STALE),
    a_longer_number_is_newer_though_its_text_sorts_first=(row_of(PARENT), CHILD, APPLIES),
    a_shorter_number_is_older_though_its_text_sorts_last=(row_of(CHILD), PARENT, STALE),
    the_same_again=(row_of(live(1)), live(1), DUPLICATE),
    the_newer_major_over_the_older=(row_of(live(1, schema_version=1)), live(1), APPLIES),
    the_older_major_after_the_newer=(row_of(live(1)), live(1, schema_version=1), STALE),
    newer_with_an_older_time=(row_of(live(1, seconds=900)), live(2, seconds=0), APPLIES),
    equal_with_another_status=(row_of(live(1)), live(1, SUSPENDED), CONTRADICTS),
    equal_with_another_time=(row_of(live(1)), live(1, seconds=120), CONTRADICTS),
    # A status of the table that was mapped since is read otherwise at a second publication.
    equal_with_another_previous_status=(
        row_of(live(1)),
        replace(live(1), previous_status=None),
        DUPLICATE,
    ),
)
def test_live_events_go_by_their_sequence_and_then_by_their_major_version(row, event, says):
    check(row, event, says)


RAISED = row_of(live(900, seconds=0), live(1, epoch=2, seconds=60))
SEEDED = row_of(read(9, SUSPENDED, seconds=600))


@examples(
    raised_though_its_counter_starts_anew=(
        row_of(live(900, seconds=0)),
        live(1, epoch=2, seconds=60),
        APPLIES,
    ),
    of_the_epoch_before=(RAISED, live(901, seconds=30), STALE),
    of_a_publisher_that_still_counts_in_the_old_one=(RAISED, live(901, seconds=120), CONTRADICTS),
    another_source_in_the_same_epoch_older=(row_of(live(5)), counted(1), CONTRADICTS),
    another_source_in_the_same_epoch_equal=(row_of(live(5)), counted(5), CONTRADICTS),
    another_source_in_the_same_epoch_newer=(row_of(live(5)), counted(9), CONTRADICTS),
    another_source_in_a_raised_epoch=(row_of(live(5)), counted(1, epoch=2, seconds=600), APPLIES),
    # After a failover a mapping at TRIM_HORIZON publishes a day of old changes once more.
    raised_and_clearly_older_by_time=(
        row_of(live(900, SUSPENDED, seconds=600)),
        live(1, epoch=2, seconds=594),
        STALE,
    ),
    raised_and_hardly_older_by_time=(
        row_of(live(900, SUSPENDED, seconds=600)),
        live(1, epoch=2, seconds=595),
        APPLIES,
    ),
    raised_and_newer_than_what_was_stale=(
        row_of(live(900, seconds=600)),
        live(3, epoch=2, seconds=660),
        APPLIES,
    ),
    raised_older_by_time_and_of_another_counter=(
        row_of(live(900, seconds=600)),
        counted(1, epoch=2, seconds=0),
        STALE,
    ),
    newer_within_one_epoch_whatever_its_time=(
        row_of(live(1, seconds=600)),
        live(2, seconds=0),
        APPLIES,
    ),
    older_than_a_row_that_was_read_in_the_epoch_before=(
        SEEDED,
        counted(8, epoch=2, seconds=60),
        STALE,
    ),
    a_snapshot_of_a_raised_epoch_since_its_time_is_no_changes=(
        row_of(counted(5, seconds=600)),
        read(5, seconds=0, epoch=2),
        APPLIES,
    ),
)
def test_a_raised_epoch_leads_unless_its_event_is_clearly_older_by_time(row, event, says):
    check(row, event, says)


HIGH, GONE = (
    row_of(live(900, seconds=0)),
    row_of(live(8, REMOVED, seconds=0, change=Change.REMOVED)),
)
CREATED = {"change": Change.CREATED}
DRIFTED = counted(9, seconds=0)
CLOSED_SEED = row_of(read(9, CLOSED, seconds=60))


@examples(
    clearly_newer=(HIGH, live(1, seconds=6), CONTRADICTS),
    hardly_newer=(HIGH, live(1, seconds=5), STALE),
    created_after_a_tombstone=(GONE, live(1, seconds=1, **CREATED), CONTRADICTS),
    created_in_the_second_of_the_tombstone=(GONE, live(1, seconds=0, **CREATED), STALE),
    created_before_the_tombstone=(GONE, live(1, seconds=-60, **CREATED), STALE),
    changed_a_second_after_a_tombstone=(GONE, live(1, seconds=1), STALE),
    created_again_with_a_higher_counter=(
        row_of(counted(8, REMOVED, change=Change.REMOVED)),
        counted(9, **CREATED),
        APPLIES,
    ),
    an_older_major_whatever_its_time=(
        row_of(live(1, seconds=0)),
        live(1, seconds=900, schema_version=1),
        STALE,
    ),
    a_snapshot_is_exempt=(row_of(counted(900, seconds=0)), read(1, seconds=900), STALE),
    # Stale, it would be lost in silence, and so would every change until the next snapshot.
    clearly_after_a_seed=(row_of(read(9, seconds=0)), counted(1, seconds=6), CONTRADICTS),
    hardly_after_a_seed=(row_of(read(9, seconds=0)), counted(1, seconds=5), STALE),
    clearly_after_a_repair=(
        repaired(live(900, seconds=0), seconds=60),
        live(1, seconds=66),
        CONTRADICTS,
    ),
    hardly_after_a_repair=(repaired(live(900, seconds=0), seconds=60), live(1, seconds=65), STALE),
    at_the_sequence_of_a_repaired_row=(
        repaired(DRIFTED, REMOVED, seconds=60),
        counted(9, seconds=66),
        CONTRADICTS,
    ),
    what_a_repair_corrected=(repaired(DRIFTED, REMOVED, seconds=60), DRIFTED, STALE),
    # Its status may be the row's by chance: what came in between is still on its way.
    at_the_sequence_of_a_seeded_row=(CLOSED_SEED, counted(9, CLOSED, seconds=66), CONTRADICTS),
    the_change_that_a_seed_holds=(CLOSED_SEED, counted(9, CLOSED, seconds=65), DUPLICATE),
)
def test_not_newer_by_sequence_yet_clearly_newer_by_time_means_that_a_counter_restarted(
    row, event, says
):
    check(row, event, says)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (live(1, epoch=2, seconds=540), APPLIES),
        (live(1, epoch=2, seconds=539), STALE),
        (live(1, seconds=660), STALE),
        (live(1, seconds=661), CONTRADICTS),
    ],
)
def test_how_much_older_or_newer_is_clearly_so_is_a_setting(event, says):
    check(row_of(live(900, seconds=600)), event, says, MINUTE)


# Rule 3: snapshots


@examples(
    where_no_row_is=(None, snapshot(seconds=0), APPLIES),
    over_a_live_row=(row_of(live(1, seconds=0)), snapshot(SUSPENDED, seconds=900), STALE),
    over_an_earlier_one=(row_of(snapshot(seconds=0)), snapshot(SUSPENDED, seconds=1), APPLIES),
    over_a_later_one=(row_of(snapshot(seconds=1)), snapshot(SUSPENDED, seconds=0), STALE),
    over_a_later_one_that_read_the_same=(row_of(snapshot(seconds=1)), snapshot(seconds=0), STALE),
    the_same_again=(row_of(snapshot(seconds=0)), snapshot(seconds=0), DUPLICATE),
    counted_and_older=(row_of(counted(5)), read(4, seconds=900), STALE),
    counted_and_equal=(row_of(counted(5)), read(5, seconds=900), DUPLICATE),
    counted_and_newer=(row_of(counted(5)), read(6, seconds=900), APPLIES),
    counted_and_equal_with_another_status=(
        row_of(counted(5)),
        read(5, CLOSED, seconds=900),
        CONTRADICTS,
    ),
)
def test_a_snapshot_seeds_and_never_undoes_a_change(row, event, says):
    check(row, event, says)


SEED = snapshot(SUSPENDED, seconds=600)


@examples(
    however_low_its_number=(row_of(snapshot(seconds=0)), live(0, seconds=60), APPLIES),
    recovered_from_before=(row_of(SEED), live(7, seconds=594), STALE),
    from_five_seconds_before=(row_of(SEED), live(7, seconds=595), APPLIES),
    from_before_once_a_live_one_was_applied=(
        row_of(SEED, live(7, seconds=660)),
        live(8, CLOSED, seconds=30),
        APPLIES,
    ),
    over_a_counted_seed_whatever_its_time=(
        row_of(read(5, seconds=600)),
        counted(6, seconds=0),
        APPLIES,
    ),
)
def test_a_live_event_applies_over_a_seed_unless_the_seed_holds_it(row, event, says):
    check(row, event, says)


def test_a_row_remembers_when_it_was_seeded():
    assert row_of(SEED, live(7, seconds=660)).snapshot_at == SEED.occurred_at


# Rule 4: repairs

SEEN, KNOWN = live(5), counted(5, seconds=0)
FOUND_GONE = repaired(KNOWN, REMOVED)


def test_a_repair_applies_to_the_row_that_it_saw_and_keeps_its_sequence():
    row = repaired(SEEN)
    assert (row.status, row.sequence) == (SUSPENDED, SEEN.sequence)


@examples(
    of_a_row_that_moved_on=(row_of(SEEN, live(6)), repair(SEEN, SUSPENDED, seconds=900), STALE),
    of_no_row=(None, repair(SEEN, SUSPENDED, seconds=900), STALE),
    a_later_one=(repaired(SEEN, CLOSED), repair(SEEN, SUSPENDED, seconds=901), APPLIES),
    an_earlier_one=(repaired(SEEN, seconds=901), repair(SEEN, CLOSED, seconds=900), STALE),
    the_same_again=(repaired(SEEN), repair(SEEN, SUSPENDED, seconds=900), DUPLICATE),
    the_event_that_it_corrected=(repaired(SEEN), SEEN, STALE),
    a_recovered_change_from_before=(repaired(SEEN), live(6, CLOSED, seconds=600), STALE),
    the_next_live_event=(repaired(SEEN), live(6, CLOSED, seconds=960), APPLIES),
    # Who is gone has no version to read, so the row keeps an older one, and time has to tell.
    a_version_from_before_a_found_removal=(FOUND_GONE, counted(6, seconds=600), STALE),
    what_a_found_removal_corrected=(FOUND_GONE, KNOWN, STALE),
    a_version_from_after_a_found_removal=(FOUND_GONE, counted(8, seconds=960), APPLIES),
    a_snapshot_from_before_a_found_removal=(FOUND_GONE, read(5, seconds=60), STALE),
    a_newer_version_that_was_read_before_it=(FOUND_GONE, read(6, seconds=899), STALE),
    a_newer_version_that_was_read_after_it=(FOUND_GONE, read(6, seconds=901), APPLIES),
)
def test_a_repair_corrects_the_row_that_it_saw_and_only_later_events_undo_it(row, event, says):
    check(row, event, says)


# The ends of time

LAST, FIRST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)


@examples(
    live_in_the_last_second=(row_of(replace(live(5), occurred_at=LAST)), live(4), STALE),
    read_in_the_last_second=(
        row_of(replace(snapshot(seconds=0), occurred_at=LAST)),
        live(4),
        STALE,
    ),
    live_in_the_first_second=(row_of(replace(live(5), occurred_at=FIRST)), live(4), CONTRADICTS),
    read_in_the_first_second=(
        row_of(replace(snapshot(seconds=0), occurred_at=FIRST)),
        live(4),
        APPLIES,
    ),
)
def test_a_row_from_the_ends_of_the_calendar_is_judged_like_any_other(row, event, says):
    check(row, event, says)
