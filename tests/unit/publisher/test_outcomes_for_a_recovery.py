import json

import pytest

from publisher.handlers import BatchFailed
from unit.publisher.publisher_fakes import (
    BUS_FAULT,
    CONFIRMED,
    REFUSED,
    TRANSIENT,
    FakeBus,
    FakeContext,
    Rig,
)
from unit.publisher.stream_record_samples import record

GOOD = record("ACTIVE", "CLOSED", number=1)
SAME = record("ACTIVE", "ACTIVE", customer_id="c-2", number=2)
OTHER = record("ACTIVE", "CLOSED", customer_id="c-4", number=4)
BAD = record("ACTIVE", {"N": "1"}, customer_id="c-3", number=3)


def recover(rig, records):
    return rig.handler({"report_outcomes": True, "Records": records}, FakeContext())["outcomes"]


def test_each_record_has_its_outcome_in_its_place_and_nothing_is_parked():
    rig = Rig()
    outcomes = recover(rig, [GOOD, SAME, BAD])
    assert [one["outcome"] for one in outcomes] == ["PUBLISHED", "IGNORED", "REFUSED"]
    assert outcomes[2]["reason"] == "UnknownStatus"
    assert outcomes[2]["field"] == "dynamodb.NewImage.status"
    assert outcomes[0]["record_id"] == GOOD["eventID"]
    assert int(outcomes[0]["sequence_number"]) == int(GOOD["dynamodb"]["SequenceNumber"])
    assert rig.store.parked == []
    json.dumps(outcomes)


def test_what_the_bus_refuses_for_good_is_refused_and_stays_where_it_is():
    rig = Rig(
        bus=FakeBus(lambda entry, _t: REFUSED if entry.event.customer_id == "c-1" else CONFIRMED)
    )
    (outcome,) = recover(rig, [GOOD])
    assert (outcome["outcome"], outcome["reason"]) == ("REFUSED", "RefusedByBus")
    assert rig.store.parked == []


def test_a_recovery_has_its_own_patience_and_leaves_the_streams_alone():
    """Neither counts the failures of the other, nor its successes as evidence."""
    rig = Rig(
        bus=FakeBus(lambda entry, _t: TRANSIENT if entry.event.customer_id == "c-1" else CONFIRMED)
    )
    for _ in range(9):
        assert rig.publish([GOOD, OTHER], seconds_left=0).parked == {}
        rig.clock.pass_seconds(100)
    outcomes = recover(rig, [GOOD, OTHER])
    assert [one["outcome"] for one in outcomes] == ["FAILED", "PUBLISHED"]
    alone = Rig(bus=rig.bus)
    for _ in range(20):
        recover(alone, [GOOD, OTHER])
        assert alone.publish([GOOD], seconds_left=0).parked == {}
        alone.clock.pass_seconds(50)


def test_refusals_of_a_recovery_raise_no_alarm():
    rig = Rig()
    recover(rig, [GOOD, BAD])
    (told,) = rig.reporter.results
    assert (told.published, told.parked, told.failed) == (1, {}, {})
    away = Rig(bus=FakeBus(lambda _entry, _times: BUS_FAULT))
    recover(away, [GOOD])
    assert (away.reporter.results[0].bus_faults, away.reporter.results[0].failed) == (0, {})


def test_no_records_are_a_question_whether_outcomes_are_reported():
    assert recover(Rig(), []) == []


def test_only_true_asks_for_outcomes():
    answer = Rig().handler({"report_outcomes": "yes", "Records": []}, FakeContext())
    assert answer == {"batchItemFailures": []}


def test_what_is_no_batch_fails_as_ever():
    with pytest.raises(BatchFailed):
        Rig().handler({"report_outcomes": True}, FakeContext())
