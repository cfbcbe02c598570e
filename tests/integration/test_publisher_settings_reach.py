"""Each setting of the publisher reaches the place that uses it, on each transport alike.

The publisher is built by its bootstrap from environment variables; what is judged is what would
leave the process: events, parked records, calls, the log line and the metrics.
"""

import gc
import json
import re
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest

from customer_events.settings import BadSettings
from integration.aws_on_the_wire import on_the_wire
from publisher import bootstrap
from publisher.handlers import BatchFailed
from unit.publisher.publisher_fakes import FakeContext
from unit.publisher.stream_record_samples import FIRST_SEQUENCE_NUMBER, UNCHANGED, record

TOPIC = "arn:aws:sns:eu-north-1:123456789012:customer-status"
BUSES = {
    "sns": TOPIC,
    "sns-fifo": f"{TOPIC}.fifo",
    "eventbridge": "arn:aws:events:eu-north-1:123456789012:event-bus/customer-status",
    "pipes": None,
}
REQUIRED = {"DEPLOYMENT": "fanout", "FAILURE_BUCKET": "fanout-failures", "AWS_REGION": "eu-west-1"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OWN = {
    "state": {"S": "shut"},
    "why": {"S": "FRAUD"},
    "since": {"S": "2026-11-20T08:00:00Z"},
    "trace": {"S": TRACE},
    "revision": {"N": "7"},
    "kind": {"S": "CUSTOMER"},
}
"""A new image of a table with its own names."""
README = Path(bootstrap.__file__).with_name("README.md")
SHOWN = {
    *("BUS_ARN", "DEPLOYMENT", "FAILURE_BUCKET", "EVENT_SOURCE", "PUBLISH_VERSIONS"),
    *("CUSTOMER_ID_ATTRIBUTE", "STATUS_ATTRIBUTE", "TABLE_STATUS_MAP", "REASON_ATTRIBUTE"),
    *("CHANGED_AT_ATTRIBUTE", "TRACEPARENT_ATTRIBUTE", "SEQUENCE_ATTRIBUTE", "SEQUENCE_EPOCH"),
    *("ENTITY_FILTER", "MESSAGE_SIZE_MAX_BYTES", "PIPE_BATCH_SIZE", "POWERTOOLS_SERVICE_NAME"),
    *("POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"),
}


class Publisher:
    """The publisher on one transport, as its bootstrap builds it."""

    def __init__(self, transport, wire, monkeypatch, capsys):
        self.transport = transport
        self.wire = wire
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._handler = None
        self._documents = []

    def build(self, **environment):
        bus = {"BUS_ARN": BUSES[self.transport]} if BUSES[self.transport] else {}
        named = {"POWERTOOLS_SERVICE_NAME": f"publisher-{uuid4()}"}
        for name, value in (REQUIRED | bus | named | environment).items():
            self._monkeypatch.setenv(name, value)
        self._handler = bootstrap.build() if bus else bootstrap.build_for_pipe()
        return self

    def publish(self, *records):
        """What the handler returns, and the lines that it writes."""
        self._capsys.readouterr()
        if self.transport == "pipes":
            answer = self._handler(list(records), FakeContext())
            self._documents += answer
        else:
            answer = self._handler({"Records": list(records)}, FakeContext())
        output = self._capsys.readouterr()
        return answer, [json.loads(line) for line in (output.out + output.err).splitlines()]

    @property
    def events(self):
        if self.transport == "pipes":
            return self._documents
        return [json.loads(entry["document"]) for entry in self.wire.published()]

    @property
    def bus_calls(self):
        return [call for call in self.wire.calls if call.service != "s3"]


@pytest.fixture(params=sorted(BUSES))
def publisher(request, monkeypatch, capsys):
    monkeypatch.setattr(gc, "freeze", lambda: None)
    for name in (*SHOWN, "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_NAME"):
        monkeypatch.delenv(name, raising=False)
    wire = on_the_wire(monkeypatch)
    wire.bus_arn = BUSES[request.param] or ""
    return Publisher(request.param, wire, monkeypatch, capsys)


def own_change(**other):
    changed = record("x", "y", **OWN | other)
    stream = changed["dynamodb"]
    stream["Keys"] = {"id": {"S": "k-1"}}
    stream["OldImage"] = {"state": {"S": "open"}, "kind": {"S": "CUSTOMER"}}
    del stream["NewImage"]["status"]
    return changed


def change(number=0, **other):
    return record("ACTIVE", "CLOSED", number=number, customer_id=f"c-{number}", **other)


def test_every_setting_that_the_readme_lists_is_shown_here():
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", README.read_text(), re.MULTILINE)) == SHOWN


def test_the_defaults_are_those_of_the_readme(publisher):
    publisher.build().publish(change(status_reason={"S": "FRAUD"}, version={"N": "7"}))
    (event,) = publisher.events
    assert event["source"] == "urn:novapay:accounts"
    assert event["type"].endswith(".v2")
    assert event["sequence"] == f"0001.{FIRST_SEQUENCE_NUMBER:040}"
    assert (event["subject"], event["data"]["status"]) == ("c-0", "CLOSED")
    assert event["data"].get("reason") is None


def test_the_tables_own_names_are_read(publisher):
    publisher.build(
        CUSTOMER_ID_ATTRIBUTE="id",
        STATUS_ATTRIBUTE="state",
        TABLE_STATUS_MAP="open=ACTIVE,shut=CLOSED",
        REASON_ATTRIBUTE="why",
        CHANGED_AT_ATTRIBUTE="since",
        TRACEPARENT_ATTRIBUTE="trace",
        SEQUENCE_ATTRIBUTE="revision",
        ENTITY_FILTER="kind=CUSTOMER",
    )
    other = own_change(kind={"S": "ORDER"})
    other["dynamodb"]["OldImage"]["kind"] = {"S": "ORDER"}
    _, lines = publisher.publish(own_change(), other)
    (event,) = publisher.events
    assert (event["subject"], event["traceparent"]) == ("k-1", TRACE)
    assert [line["traces"] for line in lines if "traces" in line] == [[TRACE]]
    assert (event["sequence"], event["sequencesource"]) == (f"0001.{7:040}", "version")
    assert event["data"] == {
        "customer_id": "k-1",
        "status": "CLOSED",
        "previous_status": "ACTIVE",
        "reason": "FRAUD",
        "change": "changed",
        "changed_at": "2026-11-20T08:00:00Z",
    }


def test_source_epoch_and_versions_name_the_event(publisher):
    versions = "1" if publisher.transport == "sns-fifo" else "1,2"
    publisher.build(EVENT_SOURCE="urn:bank:core", SEQUENCE_EPOCH="12", PUBLISH_VERSIONS=versions)
    publisher.publish(change())
    assert [event["type"][-2:] for event in publisher.events] == [f"v{n}" for n in versions[::2]]
    assert {event["source"] for event in publisher.events} == {"urn:bank:core"}
    assert {event["sequence"][:5] for event in publisher.events} == {"0012."}


def test_events_go_to_the_bus_in_its_region_and_parked_records_into_the_bucket_in_ours(publisher):
    publisher.build(FAILURE_BUCKET="kept-here")
    publisher.publish(change(), record("ACTIVE", {"N": "1"}, number=1))
    assert {entry["target"] for entry in publisher.wire.published()} <= {BUSES[publisher.transport]}
    assert {call.region for call in publisher.bus_calls} <= {"eu-north-1"}
    assert bool(publisher.bus_calls) == (publisher.transport != "pipes")
    (parking,) = [call for call in publisher.wire.calls if call.service == "s3"]
    assert (parking.region, "//kept-here.s3." in parking.url) == ("eu-west-1", True)
    assert [one["reason"] for one in publisher.wire.parked()] == ["UnknownStatus"]


@pytest.mark.parametrize(("limit", "parked"), [("1024", ["EventTooLarge"]), ("2000", [])])
def test_an_event_above_the_size_that_was_set_is_parked(publisher, limit, parked):
    publisher.build(MESSAGE_SIZE_MAX_BYTES=limit)
    publisher.publish(record("ACTIVE", "CLOSED", customer_id="x" * 300))
    assert [one["reason"] for one in publisher.wire.parked()] == parked
    assert len(publisher.events) == 1 - len(parked)


@pytest.mark.parametrize(("length", "parked"), [(40_000, []), (262_144, ["EventTooLarge"])])
def test_without_a_size_an_event_may_have_a_quarter_of_a_megabyte(publisher, length, parked):
    """Of which a pipe's share is less."""
    publisher.build(EVENT_SOURCE="urn:" + "x" * length).publish(change())
    assert [one["reason"] for one in publisher.wire.parked()] == parked
    assert len(publisher.events) == 1 - len(parked)


def test_log_and_metrics_carry_their_names(publisher):
    service = f"publisher-{uuid4()}"
    publisher.build(
        DEPLOYMENT="blue",
        POWERTOOLS_SERVICE_NAME=service,
        POWERTOOLS_METRICS_NAMESPACE="Bank",
    )
    _, lines = publisher.publish(change())
    (blob,) = (line for line in lines if "_aws" in line)
    (line,) = (line for line in lines if "_aws" not in line)
    assert (blob["deployment"], blob["service"], line["service"]) == ("blue", service, service)
    assert blob["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Bank"
    assert blob["EventsPublished"] == [1.0]


def test_above_the_level_info_only_batches_with_trouble_leave_a_line(publisher):
    publisher.build(POWERTOOLS_LOG_LEVEL="WARNING")
    _, lines = publisher.publish(change())
    assert ["_aws" in line for line in lines] == [True]
    _, lines = publisher.publish(record("ACTIVE", {"N": "1"}, number=1))
    assert sorted("_aws" in line for line in lines) == [False, True]


def test_a_pipes_batch_size_that_can_not_fit_is_refused(publisher):
    if publisher.transport == "pipes":
        with pytest.raises(BadSettings, match="a whole number from 1 to 5,"):
            publisher.build(PUBLISH_VERSIONS="1,2", PIPE_BATCH_SIZE="6")
        publisher.build(PUBLISH_VERSIONS="1,2", PIPE_BATCH_SIZE="5")
        with pytest.raises(BatchFailed, match="source batch size to 5 or less"):
            publisher.publish(*(change(number) for number in range(6)))
    else:
        publisher.build(PIPE_BATCH_SIZE="nonsense")


def test_an_environment_remembers_over_batches_that_it_can_read_nothing(publisher):
    publisher.build()
    lacking = [record(None, UNCHANGED, number=number) for number in range(5)]
    for one in lacking[:4]:
        publisher.publish(one)
    if publisher.transport == "pipes":
        with pytest.raises(BatchFailed, match="BadDeployment:MissingStatus"):
            publisher.publish(lacking[4])
    else:
        answer, _ = publisher.publish(lacking[4])
        number = lacking[4]["dynamodb"]["SequenceNumber"]
        assert answer == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert [one["reason"] for one in publisher.wire.parked()] == ["MissingStatus"] * 4


def test_a_call_of_the_bus_is_tried_once_at_a_time_and_parking_twice(publisher):
    """What fails is tried again by our own rounds, which look at the time that is left."""
    failed = []

    def status(call):
        first = not any(one.body == call.body for one in failed)
        if '{"Name"' in call.body:  # the look at the bus
            return 200
        failed.append(call)
        return 500 if first else 200

    publisher.wire.status = status
    publisher.build()
    _, lines = publisher.publish(change(), record("ACTIVE", {"N": "1"}, number=1))
    (line,) = (line for line in lines if "_aws" not in line)
    assert line["retried"] == (0 if publisher.transport == "pipes" else 1)
    assert publisher.wire.services.count("s3") == 2
    assert line["parked"] == {"UnknownStatus": 1}


def test_parking_gives_up_after_two_tries_and_the_record_fails(publisher):
    publisher.wire.status = lambda call: 500 if call.service == "s3" else 200
    publisher.build()
    bad = record("ACTIVE", {"N": "1"})
    if publisher.transport == "pipes":
        with pytest.raises(BatchFailed, match="1 failed: ParkingFailed:500"):
            publisher.publish(bad)
    else:
        assert publisher.publish(bad)[0]["batchItemFailures"] != []
    assert publisher.wire.services == ["s3", "s3"]


def test_twenty_calls_are_under_way_at_once(publisher):
    """They wait for each other, so fewer would never end."""
    together = Barrier(20, timeout=30)

    def status(call):
        if call.entries:
            together.wait()
        return 200

    publisher.wire.status = status
    publisher.build()
    batch = 200 if publisher.transport != "pipes" else 1
    publisher.publish(*(change(number) for number in range(batch)))
    assert len(publisher.events) == batch
    clients = _clients(publisher)
    assert {client.meta.config.max_pool_connections for client in clients} == {20}


def test_no_call_takes_longer_than_five_seconds_so_that_time_is_left_to_park(publisher):
    publisher.build()
    for client in _clients(publisher):
        assert client.meta.config.connect_timeout == 1
        assert client.meta.config.read_timeout == 4


# Private functions


def _clients(publisher):
    """Of the failure store and, but for a pipe, of the bus."""
    handler = publisher._handler
    store = handler.publisher.failure_store._client
    return [store] if publisher.transport == "pipes" else [store, handler.bus.calls.client]
