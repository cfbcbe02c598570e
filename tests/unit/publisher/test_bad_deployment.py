"""A bad deployment or setting must not park everything: the stream waits for the next one."""

import json
from dataclasses import replace
from uuid import uuid4

import pytest

from publisher import publish_batch
from publisher.handlers import BatchFailed, PipeHandler
from publisher.reporting import BatchReporter
from publisher.transitions import NoTransition, TableRules, detect
from unit.publisher.publisher_fakes import FakeContext, FakeFailureStore, Rig
from unit.publisher.stream_record_samples import FIRST_SEQUENCE_NUMBER, UNCHANGED, record

UNKNOWN = {"S": "FROZEN"}


def change(number, new="CLOSED", **attributes):
    customer_id = f"c-{number}"
    return record("ACTIVE", new, customer_id=customer_id, number=number, **attributes)


def first_of(batch):
    return batch[0]["dynamodb"]["SequenceNumber"]


@pytest.fixture
def bug(monkeypatch):
    """A KeyError in the publisher's own code, on each record but those of `spared` customers."""
    spared = set()

    def broken(one, rules):
        transition = detect(one, rules)
        if isinstance(transition, NoTransition) or transition.customer_id in spared:
            return transition
        raise KeyError("status")

    monkeypatch.setattr(publish_batch, "detect", broken)
    return spared


@pytest.mark.usefixtures("bug")
def test_a_bug_on_a_thousand_of_a_thousand_records_parks_none_and_reports_the_first(capsys):
    rig = Rig()
    reporter = BatchReporter(
        service=f"publisher-{uuid4()}", deployment="fanout", namespace="CustomerStatusFanout"
    )
    handler = replace(rig.handler, reporter=reporter)
    batch = [change(number) for number in range(1_000)]
    for _ in range(3):
        capsys.readouterr()
        answer = handler({"Records": batch}, FakeContext())
        assert answer == {"batchItemFailures": [{"itemIdentifier": str(FIRST_SEQUENCE_NUMBER)}]}
        output = capsys.readouterr()
        lines = [json.loads(line) for line in (output.out + output.err).splitlines()]
        (blob,) = (line for line in lines if "_aws" in line)
        (line,) = (line for line in lines if "_aws" not in line)
        assert (blob["RecordsHeld"], blob["RecordsFailed"]) == ([1000.0], [1000.0])
        assert blob["RecordsParked"] == [0.0]
        assert line["failed"] == {"BadDeployment:UnexpectedError": 1_000}
        assert line["unexpected"][0]["raised"].startswith("KeyError at publisher/test_bad_deploy")
        assert line["unexpected"][0]["event_id"] == batch[0]["eventID"]
    assert (rig.store.parked, rig.bus.published) == ([], [])


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (TableRules(customer_id_attribute="customerId"), "MissingCustomerId"),
        (TableRules(sequence_attribute="versoin"), "MissingVersion"),
    ],
)
def test_a_mistyped_attribute_parks_nothing_and_holds_the_stream(rules, reason):
    rig = Rig(rules=rules)
    batch = [change(number) for number in range(5)]
    assert rig.handle(batch) == first_of(batch)
    assert (rig.store.parked, rig.reporter.results[0].held) == ([], 5)
    assert rig.reporter.results[0].failed_by_code() == {f"BadDeployment:{reason}": 5}


@pytest.mark.usefixtures("bug")
def test_four_records_over_several_batches_are_parked_and_the_fifth_in_a_row_is_held():
    rig = Rig()
    ended = [rig.handle([change(number)]) for number in range(4)]
    batch = [record("ACTIVE", "ACTIVE", number=4), change(5)]
    assert [*ended, rig.handle(batch), rig.handle(batch)] == [None] * 4 + [first_of(batch)] * 2
    assert rig.store.reasons == ["UnexpectedError"] * 4


@pytest.mark.usefixtures("bug")
def test_one_record_that_is_delivered_again_and_again_is_one_record():
    store = FakeFailureStore(lambda _parked: "SlowDown")
    rig = Rig(store=store)
    for _ in range(10):
        assert rig.handle([change(0)]) == str(FIRST_SEQUENCE_NUMBER)
    assert len(store.seconds_left) == 10
    assert {result.held for result in rig.reporter.results} == {0}


@pytest.mark.parametrize("place", [0, 3, 9])
def test_where_one_record_of_the_batch_is_read_well_the_others_are_parked(bug, place):
    rig = Rig()
    bug.add(f"c-{place}")
    assert rig.handle([change(number) for number in range(10)]) is None
    assert rig.store.reasons == ["UnexpectedError"] * 9
    assert [event.customer_id for event in rig.bus.events] == [f"c-{place}"]


def test_a_record_that_is_read_well_in_another_batch_begins_the_row_anew(bug):
    rig = Rig()
    bug.add("c-4")
    assert [rig.handle([change(number)]) for number in range(9)] == [None] * 9
    assert rig.store.reasons == ["UnexpectedError"] * 8
    assert rig.handle([change(9)]) == str(FIRST_SEQUENCE_NUMBER + 9)


def test_records_that_were_held_before_another_was_read_well_do_not_count_again(bug):
    """Five bad records of one customer held their shard for 12 hours beside others that flow."""
    rig = Rig()
    bug.add("c-9")
    bad = [record("ACTIVE", "CLOSED", number=number) for number in range(7)]
    assert [rig.handle(bad), rig.handle(bad)] == [first_of(bad)] * 2
    assert rig.store.parked == []
    assert rig.handle([change(9)]) is None
    assert rig.handle(bad) is None
    assert rig.store.reasons == ["UnexpectedError"] * 7
    others = [change(number) for number in range(20, 25)]
    assert rig.handle(others) == first_of(others), "these may be the deployment's again"


def test_a_removal_is_read_without_a_status_and_clears_no_attributes_name():
    rig = Rig(rules=TableRules(status_attribute="staus"))
    batch = [change(number) for number in range(5)]
    removal = record("ACTIVE", None, customer_id="c-9", number=9)
    for _ in range(3):
        assert rig.handle(batch) == first_of(batch)
        assert rig.handle([removal]) is None
    assert rig.store.parked == []


def test_unknown_statuses_are_the_items_fault_however_many_there_are():
    rig = Rig()
    assert rig.handle([change(number, UNKNOWN) for number in range(50)]) is None
    assert rig.store.reasons == ["UnknownStatus"] * 50


def test_an_item_that_has_the_attribute_shows_that_the_setting_is_right():
    rig = Rig()
    batch = [change(number, UNCHANGED) for number in range(8)] + [change(8, UNKNOWN)]
    assert rig.handle(batch) is None
    assert rig.store.reasons == ["MissingStatus"] * 8 + ["UnknownStatus"]


@pytest.mark.usefixtures("bug")
def test_an_unknown_status_among_unexpected_exceptions_shows_nothing(monkeypatch):
    real = publish_batch.detect
    rules = Rig().publisher.rules
    monkeypatch.setattr(
        publish_batch,
        "detect",
        lambda one, _: (detect if one["eventID"] == bad["eventID"] else real)(one, rules),
    )
    bad = change(5, UNKNOWN)
    batch = [change(number) for number in range(5)] + [bad]
    rig = Rig()
    assert rig.handle(batch) == first_of(batch)
    assert rig.store.parked == []


@pytest.mark.usefixtures("bug")
def test_a_recovery_answers_for_each_record_and_is_no_evidence_for_the_stream():
    rig = Rig()
    event = {"report_outcomes": True, "Records": [change(number) for number in range(9)]}
    outcomes = rig.handler(event, FakeContext())["outcomes"]
    assert {(one["outcome"], one["reason"]) for one in outcomes} == {("REFUSED", "UnexpectedError")}
    assert rig.handle([change(9)]) is None
    assert rig.store.reasons == ["UnexpectedError"]


@pytest.mark.usefixtures("bug")
def test_a_pipe_gets_nothing_of_a_bad_deployment_over_batches_and_parks_no_more():
    rig = Rig()
    handler = PipeHandler(
        publisher=rig.publisher,
        reporter=rig.reporter,
        clock=rig.clock,
        event_size_max_bytes=262_144,
        batch_size_max=10,
    )
    for number in range(4):
        assert handler([change(number)], FakeContext()) == []
    for number in range(4, 8):
        with pytest.raises(BatchFailed, match="1 failed: BadDeployment:UnexpectedError"):
            handler([change(number)], FakeContext())
    assert len(rig.store.parked) == 4


def test_a_status_that_is_left_as_it_was_shows_that_the_setting_is_right():
    """A table may hold old items without a status, and customers whose status rarely changes."""
    old_items = [
        record(UNCHANGED, UNCHANGED, customer_id=f"old-{n}", number=n, note={"S": "x"})
        for n in range(20)
    ]
    touched = record("ACTIVE", "ACTIVE", customer_id="c-1", number=50, note={"S": "x"})
    rig = Rig()
    for start in range(0, 20, 4):
        assert rig.handle([*old_items[start : start + 4], touched]) is None
    assert rig.handle([*old_items[:4], touched]) is None
    assert {one.reason.code for one in rig.store.parked} == {"MissingStatus"}
    assert len(rig.store.parked) == 24
    mistyped = Rig(rules=TableRules(status_attribute="staus"))
    assert mistyped.handle([*old_items[:4], touched]) is not None
    assert mistyped.store.parked == []
