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
    assert ends[0] == 7 + GIVE_UP_AFTER_SECONDS // MINUTE


def test_what_is_remembered_is_bounded_and_the_longest_untouched_goes_first():
    patience = Patience(remembered_max=2)
    for minute, event_id in enumerate(["a", "b", "a", "c"]):
        patience.confirmed("another", minute * MINUTE)
        assert not patience.is_over(event_id, minute * MINUTE)
    patience.confirmed("another", GIVE_UP_AFTER_SECONDS)
    assert not patience.is_over("b", GIVE_UP_AFTER_SECONDS)
    assert len(patience._failing_since) == 2
