from datetime import UTC, datetime
from uuid import UUID

import pytest

from customer_events.identity import event_id, snapshot_id
from customer_events.sequence import UNCOUNTED, sequence

SOURCE = "urn:novapay:accounts"
SEVENTH = sequence(7, epoch=1)
READ_AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def test_an_id_stays_what_it_was_in_the_first_release():
    """Another value would give every change that is retried over a deployment two identities."""
    assert event_id(SOURCE, "C-1024", SEVENTH, 2) == UUID("74b8a556-0d37-5dae-86e6-d43720cb4664")
    assert snapshot_id(SOURCE, "C-1024", UNCOUNTED, 2, READ_AT) == UUID(
        "d6da44f1-c400-546a-a24e-9fd86b337c3e"
    )


@pytest.mark.parametrize(
    "other",
    [
        ("urn:novapay:other", "C-1024", SEVENTH, 2),
        (SOURCE, "C-2048", SEVENTH, 2),
        (SOURCE, "C-1024", sequence(8, epoch=1), 2),
        (SOURCE, "C-1024", sequence(7, epoch=2), 2),
        (SOURCE, "C-1024", SEVENTH, 1),
    ],
)
def test_another_source_customer_place_or_version_is_another_event(other):
    assert event_id(SOURCE, "C-1024", SEVENTH, 2) != event_id(*other)


def test_a_customer_id_can_not_imitate_another_event():
    imitation = f"{SEVENTH} 2 C-1024"
    assert event_id(SOURCE, imitation, SEVENTH, 2) != event_id(SOURCE, "C-1024", SEVENTH, 2)
