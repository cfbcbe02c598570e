"""The consumer as Lambda gets it: its time, its clients, its reader, and what it answers."""

import gc
import json
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from botocore.session import get_session

from cold_start import clients
from customer_events import registry
from customer_events.decoder import attributes_of, expect_same_customer, read_envelope, validate
from customer_events.encoder import encode, to_document
from customer_events.errors import SchemaViolation, UnknownEventType, UnsupportedVersion
from customer_events.event import Event
from customer_events.settings import BadSettings
from customer_events.wire_models import Attributes, CustomerId, Wire
from event_consumer import bootstrap, every_event_consumer, latest_state_consumer
from event_consumer.latest_state import LatestState
from event_consumer.settings import from_environment
from unit.event_consumer.consumer_samples import (
    ENVIRONMENT,
    QUEUE_ARN,
    REGION,
    AppliesAll,
    FakeClock,
    RowsInMemory,
    Silence,
    SqsInMemory,
    lambda_context,
    live,
    message_id,
    record,
)


def built(handler, **parts):
    """A Lambda handler on what is in memory."""
    parts = {"sqs": SqsInMemory(), "reporter": Silence()} | parts
    return bootstrap.lambda_handler(from_environment(ENVIRONMENT), handler, **parts)


# The consumer asks Lambda for the time left, and keeps enough of it for parking and answering


class SlowRows(RowsInMemory):
    def __init__(self, clock, seconds):
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def write(self, event):
        self.clock.seconds += self.seconds
        return super().write(event)


def run(records, *, function_seconds=30.0, write_seconds=1.0, call_seconds=0.0):
    """What was written, the SQS client, and how long it all took."""
    clock = FakeClock()
    rows = SlowRows(clock, write_seconds)
    sqs = SqsInMemory(lambda: clock.pass_seconds(call_seconds))
    handler = built(LatestState(rows, writers_max=1), sqs=sqs, clock=clock)
    started = clock.seconds
    answer = handler({"Records": records}, lambda_context(function_seconds))
    failed = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
    return len(rows.writes), sqs, clock.seconds - started, failed


def events(count):
    return [record(n, live(1, customer_id=f"c-{n}")) for n in range(count)]


@pytest.mark.parametrize(
    ("function_seconds", "writes"), [(30, 12), (60, 42), (20, 8), (10, 4), (900, 882)]
)
def test_writes_start_while_a_write_and_a_parking_still_fit(function_seconds, writes):
    written, _, _, failed = run(events(1000), function_seconds=function_seconds)
    assert written == writes
    assert failed == [message_id(n) for n in range(writes, 1000)]


def test_a_write_that_takes_as_long_as_the_client_lets_it_leaves_time_to_park():
    poison = record(0, "poison")
    _, sqs, seconds, failed = run([poison, *events(9)[1:]], write_seconds=9.0, call_seconds=9.0)
    assert len(sqs.parked) == 1
    assert seconds <= 30
    assert message_id(0) not in failed


def test_parking_in_several_calls_and_delaying_end_before_lambda_ends_the_invocation():
    poison = [record(n, "poison") for n in range(100)]
    _, sqs, seconds, failed = run(poison, call_seconds=9.0)
    assert seconds <= 30
    assert len(sqs.parked) == 30
    assert failed == [message_id(n) for n in range(30, 100)]
    assert sqs.delayed == [], "they come back when their visibility timeout ends"


def test_a_short_function_keeps_three_tenths_of_its_time_for_answering():
    poison = [record(n, "poison") for n in range(100)]
    _, sqs, seconds, _ = run(poison, function_seconds=10.0, call_seconds=2.0)
    assert (len(sqs.parked), seconds) == (40, 8.0)


@pytest.mark.parametrize("service", ["dynamodb", "sqs"])
def test_a_client_gives_a_call_up_after_two_attempts_of_a_second_and_three(service, monkeypatch):
    """So that nine seconds, a second between the attempts included, are enough for any call."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    settings = from_environment(ENVIRONMENT)
    config = bootstrap.aws_client(get_session(), service, settings).meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries["total_max_attempts"] == 2
    assert config.max_pool_connections == settings.writers_max


def test_a_replay_has_the_same_deadline():
    clock = FakeClock()
    handler = built(LatestState(SlowRows(clock, 5.0), writers_max=1), clock=clock)
    records = [record(n, encode(live(1, customer_id=f"c-{n}"))) for n in range(9)]
    told = handler({"Records": records, "report_outcomes": True}, lambda_context())["outcomes"]
    assert [one["reason"] for one in told] == [""] * 3 + ["OutOfTime"] * 6


# A consumer is built without garbage collection, and makes no client before it needs it

BUILDERS = {
    "latest state": lambda environ: latest_state_consumer(lambda _: {}, environ),
    "every event": lambda environ: every_event_consumer(lambda _: None, environ),
}


@pytest.fixture
def made(monkeypatch):
    """The services for which a client was made, and whether anything was collected meanwhile."""
    made, create = [], clients.create_client

    def note(session, service, **options):
        made.append((service, gc.isenabled()))
        return create(session, service, **options)

    monkeypatch.setattr(clients, "create_client", note)
    monkeypatch.setattr(gc, "freeze", lambda: made.append(("frozen", gc.isenabled())))
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    return made


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_nothing_is_collected_while_it_is_built_and_what_was_built_is_frozen(build, made):
    build(ENVIRONMENT)
    assert made == [("dynamodb", False), ("frozen", False)]
    assert gc.isenabled()


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_a_wrong_setting_leaves_garbage_collection_on(build, made):
    with pytest.raises(BadSettings):
        build({})
    assert gc.isenabled()
    assert made == []


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_a_client_of_sqs_is_made_once_something_is_parked(build, made):
    handle = build(ENVIRONMENT)
    made.clear()
    for _ in range(2):
        handle({"Records": [record(1, "poison")]}, None)
    assert [service for service, _ in made] == ["sqs"]


# A consumer that is asked for outcomes: it handles, tells, and leaves the queues alone


class Untouched:
    """An SQS client that nobody may call."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"called {name}")


class Failing:
    """Applies nothing: every event is to come back."""

    def handle(self, events, deadline):
        raise TimeoutError(len(events))


def records(*bodies):
    return [
        {"messageId": message_id(n), "body": body, "eventSourceARN": QUEUE_ARN}
        for n, body in enumerate(bodies, start=1)
    ]


def ask(handler, *bodies, reporter=None):
    handle = built(handler, sqs=Untouched(), reporter=reporter or Silence())
    return handle({"report_outcomes": True, "Records": records(*bodies)}, None)


def test_what_fails_is_told_and_neither_parked_nor_delayed():
    reporter = Silence()
    found = ask(Failing(), encode(live(1)), '{"hello"', reporter=reporter)["outcomes"]
    assert [(one["message_id"], one["outcome"], one["reason"]) for one in found] == [
        (message_id(1), "RETRY", "TimeoutError"),
        (message_id(2), "PARKED", "NotJson"),
    ]
    assert [(one["field"], one["expected"]) for one in found] == [
        ("", ""),
        ("", "expected one JSON document"),
    ]
    assert reporter.deliveries == [], "nothing was moved, so nothing may raise an alarm"


def test_being_asked_with_no_message_shows_that_it_can_tell():
    assert ask(Failing()) == {"outcomes": []}


def test_an_answer_holds_no_payload():
    document = json.loads(encode(live(1, customer_id="canary"))) | {"sequence": "canary"}
    assert "canary" not in json.dumps(ask(Failing(), json.dumps(document)))


def test_what_would_be_parked_is_told_with_its_field():
    body = json.loads(encode(live(1))) | {"time": "noon"}
    (found,) = ask(Failing(), json.dumps(body))["outcomes"]
    assert (found["reason"], found["field"]) == ("SchemaViolation", "time")
    assert found["expected"]


# A consumer reads unknown statuses as its own entry in the registry says, and parks the rest


@pytest.fixture
def consume(monkeypatch):
    """Runs one batch of a consumer for which `status_map` was agreed."""

    def run(body, status_map):
        known = registry.load("CustomerStatusChanged")
        agreed = registry.Registry(
            event=known.event, versions=known.versions, status_maps={"payments": status_map}
        )
        monkeypatch.setattr(bootstrap, "load", lambda event: agreed)
        handler, sqs = AppliesAll(), SqsInMemory()
        response = built(handler, sqs=sqs)({"Records": [record(1, body)]}, SimpleNamespace())
        assert response == {"batchItemFailures": []}
        return [str(event.status) for event in handler.events], sqs.reasons

    return run


def test_an_unknown_status_is_read_as_the_subscribers_entry_says_or_parked(consume):
    frozen = encode(live(1)).replace('"ACTIVE"', '"FROZEN"')
    assert consume(frozen, {"FROZEN": "SUSPENDED"}) == (["SUSPENDED"], [])
    assert consume(frozen, {}) == ([], ["UnknownStatus"])


# A consumer of another event brings its reader; the engine does the rest


class CustomerRenamed(Event):
    name: ClassVar[str] = "CustomerRenamed"
    type_prefix: ClassVar[str] = "novapay.accounts.CustomerRenamed.v"


class Data(Wire):
    customer_id: CustomerId


def from_document(document):
    major, envelope = read_envelope(document, Attributes, CustomerRenamed, 1)
    data = validate(Data, envelope.data, "data")
    expect_same_customer(data.customer_id, envelope)
    return CustomerRenamed(
        **attributes_of(envelope), schema_version=major, customer_id=data.customer_id
    )


def document(**changed):
    made = to_document(live(1)) | {"type": "novapay.accounts.CustomerRenamed.v1"}
    return made | {"data": {"customer_id": "c-1"}} | changed


def test_another_event_reaches_its_handler_and_a_status_is_parked(capsys):
    handler, sqs = AppliesAll(), SqsInMemory()
    handle = bootstrap.lambda_handler(
        from_environment(ENVIRONMENT), handler, sqs=sqs, reader=from_document
    )
    records = [record(1, json.dumps(document())), record(2, live(2))]
    assert handle({"Records": records}, SimpleNamespace()) == {"batchItemFailures": []}
    [event] = handler.events
    assert isinstance(event, CustomerRenamed)
    assert event.customer_id == "c-1"
    assert sqs.reasons == ["UnknownEventType"]
    assert "EventsApplied" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "error", "field"),
    [
        ({"type": "novapay.accounts.CustomerStatusChanged.v1"}, UnknownEventType, "type"),
        ({"type": "novapay.accounts.CustomerRenamed.v2"}, UnsupportedVersion, "type"),
        ({"type": 1}, SchemaViolation, "type"),
        ({"partitionkey": "c-2"}, SchemaViolation, "partitionkey"),
        ({"data": {"customer_id": "c-2"}}, SchemaViolation, "data.customer_id"),
        ({"data": {}}, SchemaViolation, "data.customer_id"),
        ({"sequence": "1"}, SchemaViolation, "sequence"),
    ],
)
def test_what_is_wrong_around_another_event_has_the_contracts_own_errors(changed, error, field):
    with pytest.raises(error) as refused:
        from_document(document(**changed))
    assert refused.value.field == field
