"""The estimate against the calls that the code makes, and the page against the estimate."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import ceil
from pathlib import Path

import pytest

from customer_events.deadline import Deadline
from event_consumer.guarded_table import GuardedTable
from fanout.cost import page
from fanout.cost.chart import draw
from fanout.cost.estimate import Load, publishing, publishing_calls, receiving, total
from fanout.local.stack import load_template
from publisher.eventbridge_bus import EventBridgeBus
from publisher.events import Producer, to_entries
from publisher.sns_bus import SnsBus
from publisher.transitions import TableRules, detect
from publisher.transports import ALL, EVENTBRIDGE, PIPES, SNS, SNS_FIFO
from unit.event_consumer.consumer_samples import at, live
from unit.event_consumer.test_guarded_table import ITEM
from unit.publisher.publisher_fakes import FakeClock
from unit.publisher.stream_record_samples import record

DOCS = Path(__file__).parents[4] / "docs"
SNS_TOPIC = "arn:aws:sns:us-east-1:123456789012:customer-status"
BUS = "arn:aws:events:us-east-1:123456789012:event-bus/customer-status"


class CountingAws:
    """Takes everything, and counts the calls that are billed."""

    def __init__(self):
        self.calls = 0
        self.sizes = []

    def publish_batch(self, *, PublishBatchRequestEntries, **_):  # noqa: N803
        self.calls += 1
        self.sizes += [len(str(one)) for one in PublishBatchRequestEntries]
        return {"Successful": [{"Id": one["Id"]} for one in PublishBatchRequestEntries]}

    def describe_event_bus(self, *, Name):  # noqa: N803
        return {"Arn": BUS}

    def put_events(self, *, Entries):  # noqa: N803
        self.calls += 1
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}

    def update_item(self, **_):
        self.calls += 1
        return {"Attributes": ITEM}


def entries(count, versions=(2,)):
    producer = Producer(source="urn:novapay:accounts", epoch=1, versions=versions)
    return [
        entry
        for number in range(count)
        for entry in to_entries(
            detect(
                record("ACTIVE", "SUSPENDED", number=number, customer_id=f"c-{number}"),
                TableRules(),
            ),
            producer,
        )
    ]


def calls_of_the_code(transport, sent):
    aws, clock = CountingAws(), FakeClock()
    deadline = Deadline(ends_at=clock.monotonic() + 30, clock=clock)
    with ThreadPoolExecutor(2) as executor:
        settings = {"client": aws, "executor": executor}
        if transport is EVENTBRIDGE:
            bus = EventBridgeBus(bus_arn=BUS, event_size_max_bytes=262_144, **settings)
        else:
            topic = SNS_TOPIC + (".fifo" if transport is SNS_FIFO else "")
            bus = SnsBus(topic_arn=topic, message_size_max_bytes=262_144, **settings)
        bus.send(sent, deadline)
    return aws


def load_of(records, **settings):
    return Load(records_per_invocation=records, messages_per_batch=1, event_bytes=900, **settings)


@pytest.mark.parametrize("transport", [SNS, SNS_FIFO, EVENTBRIDGE], ids=lambda one: one.name)
@pytest.mark.parametrize("records", [1, 9, 10, 11, 100])
def test_the_publisher_makes_as_many_calls_as_are_priced(transport, records):
    counted = calls_of_the_code(transport, entries(records)).calls
    assert counted == publishing_calls(transport, load_of(records)) == ceil(records / 10)


def test_two_versions_double_the_events_that_are_priced():
    counted = calls_of_the_code(SNS, entries(15, versions=(1, 2))).calls
    assert counted == publishing_calls(SNS, load_of(15, versions=2)) == 3


def test_a_consumer_writes_once_for_each_message():
    aws = CountingAws()
    table = GuardedTable(aws, "payments", rule=lambda _: {}, clock=lambda: at(500))
    table.write(live(7))
    assert aws.calls == 1
    assert any(line.units == 1_000_000 for line in receiving(SNS, load_of(1)))


def test_an_event_is_no_larger_than_is_assumed():
    assert max(calls_of_the_code(SNS, entries(10)).sizes) <= page.EVENT_BYTES


def test_a_pipe_takes_no_more_records_than_its_target_takes_events():
    one_version = publishing(PIPES, load_of(100))
    two_versions = publishing(PIPES, load_of(100, versions=2))
    requests = [
        next(x for x in y if "request" in x.price.what and "Lambda" in x.price.what)
        for y in (one_version, two_versions)
    ]
    assert [line.units for line in requests] == [100_000, 200_000]


def test_a_call_of_large_events_is_billed_by_its_64_kilobytes():
    large = replace(load_of(10), event_bytes=20_000)
    assert publishing(SNS, large)[0].units == 1_000_000 / 10 * 4


@pytest.mark.parametrize("transport", ALL, ids=lambda one: one.name)
def test_each_subscriber_adds_the_same(transport):
    load = load_of(10)
    steps = {
        round(total(transport, load, count + 1) - total(transport, load, count), 6)
        for count in range(1, 20)
    }
    assert len(steps) == 1


def test_the_alarms_of_a_month_are_those_of_the_template():
    names = [
        resource["Properties"]["AlarmName"]["Fn::Sub"]
        for resource in load_template()["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    of_payments = [name for name in names if "-payments-" in name]
    assert len(of_payments) == page.SUBSCRIBER_ALARMS
    assert len(names) - len(of_payments) == page.BASE_ALARMS


def test_the_page_and_its_chart_show_the_estimate():
    text = (DOCS / "cost.md").read_text()
    assert page.with_figures(text) == text, "run: .venv/bin/python -m fanout.cost.write_page"
    assert (DOCS / "images" / "cost.svg").read_text() == draw()
