"""`fanout tail` on both buses: what it shows, and that nothing of it stays behind."""

import json
import signal
from datetime import timedelta

import pytest

from customer_events.instants import from_wire
from fanout.watch import tail
from fanout.watch.tail import listening
from integration.test_subscribers_on_moto import deploy
from sentinel.discovery import deliveries, find_bus
from unit.fanout.dlq.dlq_fakes import NOON, body

pytestmark = pytest.mark.slow


@pytest.fixture(params=["sns", "eventbridge"])
def deployed(request, aws, monkeypatch):
    monkeypatch.setattr(tail, "_SETTLE_SECONDS", 0)
    return deploy(request.param)


def publish(deployed, text, **attributes):
    bus = find_bus(deployed.target)
    if bus.transport == "sns":
        values = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        }
        deployed.target.client("sns").publish(
            TopicArn=bus.arn, Message=text, MessageAttributes=values
        )
    else:
        entry = {"Source": "x", "DetailType": "y", "Detail": text, "EventBusName": bus.name}
        deployed.target.client("events").put_events(Entries=[entry])


def queues(deployed):
    return sorted(url.rpartition("/")[2] for url in deployed.sqs.list_queues()["QueueUrls"])


def test_it_hears_what_is_published_and_leaves_nothing_behind(deployed):
    before, bus = queues(deployed), find_bus(deployed.target)
    with listening(deployed.target, None) as url:
        attributes = deployed.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        policy = json.loads(attributes["Attributes"]["Policy"])["Statement"][0]
        arn = attributes["Attributes"]["QueueArn"]
        assert policy["Condition"]["ArnEquals"]["aws:SourceArn"].startswith("arn:aws:")
        publish(deployed, body(1))
        [message] = deployed.sqs.receive_message(QueueUrl=url)["Messages"]
        shown = tail.read(message["Body"], NOON, reveal=False)
        assert shown["event_id"] == json.loads(body(1))["id"]
        assert len(deliveries(deployed.target, bus, arn)) == 1
    assert queues(deployed) == before
    assert deliveries(deployed.target, bus, arn) == []


def test_it_removes_what_it_made_also_when_it_fails(deployed):
    before = queues(deployed)
    with pytest.raises(RuntimeError), listening(deployed.target, None):
        raise RuntimeError
    assert queues(deployed) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_removes_what_it_made_also_when_its_terminal_is_closed(deployed, number):
    before, handler = queues(deployed), signal.signal(number, lambda *_: None)
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            tail.killed_as_by_ctrl_c(),
            listening(deployed.target, None),
        ):
            signal.raise_signal(number)
    finally:
        signal.signal(number, handler)
    assert queues(deployed) == before


def test_it_removes_what_a_killed_one_left_an_hour_ago(deployed, monkeypatch):
    before, bus = queues(deployed), find_bus(deployed.target)
    url = deployed.sqs.create_queue(QueueName="fanout-tail-killed")["QueueUrl"]
    arn = "arn:aws:sqs:eu-west-1:123456789012:fanout-tail-killed"
    tail._subscribe(deployed.target, bus, url, None)
    with listening(deployed.target, None):
        assert len(queues(deployed)) == len(before) + 2
        assert deliveries(deployed.target, bus, arn)
    monkeypatch.setattr(tail, "_ABANDONED_SECONDS", -1)
    with listening(deployed.target, None):
        assert len(queues(deployed)) == len(before) + 1
    assert queues(deployed) == before
    assert deliveries(deployed.target, bus, arn) == []


def test_a_subscribers_filter_selects(deployed):
    policy = {"status": ["CLOSED"]}
    if find_bus(deployed.target).transport == "eventbridge":
        policy = {"detail": {"data": {"status": ["CLOSED"]}}}
    with listening(deployed.target, policy) as url:
        publish(deployed, body(1), status="ACTIVE")
        assert "Messages" not in deployed.sqs.receive_message(QueueUrl=url)


def test_it_masks_the_customer_and_keeps_the_body_unless_asked():
    document = json.loads(body(1))
    now = from_wire(document["time"]) + timedelta(seconds=3)
    shown = tail.read(body(1), now, reveal=False)
    assert shown["event_id"] == document["id"]
    assert shown["lag_seconds"] == 3
    assert document["subject"] not in json.dumps(shown)
    revealed = tail.read(body(1), now, reveal=True)
    assert (revealed["customer"], revealed["body"]) == (document["subject"], body(1))
    assert tail.read("{", now, reveal=False) == {"unreadable": "NotJson"}


def test_json_without_an_end_is_refused(aws, fanout):
    ended = fanout("tail", "--json")
    assert ended.code == 2
    assert "say --for how long" in ended.err
