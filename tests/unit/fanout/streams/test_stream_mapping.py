import math
from dataclasses import replace

import pytest

from fanout.streams.mapping import (
    RECORD_AGE_EXCEEDED,
    Done,
    Failed,
    MappingSettings,
    NotInvoked,
    ShardMapping,
)
from fanout.streams.records import StreamRecord

SETTINGS = MappingSettings(
    mapping_id="mapping",
    function_arn="arn:aws:lambda:eu-west-1:123456789012:function:publisher",
    stream_arn="arn:aws:dynamodb:eu-west-1:123456789012:table/accounts/stream/1",
    retry_seconds_first=1,
    retry_seconds_max=8,
)
FAILED = Failed(error="Unhandled: ValueError", function_error="Unhandled")


def record(number, *, key="c1", created_at=0.0, body="{}"):
    return StreamRecord(sequence=str(number), key=key, created_at=created_at, body=body)


def mapping_of(numbers, *, now=0.0, **settings):
    mapping = ShardMapping(replace(SETTINGS, **settings))
    mapping.add([record(number) for number in numbers], now=now)
    return mapping


def only_batch(mapping, *, now=0.0):
    (batch,) = mapping.next_batches(now=now)
    return batch


def numbers_of(batch):
    return [record.number for record in batch.records]


def invoke_next(mapping, result, *, now):
    batch = only_batch(mapping, now=now)
    assert batch.discard_reason is None
    mapping.report(batch, result, now=now)
    return numbers_of(batch)


def test_the_oldest_pending_record_is_the_first_that_is_not_done_whatever_was_done_behind_it():
    settings = replace(SETTINGS, lanes=2, batch_size=1)

    def are_side_by_side(*keys):
        mapping = ShardMapping(settings)
        mapping.add([record(number, key=key) for number, key in enumerate(keys)], now=0)
        return len(mapping.next_batches(now=0)) == 2

    mapping, stuck = ShardMapping(settings), "c1"
    other = next(key for key in ("c2", "c3", "c4") if are_side_by_side(stuck, key))
    assert mapping.oldest_pending_at is None
    mapping.add(
        [record(2, key=stuck, created_at=20.0), record(3, key=other, created_at=70.0)], now=80.0
    )
    first, second = mapping.next_batches(now=80.0)
    blocked, moved = (first, second) if first.records[0].key == stuck else (second, first)
    mapping.report(moved, Done(), now=80.0)
    mapping.report(blocked, FAILED, now=80.0)
    assert mapping.oldest_pending_at == 20.0
    invoke_next(mapping, Done(), now=90.0)
    assert mapping.oldest_pending_at is None


class TestBatches:
    def test_a_batch_holds_what_came_in_up_to_the_batch_size(self):
        mapping = mapping_of([1, 2, 3], batch_size=2)
        assert invoke_next(mapping, Done(), now=0) == [1, 2]
        assert invoke_next(mapping, Done(), now=0) == [3]

    def test_the_next_batch_waits_for_the_result_of_the_one_before(self):
        mapping = mapping_of([1, 2], batch_size=1)
        first = only_batch(mapping)
        assert mapping.next_batches(now=100) == []
        mapping.report(first, Done(), now=100)
        assert numbers_of(only_batch(mapping, now=100)) == [2]

    def test_without_a_window_a_batch_that_is_not_full_goes_at_once(self):
        assert numbers_of(only_batch(mapping_of([1], batch_size=100), now=0)) == [1]

    def test_a_batch_that_is_not_full_waits_for_its_window_from_its_first_record_on(self):
        mapping = mapping_of([1], batch_size=3, window_seconds=5)
        mapping.add([record(2)], now=4.0)
        assert mapping.due_at() == 5.0
        assert mapping.next_batches(now=4.9) == []
        assert numbers_of(only_batch(mapping, now=5.0)) == [1, 2]

    def test_a_full_batch_does_not_wait_for_its_window(self):
        mapping = mapping_of([1, 2], batch_size=2, window_seconds=300)
        assert numbers_of(only_batch(mapping, now=0.0)) == [1, 2]

    def test_a_batch_ends_before_it_passes_six_megabytes(self):
        mapping = ShardMapping(SETTINGS)
        mapping.add([record(n, body="x" * 2_500_000) for n in (1, 2, 3)], now=0)
        assert numbers_of(only_batch(mapping)) == [1, 2]

    def test_records_are_refused_in_time_to_keep_the_memory_bounded(self):
        mapping = mapping_of(range(1000), batch_size=10)
        assert not mapping.wants_records
        invoke_next(mapping, Done(), now=0)
        assert mapping.wants_records

    def test_large_records_are_refused_sooner_than_small_ones(self):
        mapping = ShardMapping(SETTINGS)
        mapping.add([record(n, body="x" * 800_000) for n in range(20)], now=0)
        assert not mapping.wants_records

    def test_a_record_that_came_in_before_is_left_out(self):
        mapping = mapping_of([1, 2])
        assert mapping.add([record(1), record(2), record(3)], now=0) == 1
        assert numbers_of(only_batch(mapping)) == [1, 2, 3]


class TestCheckpoint:
    def test_it_follows_success(self):
        mapping = mapping_of([7, 8])
        invoke_next(mapping, Done(), now=0)
        assert mapping.checkpoint == "8"
        assert not mapping.pending

    def test_it_stops_before_the_lowest_record_that_failed(self):
        mapping = mapping_of([1, 2, 3])
        invoke_next(mapping, Done(before=2), now=0)
        assert mapping.checkpoint == "1"

    def test_sequence_numbers_compare_as_integers(self):
        shorter, longer = "820400000000000001192334", "1683700000000000001135967"
        assert longer < shorter
        mapping = mapping_of([shorter, longer])
        invoke_next(mapping, Done(before=int(longer)), now=0)
        assert mapping.checkpoint == shorter
        assert numbers_of(only_batch(mapping, now=10)) == [int(longer)]


class TestPartialFailure:
    def test_everything_from_the_failed_record_on_is_tried_again(self):
        mapping = mapping_of([1, 2, 3, 4])
        invoke_next(mapping, Done(before=3), now=0)
        assert numbers_of(only_batch(mapping, now=10)) == [3, 4]


class TestFailure:
    def test_bisect_halves_the_batch_and_keeps_the_order(self):
        mapping = mapping_of([1, 2, 3, 4, 5])
        invoke_next(mapping, FAILED, now=0)
        assert invoke_next(mapping, Done(), now=10) == [1, 2]
        assert invoke_next(mapping, Done(), now=10) == [3, 4, 5]

    def test_bisect_isolates_the_poison_record_until_it_is_too_old(self):
        mapping = mapping_of(range(1, 7), record_age_seconds_max=3600)
        mapping.add([record(n, created_at=3000) for n in (7, 8)], now=0)
        discarded, succeeded, now = [], [], 0.0
        while mapping.pending:
            now += 10
            batch = only_batch(mapping, now=now)
            numbers = numbers_of(batch)
            result = FAILED if 6 in numbers and not batch.discard_reason else Done()
            if result == Done():
                (discarded if batch.discard_reason else succeeded).extend(numbers)
            mapping.report(batch, result, now=now)
        assert discarded == [6]
        assert succeeded == [1, 2, 3, 4, 5, 7, 8]

    def test_no_other_record_of_the_lane_overtakes_a_failed_batch(self):
        mapping = mapping_of([1], batch_size=1)
        invoke_next(mapping, FAILED, now=0)
        mapping.add([record(2)], now=0)
        assert mapping.next_batches(now=0.5) == []
        assert numbers_of(only_batch(mapping, now=1)) == [1]


class TestLimits:
    def test_no_limit_retries_for_ever(self):
        mapping = mapping_of([1])
        for turn in range(500):
            invoke_next(mapping, FAILED, now=turn * 10)
        assert only_batch(mapping, now=10_000).discard_reason is None

    def test_the_checkpoint_passes_a_discarded_batch_once_it_is_delivered(self):
        mapping = mapping_of([1], batch_size=1, record_age_seconds_max=60)
        mapping.add([record(2, created_at=50)], now=61)
        batch = only_batch(mapping, now=61)
        assert (batch.discard_reason, mapping.checkpoint) == (RECORD_AGE_EXCEEDED, None)
        assert len(mapping.report(batch, Done(), now=61)) == 1
        assert mapping.checkpoint == "1"
        assert invoke_next(mapping, Done(), now=61) == [2]

    def test_a_refused_on_failure_record_is_offered_again_later(self):
        mapping = mapping_of([1], record_age_seconds_max=60)
        mapping.report(only_batch(mapping, now=61), NotInvoked(error="refused"), now=61)
        assert mapping.next_batches(now=61.5) == []
        assert only_batch(mapping, now=71).discard_reason

    def test_a_throttle_is_no_invocation(self):
        mapping = mapping_of([1])
        for turn in range(10):
            invoke_next(mapping, NotInvoked(error="throttled"), now=turn * 10)
        batch = only_batch(mapping, now=200)
        assert batch.discard_reason is None
        assert batch.invoke_count == 0

    def test_only_the_records_that_are_too_old_are_discarded_for_their_age(self):
        mapping = ShardMapping(replace(SETTINGS, record_age_seconds_max=60))
        mapping.add([record(1), *(record(n, created_at=50) for n in (2, 3, 4))], now=0)
        invoke_next(mapping, FAILED, now=0)
        batch = only_batch(mapping, now=61)
        assert (batch.discard_reason, numbers_of(batch)) == (RECORD_AGE_EXCEEDED, [1])
        mapping.report(batch, Done(), now=61)
        assert [invoke_next(mapping, Done(), now=61) for _ in range(2)] == [[2], [3, 4]]


class TestBackoff:
    def test_a_local_mapping_waits_a_fifth_of_a_second_at_first_and_ten_at_most(self):
        plain = MappingSettings(mapping_id="mapping", function_arn="function", stream_arn="stream")
        mapping, now, delays = ShardMapping(plain), 0.0, []
        mapping.add([record(1)], now=0)
        for _ in range(50):
            invoke_next(mapping, FAILED, now=now)
            delays.append(round(mapping.due_at() - now, 9))
            now = mapping.due_at()
        assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, *[10.0] * 44]

    def test_success_starts_it_over(self):
        mapping = mapping_of([1, 2], batch_size=1)
        invoke_next(mapping, FAILED, now=0)
        invoke_next(mapping, FAILED, now=1)
        invoke_next(mapping, Done(), now=3)
        invoke_next(mapping, FAILED, now=3)
        assert mapping.due_at() == 4

    def test_nothing_is_due_while_an_action_is_under_way(self):
        mapping = mapping_of([1])
        only_batch(mapping)
        assert mapping.due_at() == math.inf


class TestLanes:
    def mapping_with_two_busy_lanes(self):
        mapping = ShardMapping(replace(SETTINGS, lanes=2, batch_size=10))
        mapping.add([record(number, key=f"c{number % 6}") for number in range(1, 25)], now=0)
        first, second = mapping.next_batches(now=0)
        return mapping, first, second

    def test_lanes_run_side_by_side_and_a_key_stays_in_one_lane(self):
        _, first, second = self.mapping_with_two_busy_lanes()
        keys = [{one.key for one in batch.records} for batch in (first, second)]
        assert keys[0] & keys[1] == set()
        assert keys[0] | keys[1] == {f"c{index}" for index in range(6)}

    def test_a_failing_lane_does_not_hold_up_the_other(self):
        mapping, first, second = self.mapping_with_two_busy_lanes()
        mapping.report(first, FAILED, now=0)
        mapping.report(second, Done(), now=0)
        lanes = {batch.lane for batch in mapping.next_batches(now=0.5)}
        assert first.lane not in lanes

    def test_the_checkpoint_waits_for_the_slowest_lane(self):
        mapping, first, second = self.mapping_with_two_busy_lanes()
        later = second if numbers_of(first)[0] < numbers_of(second)[0] else first
        mapping.report(later, Done(), now=0)
        assert mapping.checkpoint is None


def test_a_result_for_an_action_that_is_not_under_way_is_refused():
    mapping = mapping_of([1])
    batch = only_batch(mapping)
    mapping.report(batch, Done(), now=0)
    with pytest.raises(ValueError, match="no such batch"):
        mapping.report(batch, Done(), now=0)
