import pytest

from publisher.patience import GIVE_UP_AFTER_SECONDS, Patience

MINUTE = 60.0


def fail_each_minute(patience, event_id, minutes, *, others_succeed):
    for minute in range(minutes):
        if others_succeed:
            patience.confirmed("another", minute * MINUTE)
        if patience.is_over(event_id, minute * MINUTE):
            return minute
    return None


def test_patience_ends_after_15_minutes_in_which_the_bus_took_others():
    assert fail_each_minute(Patience(), "a", 30, others_succeed=True) == 15


def test_an_outage_never_ends_patience_however_long_it_is():
    assert fail_each_minute(Patience(), "a", 24 * 60, others_succeed=False) is None


def test_time_before_an_outage_ended_is_not_held_against_an_entry():
    patience = Patience()
    patience.confirmed("another", 0.0)
    assert not patience.is_over("a", 0.0)
    assert not patience.is_over("a", 10 * MINUTE)
    patience.confirmed("another", 20 * MINUTE)
    assert not patience.is_over("a", 20 * MINUTE)


def test_time_in_which_an_entry_was_not_tried_is_not_held_against_it():
    patience = Patience()
    for at in (0.0, 17 * MINUTE, 19.1 * MINUTE):
        patience.confirmed("another", at)
        assert not patience.is_over("a", at)


def test_a_mapping_that_waits_two_minutes_between_tries_still_ends_patience():
    patience = Patience()
    ends = []
    for at in range(0, 1_300, 120):
        patience.confirmed("another", at)
        if patience.is_over("a", at):
            ends.append(at)
    assert ends[0] == 960


@pytest.mark.parametrize(("confirmed_seconds_ago", "given_up"), [(60, True), (61, False)])
def test_the_bus_works_if_it_took_another_entry_within_the_last_minute(
    confirmed_seconds_ago, given_up
):
    patience = Patience()
    for at in range(0, 840, 60):
        patience.confirmed("another", at)
        assert not patience.is_over("a", at)
    patience.confirmed("another", 900 - confirmed_seconds_ago)
    assert patience.is_over("a", 900) is given_up


def test_a_success_in_between_starts_the_count_anew():
    patience = Patience()
    patience.confirmed("another", 0.0)
    assert not patience.is_over("a", 0.0)
    patience.confirmed("a", GIVE_UP_AFTER_SECONDS)
    assert not patience.is_over("a", GIVE_UP_AFTER_SECONDS)


def test_two_entries_of_a_record_are_both_given_up_in_the_end_whenever_each_began_to_fail():
    patience = Patience()
    ends = []
    for minute in range(40):
        patience.confirmed("another", minute * MINUTE)
        first = patience.is_over("v1", minute * MINUTE)
        second = minute >= 7 and patience.is_over("v2", minute * MINUTE)
        if first and second:
            ends.append(minute)
    assert ends[0] == 7 + 15


def test_what_is_remembered_is_bounded_and_the_longest_untouched_goes_first():
    patience = Patience(remembered_max=2)
    for minute, event_id in enumerate(["a", "b", "a", "c"]):
        patience.confirmed("another", minute * MINUTE)
        assert not patience.is_over(event_id, minute * MINUTE)
    patience.confirmed("another", GIVE_UP_AFTER_SECONDS)
    assert not patience.is_over("b", GIVE_UP_AFTER_SECONDS)
    assert len(patience._failing) == 2


def test_ten_thousand_entries_are_remembered_and_no_more():
    patience = Patience()
    patience.confirmed("another", 0.0)
    for number in range(10_001):
        assert not patience.is_over(str(number), 0.0)
    assert len(patience._failing) == 10_000
