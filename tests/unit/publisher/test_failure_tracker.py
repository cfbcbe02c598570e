import pytest

from publisher.evidence import GIVE_UP_AFTER_SECONDS, FailureTracker

MINUTE = 60.0


def fail_each_minute(tracker, event_id, minutes, *, others_succeed):
    for minute in range(minutes):
        if others_succeed:
            tracker.confirmed("another", minute * MINUTE)
        if tracker.keeps_failing(event_id, minute * MINUTE):
            return minute
    return None


def test_tracker_ends_after_15_minutes_in_which_the_bus_took_others():
    assert fail_each_minute(FailureTracker(), "a", 30, others_succeed=True) == 15


def test_an_outage_never_ends_tracker_however_long_it_is():
    assert fail_each_minute(FailureTracker(), "a", 24 * 60, others_succeed=False) is None


def test_time_before_an_outage_ended_is_not_held_against_an_entry():
    tracker = FailureTracker()
    tracker.confirmed("another", 0.0)
    assert not tracker.keeps_failing("a", 0.0)
    assert not tracker.keeps_failing("a", 10 * MINUTE)
    tracker.confirmed("another", 20 * MINUTE)
    assert not tracker.keeps_failing("a", 20 * MINUTE)


def test_time_in_which_an_entry_was_not_tried_is_not_held_against_it():
    tracker = FailureTracker()
    for at in (0.0, 17 * MINUTE, 19.1 * MINUTE):
        tracker.confirmed("another", at)
        assert not tracker.keeps_failing("a", at)


def test_a_mapping_that_waits_two_minutes_between_tries_still_ends_tracker():
    tracker = FailureTracker()
    ends = []
    for at in range(0, 1_300, 120):
        tracker.confirmed("another", at)
        if tracker.keeps_failing("a", at):
            ends.append(at)
    assert ends[0] == 960


@pytest.mark.parametrize(("confirmed_seconds_ago", "given_up"), [(60, True), (61, False)])
def test_the_bus_works_if_it_took_another_entry_within_the_last_minute(
    confirmed_seconds_ago, given_up
):
    tracker = FailureTracker()
    for at in range(0, 840, 60):
        tracker.confirmed("another", at)
        assert not tracker.keeps_failing("a", at)
    tracker.confirmed("another", 900 - confirmed_seconds_ago)
    assert tracker.keeps_failing("a", 900) is given_up


def test_a_success_in_between_starts_the_count_anew():
    tracker = FailureTracker()
    tracker.confirmed("another", 0.0)
    assert not tracker.keeps_failing("a", 0.0)
    tracker.confirmed("a", GIVE_UP_AFTER_SECONDS)
    assert not tracker.keeps_failing("a", GIVE_UP_AFTER_SECONDS)


def test_two_entries_of_a_record_are_both_given_up_in_the_end_whenever_each_began_to_fail():
    tracker = FailureTracker()
    ends = []
    for minute in range(40):
        tracker.confirmed("another", minute * MINUTE)
        first = tracker.keeps_failing("v1", minute * MINUTE)
        second = minute >= 7 and tracker.keeps_failing("v2", minute * MINUTE)
        if first and second:
            ends.append(minute)
    assert ends[0] == 7 + 15


def test_what_is_remembered_is_bounded_and_the_longest_untouched_goes_first():
    tracker = FailureTracker(remembered_max=2)
    for minute, event_id in enumerate(["a", "b", "a", "c"]):
        tracker.confirmed("another", minute * MINUTE)
        assert not tracker.keeps_failing(event_id, minute * MINUTE)
    tracker.confirmed("another", GIVE_UP_AFTER_SECONDS)
    assert not tracker.keeps_failing("b", GIVE_UP_AFTER_SECONDS)
    assert len(tracker._failing) == 2


def test_ten_thousand_entries_are_remembered_and_no_more():
    tracker = FailureTracker()
    tracker.confirmed("another", 0.0)
    for number in range(10_001):
        assert not tracker.keeps_failing(str(number), 0.0)
    assert len(tracker._failing) == 10_000
