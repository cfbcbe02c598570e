"""The ledger: every change of status ends somewhere, and one that does not is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from customer_events.identity import event_id
from customer_events.sequence import sequence
from fanout.demo.audit import Fate, Ledger, Published, Recorded, Stored, Write

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BOTH, NEWEST = (
    SimpleNamespace(source="urn:x:accounts", sequence_epoch=1, publish_versions=versions)
    for versions in [(1, 2), (2,)]
)


class Story:
    """Plays one customer's life, and lets each witness be left out."""

    def __init__(self, publisher=NEWEST):
        self.publisher = publisher
        self.ledger = Ledger(publisher, subscriber_version=2)
        self.number = 0
        self.status = None

    def change(self, status, *, seen="stream topic row", after=timedelta(milliseconds=40)):
        self.number += 1
        number, before, self.status = self.number, self.status, status
        started_at = NOON + timedelta(seconds=number)
        self.ledger.wrote(
            Write(
                number=number, customer_id="c-1", before=before, after=status, started_at=started_at
            )
        )
        if "stream" in seen:
            self.ledger.recorded(self.record(number, before, status))
        if "topic" in seen:
            for major in self.publisher.publish_versions:
                self.ledger.published(self.event(number, before, status, major))
        if "row" in seen:
            self.store(number, started_at + after)

    def store(self, number, applied_at=NOON):
        self.ledger.stored(
            Stored(
                event_id=self.id(number),
                customer_id="c-1",
                sequence=sequence(1000 + number, epoch=1),
                applied_at=applied_at,
            )
        )

    def record(self, number, before, after):
        return Recorded(
            record_id=f"r-{number}",
            sequence_number=str(1000 + number),
            customer_id="c-1",
            before=before,
            after=after,
        )

    def event(self, number, before, after, major=2):
        return Published(
            event_id=self.id(number, major),
            customer_id="c-1",
            status=after or ("CLOSED" if major == 1 else "REMOVED"),
            previous_status=before,
            schema_version=major,
        )

    def id(self, number, major=2):
        place = sequence(1000 + number, epoch=1)
        return str(event_id(self.publisher.source, "c-1", place, major))

    def fates(self):
        return [entry.fate for entry in self.ledger.close().entries]


def test_a_write_that_leaves_the_status_alone_asks_for_no_event():
    story = Story()
    story.change("ACTIVE")
    story.change("ACTIVE", seen="stream")
    story.change("ACTIVE", seen="")
    assert (story.ledger.writes, story.ledger.transitions) == (3, 1)
    assert story.fates() == [Fate.APPLIED]


def test_a_change_that_came_after_a_later_one_is_superseded():
    story = Story()
    story.change("PENDING")
    story.change("ACTIVE", seen="stream topic")
    story.change("CLOSED")
    assert story.fates() == [Fate.APPLIED, Fate.SUPERSEDED, Fate.APPLIED]


@pytest.mark.parametrize(
    ("seen", "fate"),
    [
        ("", Fate.NOT_IN_STREAM),
        ("stream", Fate.NOT_PUBLISHED),
        ("stream topic", Fate.NOT_STORED),
        # The row alone is no proof: other subscribers have had nothing.
        ("stream row", Fate.NOT_PUBLISHED),
    ],
)
def test_a_change_for_which_a_link_is_missing_is_lost_and_told_where(seen, fate):
    story = Story()
    story.change("ACTIVE", seen=seen)
    account = story.ledger.close()
    assert [entry.fate for entry in account.lost] == [fate]


def test_the_newest_change_is_not_superseded_by_an_older_one_that_is_stored():
    story = Story()
    story.change("PENDING")
    story.change("ACTIVE", seen="stream topic")
    assert story.fates() == [Fate.APPLIED, Fate.NOT_STORED]


def test_a_missing_version_is_a_loss_even_where_the_row_is_right():
    story = Story(BOTH)
    story.change("ACTIVE", seen="stream")
    story.ledger.published(story.event(1, None, "ACTIVE", major=2))
    story.store(1)
    assert story.fates() == [Fate.NOT_PUBLISHED]
    story.ledger.published(story.event(1, None, "ACTIVE", major=1))
    assert story.fates() == [Fate.APPLIED]


def test_what_lies_in_the_dlq_or_in_the_failure_store_is_parked_and_not_lost():
    story = Story()
    story.change("PENDING", seen="stream topic")
    story.change("ACTIVE", seen="stream")
    story.ledger.parked([story.id(1), "r-2"])
    assert story.fates() == [Fate.PARKED, Fate.PARKED]
    assert story.ledger.close().lost == []


def test_an_event_under_another_id_is_a_loss_and_a_contradiction():
    story = Story()
    story.change("ACTIVE", seen="stream")
    story.ledger.published(replace(story.event(1, None, "ACTIVE"), event_id="random"))
    account = story.ledger.close()
    assert [entry.fate for entry in account.lost] == [Fate.NOT_PUBLISHED]
    assert account.contradictions == ("event random of c… was published, but no write asks for it",)


def test_an_event_that_tells_another_status_contradicts_the_write():
    story = Story()
    story.change("ACTIVE", seen="stream row")
    story.ledger.published(story.event(1, None, "CLOSED"))
    (sentence,) = story.ledger.close().contradictions
    assert "write 1 of c…" in sentence
    assert "differs from the stream" in sentence


def test_a_record_that_nobody_wrote_is_a_contradiction():
    story = Story()
    story.ledger.recorded(story.record(1, None, "ACTIVE"))
    (sentence,) = story.ledger.close().contradictions
    assert "r-1 is in the stream, but not of our writes" in sentence


def test_a_record_that_differs_from_its_write_is_a_contradiction():
    story = Story()
    story.change("ACTIVE", seen="")
    story.ledger.recorded(story.record(1, None, "CLOSED"))
    assert story.ledger.close().contradictions == (
        "write 1 of c…: NONE>ACTIVE was written, NONE>CLOSED is in the stream",
    )


def test_a_repeated_delivery_is_counted_and_changes_nothing():
    story = Story()
    story.change("ACTIVE")
    story.ledger.published(story.event(1, None, "ACTIVE"))
    story.store(1, NOON + timedelta(hours=1))
    account = story.ledger.close()
    assert (account.events, account.deliveries) == (1, 2)
    assert account.latencies_seconds() == [0.04]


def test_latency_is_from_the_write_to_the_row_and_the_import_can_be_left_out():
    story = Story()
    story.change("PENDING", after=timedelta(seconds=2))
    story.change("ACTIVE", after=timedelta(milliseconds=15))
    story.change("CLOSED", seen="stream topic")
    account = story.ledger.close()
    assert account.latencies_seconds() == [2.0, 0.015]
    assert account.latencies_seconds(after_write=1) == [0.015]
