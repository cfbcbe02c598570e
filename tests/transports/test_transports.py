"""One suite for all transports: each is held to what it declares."""

import json

import boto3
import pytest

from customer_events.event import MAJORS
from customer_events.settings import BadSettings
from publisher import transports
from publisher.transports import Archive, Filters
from transports import transport_checks as checks
from transports.transport_rigs import RIGS
from unit.publisher.stream_record_samples import record

NAMES = [transport.name for transport in transports.ALL]
FILTERING = [one.name for one in transports.ALL if one.filters is not Filters.NONE]
CHOICES = {
    "version-1": ({"version": 1}, lambda version, _before, _after: version == 1),
    "version-2": ({"version": 2}, lambda version, _before, _after: version == 2),
    "transition": (
        {"transition": "ACTIVE>SUSPENDED"},
        lambda _version, before, after: (before, after) == ("ACTIVE", "SUSPENDED"),
    ),
    "creation": (
        {"transition": "NONE>PENDING"},
        lambda _version, before, after: (before, after) == ("NONE", "PENDING"),
    ),
    "status": (
        {"status": "SUSPENDED"},
        lambda _version, before, after: "SUSPENDED" in {before, after},
    ),
}


@pytest.fixture(params=NAMES)
def rig(request, make_rig):
    return make_rig(request.param)


def test_every_declared_transport_has_a_rig_and_every_rig_is_declared():
    assert sorted(RIGS) == sorted(NAMES)


def test_what_arrives_is_what_was_published(rig):
    checks.check_what_arrives_is_what_was_published(rig)


def test_a_customers_changes_keep_their_order_where_that_is_promised(rig):
    checks.check_order(rig)


def test_a_second_publication_has_the_same_ids_and_is_dropped_where_that_is_promised(rig):
    checks.check_duplicates(rig)


def test_where_some_entries_fail_nothing_is_lost_and_ids_are_stable(rig):
    checks.check_partial_failure(rig)


def test_distinct_customers_take_a_tenth_of_as_many_calls_rounded_up(rig):
    checks.check_calls(rig)


@pytest.mark.parametrize("name", FILTERING)
@pytest.mark.parametrize("choice", CHOICES)
def test_a_subscriber_that_chooses_gets_exactly_that(make_rig, name, choice):
    chosen, wanted = CHOICES[choice]
    checks.check_choice(make_rig(name), wanted, **chosen)


def test_versions_travel_side_by_side_or_a_second_one_is_refused_at_the_start(rig):
    versions = ",".join(str(major) for major in MAJORS)
    if rig.transport.versions_max is None:
        rig.build(PUBLISH_VERSIONS=versions)
        rig.deliver([record("ACTIVE", "CLOSED")])
        types = {document["type"][-1] for document in rig.documents()}
        assert types == {str(major) for major in MAJORS}
    else:
        with pytest.raises(BadSettings, match="PUBLISH_VERSIONS: expected exactly one"):
            rig.build(PUBLISH_VERSIONS=versions)


def test_the_largest_event_that_fits_is_delivered_and_the_next_one_is_parked(rig):
    largest = record("ACTIVE", "CLOSED", customer_id="x" * 300, number=1)
    others = [record("ACTIVE", "CLOSED", customer_id=f"c-{n}", number=n) for n in (0, 2)]
    (document,) = checks.published_in(rig, largest)
    size = checks.size_bytes(rig, document)
    rig.build(MESSAGE_SIZE_MAX_BYTES=str(size))
    rig.deliver([largest])
    assert rig.documents() == [document]
    rig.build(MESSAGE_SIZE_MAX_BYTES=str(size - 1))
    rig.deliver([others[0], largest, others[1]])
    assert {one["subject"] for one in rig.documents()} == {"c-0", "c-2"}
    assert rig.parked() == ["EventTooLarge"]


@pytest.mark.parametrize(
    "name", [one.name for one in transports.ALL if one.archive is Archive.UNLIMITED]
)
def test_an_archive_delivers_the_same_documents_again(make_rig, name):
    rig = make_rig(name)
    archive = rig.events.create_archive(ArchiveName="kept", EventSourceArn=rig.bus_arn)
    records = checks.histories("c-1")
    rig.deliver(records)
    first = rig.documents()
    boto3.client("events").start_replay(
        ReplayName="again",
        EventSourceArn=archive["ArchiveArn"],
        EventStartTime="2020-01-01T00:00:00Z",
        EventEndTime="2100-01-01T00:00:00Z",
        Destination={"Arn": rig.bus_arn},
    )
    assert checks.canonical(rig.documents()) == checks.canonical(first)
    assert len(first) == len(records)


def test_a_pipe_is_never_given_a_result_that_it_would_not_send(make_rig):
    rig = make_rig("pipes")
    rig.build(PUBLISH_VERSIONS="1,2")
    rig.batch_size = 10
    with pytest.raises(AssertionError, match="10 records were never taken"):
        rig.deliver(checks.histories("c-1", "c-2")[:10])
    assert rig.unsent == []
    rig.batch_size = 5
    rig.deliver(checks.histories("c-1", "c-2")[:10])
    assert len(rig.documents()) == 20
    assert json.dumps(rig.unsent) == "[]"
