"""Notes of parked messages on DynamoDB, and the settings that ask for them."""

import boto3
import pytest

from aws_parts import create_table, moto_account
from customer_events.settings import BadSettings
from event_consumer.parked_groups import ParkedGroupsTable
from event_consumer.settings import from_environment
from unit.event_consumer.consumer_samples import ENVIRONMENT

pytestmark = pytest.mark.slow

NOTES = "parked-groups"


@pytest.fixture
def aws():
    with moto_account():
        yield


@pytest.fixture
def groups(aws):
    create_table(boto3.client("dynamodb"), NOTES, "message_group", "place")
    return ParkedGroupsTable(boto3.client("dynamodb"), NOTES)


def test_the_first_is_the_one_that_was_delivered_first_whatever_the_length_of_its_number(groups):
    groups.add("g", "later", sequence_number="18850000000000000000")
    groups.add("g", "first", sequence_number="9850000000000000000")
    groups.add("other", "x", sequence_number="1")
    assert groups.first("g").message_id == "first"
    assert groups.first("nobody") is None


def test_a_message_is_noted_once_is_known_by_its_id_and_is_removed_once(groups):
    for name, number in (("a", "1"), ("b", "2"), ("a", "1")):
        groups.add("g", name, sequence_number=number)
    assert [groups.holds("g", name) for name in "abc"] == [True, True, False]
    note = groups.first("g")
    assert note.message_id == "a"
    for _ in range(2):
        groups.remove("g", note)
    assert groups.first("g").message_id == "b"
    groups.remove("g", groups.first("g"))
    assert groups.first("g") is None


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"PARK_BY_CUSTOMER": "yes"}, "expected true or false"),
        ({"PARK_BY_CUSTOMER": "true", "PARKED_GROUPS_TABLE": "t"}, "only with a FIFO queue"),
        (
            {"PARK_BY_CUSTOMER": "true", "QUEUE_URL": "https://x/q.fifo"},
            "PARKED_GROUPS_TABLE: is not set",
        ),
    ],
)
def test_a_wrong_setting_is_named(changes, wrong):
    with pytest.raises(BadSettings, match=wrong):
        from_environment(ENVIRONMENT | changes)


def test_without_the_setting_nobody_waits():
    assert from_environment(ENVIRONMENT).parked_groups_table is None
    assert from_environment(ENVIRONMENT | {"PARK_BY_CUSTOMER": ""}).parked_groups_table is None
