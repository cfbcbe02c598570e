"""The failure taxonomy of the publisher, row by row."""

import pytest

from publisher import publish_batch
from publisher.ports import Answer, Verdict
from unit.publisher.publisher_fakes import (
    BUS_FAULT,
    CONFIRMED,
    NOT_SENT,
    REFUSED,
    TRANSIENT,
    FakeBus,
    FakeFailureStore,
    Rig,
)
from unit.publisher.stream_record_samples import FIRST_SEQUENCE_NUMBER, UNCHANGED, record

BAD = record("ACTIVE", {"N": "1"}, number=1)
ACCESS_DENIED = "AccessDenied"


def change(number, customer_id=None):
    return record("ACTIVE", "CLOSED", customer_id=customer_id or f"c-{number}", number=number)


def sequence_number(number):
    return str(FIRST_SEQUENCE_NUMBER + number)


def only_for(customer_ids, answer, times=None):
    """That answer for these customers (the first `times` times), and success for all others."""

    def answer_for(entry, sent_before):
        concerned = entry.event.customer_id in customer_ids
        return answer if concerned and (times is None or sent_before < times) else CONFIRMED

    return answer_for


def test_an_empty_batch_is_a_success():
    rig = Rig()
    assert rig.handle([]) is None
    assert rig.bus.rounds == []


@pytest.mark.parametrize(
    ("new", "reason"), [({"N": "1"}, "UnknownStatus"), (UNCHANGED, "MissingStatus")]
)
def test_a_bad_record_is_parked_at_once_and_the_batch_goes_on(new, reason):
    rig = Rig()
    bad = record("ACTIVE", new, number=1)
    assert rig.handle([change(0), bad, change(2)]) is None
    assert [event.customer_id for event in rig.bus.events] == ["c-0", "c-2"]
    assert rig.store.reasons == [reason]
    assert rig.store.parked[0].record.raw == bad


@pytest.mark.parametrize("odd", ["not a record", None, 5, ["a"], {}, {"eventName": ["x"]}])
def test_an_unexpected_exception_on_one_record_parks_that_record_by_its_type(odd):
    rig = Rig()
    odd_one = odd if not isinstance(odd, dict) else odd | {"dynamodb": {}}
    result = rig.publish([change(0), odd_one, change(2)])
    assert [event.customer_id for event in rig.bus.events] == ["c-0", "c-2"]
    assert rig.store.reasons[0] in {"UnexpectedError", "UndecodableImage"}
    assert (result.parked_by_reason(), result.failed) == ({rig.store.reasons[0]: 1}, {})


def test_the_parked_reason_of_a_surprise_names_the_exceptions_type_and_not_its_text(monkeypatch):
    def surprise(record, rules):
        raise ZeroDivisionError("secret " + record.record_id)

    monkeypatch.setattr(publish_batch, "detect", surprise)
    rig = Rig()
    rig.publish([change(0)])
    reason = rig.store.parked[0].reason
    assert reason.code == "UnexpectedError"
    raised_at = f"publisher/test_publish_batch.py:{surprise.__code__.co_firstlineno + 1}"
    assert f"there was a ZeroDivisionError at {raised_at} < publisher/" in reason.expected
    assert "secret" not in str(reason)


def test_a_bad_record_that_can_not_be_parked_is_a_failed_record():
    rig = Rig(store=FakeFailureStore(lambda _parked: ACCESS_DENIED))
    assert rig.handle([change(0), BAD, change(2)]) == sequence_number(1)
    assert [event.customer_id for event in rig.bus.events] == ["c-0", "c-2"]
    assert rig.reporter.results[0].failed_by_code() == {"ParkingFailed:AccessDenied": 1}


def test_an_entry_that_the_bus_refuses_for_good_is_parked_with_its_code():
    rig = Rig(bus=FakeBus(only_for({"c-1"}, REFUSED)))
    assert rig.handle([change(0), change(1), change(2)]) is None
    assert rig.store.reasons == ["RefusedByBus"]
    assert rig.store.parked[0].record.raw == change(1)
    assert [event.customer_id for event in rig.bus.events] == ["c-0", "c-2"]


def test_a_transient_failure_is_retried_in_place_with_jitter():
    rig = Rig(bus=FakeBus(only_for({"c-1"}, TRANSIENT, times=3)))
    assert rig.handle([change(0), change(1)]) is None
    assert [len(entries) for entries in rig.bus.rounds] == [2, 1, 1, 1]
    assert rig.clock.slept == [0.1, 0.2, 0.4]
    assert rig.reporter.results[0].retried == 3


def test_once_all_went_well_again_the_waits_begin_anew():
    def answer(entry, times):
        number = int(entry.event.sequence[5:]) - FIRST_SEQUENCE_NUMBER
        return TRANSIENT if times < {0: 2, 1: 0, 2: 1}[number] else CONFIRMED

    rig = Rig(bus=FakeBus(answer, ordered=True))
    assert rig.handle([change(number, "a") for number in range(3)]) is None
    assert rig.clock.slept == [0.1, 0.2, 0.1]


def test_a_customers_next_change_needs_no_wait_and_goes_while_any_time_is_left():
    rig = Rig(bus=FakeBus(ordered=True))
    assert rig.publish([change(0, "a"), change(1, "a")], seconds_left=0.5).failed == {}
    assert rig.clock.slept == []


def test_a_wait_that_would_use_up_the_time_is_not_begun():
    rig = Rig(bus=FakeBus(only_for({"c-0"}, TRANSIENT)))
    assert rig.publish([change(0)], seconds_left=0.05).failed == {0: "InternalError"}
    assert rig.clock.slept == []


def test_retries_end_when_no_time_is_left_and_the_lowest_failed_number_is_reported():
    rig = Rig(bus=FakeBus(only_for({"c-1", "c-3"}, TRANSIENT)))
    records = [change(number) for number in range(5)]
    assert rig.handle(records, milliseconds=60_000) == sequence_number(1)
    assert [event.customer_id for event in rig.bus.events] == ["c-0", "c-2", "c-4"]
    assert sum(rig.clock.slept) <= 48
    assert rig.clock.slept[:7] == [0.1, 0.2, 0.4, 0.8, 1.5, 1.5, 1.5]
    assert rig.reporter.results[0].failed_by_code() == {"InternalError": 2}


def test_numbers_are_compared_as_numbers_since_their_length_varies():
    rig = Rig(bus=FakeBus(lambda _entry, _times: BUS_FAULT))
    shorter, longer = change(0), change(1)
    shorter["dynamodb"]["SequenceNumber"] = "820400000000000001192334"
    longer["dynamodb"]["SequenceNumber"] = "1683700000000000001135967"
    assert rig.handle([shorter, longer]) == "820400000000000001192334"


def test_what_there_was_no_time_to_send_is_failed():
    rig = Rig(bus=FakeBus(only_for({"c-1"}, NOT_SENT)))
    assert rig.handle([change(0), change(1)]) == sequence_number(1)
    assert rig.reporter.results[0].failed_by_code() == {"OutOfTime": 1}


def test_a_fault_of_the_bus_is_failed_at_once_counted_and_parks_nothing():
    rig = Rig(bus=FakeBus(only_for({"c-1", "c-2"}, BUS_FAULT)))
    assert rig.handle([change(0), change(1), change(2)]) == sequence_number(1)
    assert rig.clock.slept == []
    assert rig.store.parked == []
    assert rig.reporter.results[0].bus_faults == 2


def test_an_entry_that_keeps_failing_for_15_minutes_while_others_succeed_is_parked():
    rig = Rig(bus=FakeBus(only_for({"c-1"}, TRANSIENT)))
    reported = []
    for _ in range(20):
        reported.append(rig.handle([change(0), change(1)]))
        if reported[-1] is None:
            break
        rig.clock.pass_seconds(10)
    assert rig.clock.monotonic() - 1_000 == pytest.approx(900, abs=75)
    assert reported[:-1] == [sequence_number(1)] * (len(reported) - 1)
    assert rig.store.reasons == ["BusKeepsFailing"]
    assert "within 15 minutes; it answered InternalError" in rig.store.parked[0].reason.expected


def test_on_an_ordered_bus_one_change_of_a_customer_goes_at_a_time_and_in_order():
    rig = Rig(bus=FakeBus(ordered=True))
    records = [change(0, "a"), change(1, "b"), change(2, "a"), change(3, "a"), change(4, "b")]
    assert rig.handle(records) is None
    rounds = [[entry.event.customer_id for entry in entries] for entries in rig.bus.rounds]
    assert rounds == [["a", "b"], ["a", "b"], ["a"]]
    numbers = [event.sequence for event in rig.bus.events if event.customer_id == "a"]
    assert numbers == sorted(numbers)


def test_on_an_ordered_bus_the_later_changes_of_a_customer_whose_change_failed_wait():
    rig = Rig(bus=FakeBus(only_for({"a"}, BUS_FAULT), ordered=True))
    records = [change(0, "b"), change(1, "a"), change(2, "a"), change(3, "b")]
    assert rig.handle(records) == sequence_number(1)
    assert [event.customer_id for event in rig.bus.events] == ["b", "b"]
    assert [len(entries) for entries in rig.bus.rounds] == [2, 1]
    assert rig.reporter.results[0].failed == {1: "AuthorizationError", 2: "AuthorizationError"}


def test_on_an_ordered_bus_a_parked_record_does_not_block_its_customer():
    first = change(0, "a")
    rig = Rig(bus=FakeBus(only_for({"a"}, REFUSED, times=1), ordered=True))
    rig.bus.answer = lambda entry, _times: (
        REFUSED if entry.event.sequence.endswith(sequence_number(0)) else CONFIRMED
    )
    bad = record("ACTIVE", {"N": "1"}, customer_id="a", number=1)
    assert rig.handle([first, bad, change(2, "a")]) is None
    assert rig.store.reasons == ["RefusedByBus", "UnknownStatus"]
    assert len(rig.bus.published) == 1


def test_on_an_ordered_bus_a_customer_whose_refused_change_could_not_be_parked_waits_alone():
    rig = Rig(
        bus=FakeBus(only_for({"a", "c"}, REFUSED), ordered=True),
        store=FakeFailureStore(
            lambda parked: (
                ACCESS_DENIED if parked.record.sequence_number == sequence_number(0) else None
            )
        ),
    )
    records = [change(number, customer_id) for number, customer_id in enumerate("aabcc")]
    assert rig.handle(records) == sequence_number(0)
    assert [event.customer_id for event in rig.bus.events] == ["b"]
    assert [len(entries) for entries in rig.bus.rounds] == [3, 1], "a's second was not tried"
    assert rig.reporter.results[0].failed == {0: "ParkingFailed:AccessDenied", 1: "ParkingFailed"}
    assert set(rig.reporter.results[0].parked) == {3, 4}


def test_a_record_of_two_versions_fails_if_one_of_its_events_does():
    def answer(entry, _times):
        return BUS_FAULT if entry.event.schema_version == 2 else CONFIRMED

    rig = Rig(bus=FakeBus(answer), versions=(1, 2))
    assert rig.handle([change(0)]) == sequence_number(0)
    assert [entry.event.schema_version for entry in rig.bus.published] == [1]


def test_a_parking_that_failed_says_more_of_a_record_than_that_its_other_event_failed():
    def answer(entry, _times):
        return BUS_FAULT if entry.event.schema_version == 1 else REFUSED

    store = FakeFailureStore(lambda _parked: ACCESS_DENIED)
    rig = Rig(bus=FakeBus(answer), store=store, versions=(1, 2))
    assert rig.publish([change(0)]).failed == {0: "ParkingFailed:AccessDenied"}


def test_a_refusal_without_a_reason_still_parks():
    rig = Rig(bus=FakeBus(lambda _entry, _times: Answer(verdict=Verdict.REFUSED)))
    assert rig.handle([change(0)]) is None
    assert rig.store.reasons == ["UnexpectedError"]


def test_reasons_that_were_left_out_are_counted():
    rig = Rig()
    result = rig.publish([record("ACTIVE", "CLOSED", status_reason={"N": "1"})])
    assert (result.reasons_left_out, result.transitions, result.published) == (1, 1, 1)


def test_what_a_batch_held_is_counted_and_parking_has_its_own_deadline():
    rig = Rig()
    odd = {"status_reason": {"N": "1"}}
    made = [record("ACTIVE", "CLOSED", customer_id=f"c-{n}", number=n, **odd) for n in range(2)]
    result = rig.publish([*made, BAD], seconds_left=60)
    assert (len(result.records), result.transitions, result.reasons_left_out) == (3, 2, 2)
    assert rig.store.seconds_left == [65]
    assert [one.parked_at for one in rig.store.parked] == [rig.clock.now()]
