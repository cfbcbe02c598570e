"""Whatever is in a batch and whatever the bus answers: nothing is lost, and FIFO order holds.

The checkers know nothing of how the publisher works: they see the records, what the bus took, what
was parked, and what was reported. Lambda's part is played by its documented rule: everything from
the reported number on is delivered again.
"""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.publish_batch import BatchPublisher
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
from unit.publisher.stream_record_samples import UNCHANGED, record

DELIVERIES_MAX = 60
ANSWERS = [CONFIRMED, TRANSIENT, REFUSED, BUS_FAULT, NOT_SENT]
statuses = st.sampled_from(["ACTIVE", "CLOSED", "SUSPENDED", "ODD", UNCHANGED, {"N": "1"}, None])


@st.composite
def batches(draw):
    """Records of a few customers, with rising numbers of varying length."""
    changes = draw(
        st.lists(
            st.tuples(statuses, statuses, st.sampled_from(["a", "b", "c"]), st.integers(1, 9)),
            max_size=14,
        )
    )
    number = draw(st.sampled_from([0, 10**24 - 820400000000000001192334 - 3]))
    made = []
    for old, new, customer_id, step in changes:
        if old is None and new is None:
            continue
        number += step
        made.append(record(old, new, customer_id=customer_id, number=number))
    return made


@dataclass
class Story:
    """What was seen of one batch, delivered until nothing was reported any more."""

    records: list
    rig: Rig
    reported: list = field(default_factory=list)
    settled_by_then: list = field(default_factory=list)

    def play(self, start=0):
        while start < len(self.records) and len(self.reported) < DELIVERIES_MAX:
            number = self.rig.handle(self.records[start:])
            self.reported.append(number)
            self.settled_by_then.append((start, number, self._published(), self._parked()))
            if number is None:
                return self
            start = next(
                index
                for index, one in enumerate(self.records)
                if one["dynamodb"]["SequenceNumber"] == number
            )
        return self

    def _published(self):
        return {entry.event_id for entry in self.rig.bus.published}

    def _parked(self):
        return {one.record.record_id for one in self.rig.store.parked}


def story_of(records, answers, parking_errors=(), *, ordered=False, versions=(2,), broken=None):
    remaining, errors = iter(answers), iter(parking_errors)
    rig = Rig(
        bus=FakeBus(lambda _entry, _times: next(remaining, CONFIRMED), ordered=ordered),
        store=FakeFailureStore(lambda _parked: next(errors, None)),
        versions=versions,
    )
    if broken is not None:
        rig.handler = replace(rig.handler, publisher=broken(rig.publisher))
    return Story(records, rig).play()


def expected_ids(records, versions):
    """What each record would publish on a bus that takes everything; None for a bad one."""
    found = {}
    for one in records:
        rig = Rig(versions=versions)
        rig.handle([one])
        bad = bool(rig.store.parked)
        found[one["eventID"]] = None if bad else {entry.event_id for entry in rig.bus.published}
    return found


def check_nothing_lost(story, versions=(2,)):
    """After each delivery all records below the reported number are published or parked."""
    wanted = expected_ids(story.records, versions)
    for start, number, published, parked in story.settled_by_then:
        for one in story.records[start:]:
            reached = number is None or int(one["dynamodb"]["SequenceNumber"]) < int(number)
            if reached and one["eventID"] not in parked:
                ids = wanted[one["eventID"]]
                assert ids is not None, "a bad record was neither parked nor reported"
                assert ids <= published, "a change was neither published, parked nor reported"


def check_ends(story):
    """Once the bus takes everything, nothing is reported any more."""
    assert not story.reported or story.reported[-1] is None


def check_ids_are_the_changes_own(story, versions=(2,)):
    """A retry, however often, publishes no id that the first delivery would not have."""
    wanted = expected_ids(story.records, versions)
    known = set().union(*(ids for ids in wanted.values() if ids))
    assert {entry.event_id for entry in story.rig.bus.published} <= known


def check_order(story):
    """A customer's changes were first confirmed in order, parked ones excepted."""
    parked_numbers = {
        one.record.raw["dynamodb"]["SequenceNumber"] for one in story.rig.store.parked
    }
    last = {}
    seen = set()
    for entry in story.rig.bus.published:
        number = entry.event.sequence.partition(".")[2].lstrip("0")
        if entry.event_id in seen or number in parked_numbers:
            continue
        seen.add(entry.event_id)
        assert last.get(entry.event.customer_id, "") < entry.event.sequence, "overtaken"
        last[entry.event.customer_id] = entry.event.sequence


answer_lists = st.lists(st.sampled_from(ANSWERS), max_size=40)
parking_error_lists = st.lists(st.sampled_from([None, "SlowDown"]), max_size=12)


@settings(deadline=None)
@given(batches(), answer_lists, parking_error_lists, st.sampled_from([(2,), (1, 2)]))
def test_each_record_is_published_parked_or_at_or_after_the_reported_number(
    records, answers, errors, versions
):
    story = story_of(records, answers, errors, versions=versions)
    check_nothing_lost(story, versions)
    check_ids_are_the_changes_own(story, versions)
    check_ends(story)


@settings(deadline=None)
@given(batches(), answer_lists, parking_error_lists)
def test_on_an_ordered_bus_no_customers_change_overtakes_an_earlier_one(records, answers, errors):
    story = story_of(records, answers, errors, ordered=True)
    check_nothing_lost(story)
    check_order(story)
    check_ends(story)


# The checkers must catch what they are there for.

CHANGES = [record("ACTIVE", "CLOSED", customer_id="a", number=number) for number in range(3)]


class ForgetsFailures(BatchPublisher):
    """Takes HTTP 200 for success."""

    def publish(self, records, bus, deadlines):
        result = BatchPublisher.publish(self, records, bus, deadlines)
        result.failed.clear()
        return result


class ReportsTheHighest(BatchPublisher):
    """Reports the last failure, so that the earlier ones are skipped."""

    def publish(self, records, bus, deadlines):
        result = BatchPublisher.publish(self, records, bus, deadlines)
        for index in sorted(result.failed)[:-1]:
            del result.failed[index]
        return result


def broken_by(kind):
    def build(publisher):
        names = BatchPublisher.__dataclass_fields__
        return kind(**{name: getattr(publisher, name) for name in names})

    return build


@pytest.mark.parametrize("kind", [ForgetsFailures, ReportsTheHighest])
def test_the_checker_catches_a_publisher_that_loses_failures(kind):
    story = story_of(CHANGES, [BUS_FAULT, BUS_FAULT, CONFIRMED], broken=broken_by(kind))
    with pytest.raises(AssertionError, match="neither published, parked nor reported"):
        check_nothing_lost(story)


def test_the_checker_catches_changes_that_do_not_wait_for_the_one_before():
    story = story_of(CHANGES, [BUS_FAULT, CONFIRMED, CONFIRMED], ordered=False)
    with pytest.raises(AssertionError, match="overtaken"):
        check_order(story)
