"""How a stream record gets to the bus, and a message to its row: each file on the way once.

The calls of the real code are traced with `sys.setprofile`. A file is entered where a call comes
from another file of ours. What knows none of the files on the way (values, reasons, clocks, ids)
may be used from several of them.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from architecture.source_tree import SRC
from customer_events.encoder import encode
from event_consumer import bootstrap as consumers
from event_consumer.guarded_table import GuardedTable
from event_consumer.latest_state import LatestState
from event_consumer.settings import from_environment
from payments_consumer.standing import attributes
from unit.event_consumer.consumer_samples import ENVIRONMENT, Silence, live
from unit.event_consumer.consumer_samples import record as sqs_record
from unit.publisher.publisher_fakes import FakeContext, Rig, bus_on
from unit.publisher.stream_record_samples import modify

OF_A_RECORD = (
    "publisher/handlers.py",
    "publisher/publish_batch.py",
    "publisher/transitions.py",
    "publisher/events.py",
    "publisher/dispatch.py",
    "publisher/batched_bus.py",
    "publisher/sns_bus.py",
)
USED_BY_A_RECORD = {
    "publisher/attribute_values.py",
    "publisher/evidence.py",
    "publisher/stream_records.py",
    "publisher/transports.py",
}
OF_A_MESSAGE = (
    "event_consumer/sqs_handler.py",
    "event_consumer/consume_batch.py",
    "event_consumer/unwrap.py",
    "event_consumer/latest_state.py",
    "event_consumer/guarded_table.py",
    "payments_consumer/standing.py",
)
USED_BY_A_MESSAGE = {
    "event_consumer/failures.py",
    "event_consumer/messages.py",
    "event_consumer/order_guard.py",
    "event_consumer/outcomes.py",
}


class Trace:
    """What was called while it was on, by file below `src`."""

    def __init__(self):
        self.entered: list[str] = []
        self.came_back: list[tuple[str, ...]] = []

    def __enter__(self):
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _note(self, frame, event, _):
        if event != "call" or (entered := file_of(frame)) is None:
            return
        callers = [file for file in map(file_of, stack_below(frame)) if file]
        if callers and callers[0] == entered:
            return
        self.entered.append(entered)
        if entered in callers:
            self.came_back.append((entered, *callers))


def stack_below(frame):
    while frame := frame.f_back:
        yield frame


def file_of(frame):
    file = Path(frame.f_code.co_filename)
    return str(file.relative_to(SRC)) if file.is_relative_to(SRC) else None


class Sns:
    def __init__(self):
        self.taken = []

    def publish_batch(self, *, TopicArn, PublishBatchRequestEntries):  # noqa: N803 (as boto3 does)
        self.taken += PublishBatchRequestEntries
        return {"Successful": [{"Id": one["Id"]} for one in PublishBatchRequestEntries]}


class Rows:
    def __init__(self):
        self.written = []

    def update_item(self, **request):
        self.written.append(request)
        values = request["ExpressionAttributeValues"]
        return {"Attributes": {name[1:]: value for name, value in values.items()}}


@pytest.fixture
def of_a_record():
    sns = Sns()
    handler = Rig(bus=bus_on(sns)).handler
    with Trace() as trace:
        answer = handler({"Records": [modify()]}, FakeContext())
    assert (answer, len(sns.taken)) == ({"batchItemFailures": []}, 1)
    return trace


@pytest.fixture
def of_a_message():
    rows = Rows()
    table = GuardedTable(rows, "rows", rule=attributes)
    handler = consumers.lambda_handler(
        from_environment(ENVIRONMENT),
        LatestState(table, writers_max=1),
        sqs=None,
        reporter=Silence(),
    )
    message = sqs_record(1, encode(live(1)))
    with Trace() as trace:
        answer = handler({"Records": [message]}, SimpleNamespace())
    assert (answer, len(rows.written)) == ({"batchItemFailures": []}, 1)
    return trace


def check(trace, way, used):
    own = [file for file in trace.entered if not file.startswith("customer_events/")]
    assert [file for file in own if file not in used] == list(way)
    assert trace.came_back == [], "a call goes back into a file that it came from"


def test_a_record_enters_each_file_on_its_way_to_the_bus_once(of_a_record):
    check(of_a_record, OF_A_RECORD, USED_BY_A_RECORD)


def test_a_message_enters_each_file_on_its_way_to_its_row_once(of_a_message):
    check(of_a_message, OF_A_MESSAGE, USED_BY_A_MESSAGE)


def test_a_call_that_goes_back_is_noticed(of_a_message):
    with Trace() as trace:
        LatestState(
            GuardedTable(Rows(), "rows", rule=lambda event: dict(back(event))),
            writers_max=1,
        ).handle([live(1)])
    assert {files[0] for files in trace.came_back} == {"event_consumer/latest_state.py"}


def back(event):
    """A rule that calls what calls it."""
    LatestState(SimpleNamespace(), writers_max=1).handle([])
    return attributes(event)
