"""A consumer that is asked for outcomes: it handles, tells, and leaves the queues alone."""

import json
from typing import Any

from customer_events.encoder import encode
from event_consumer import bootstrap
from event_consumer.settings import from_environment
from unit.event_consumer.consumer_samples import ENVIRONMENT, QUEUE_ARN, Silence, live, message_id


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
    handle = bootstrap.lambda_handler(
        from_environment(ENVIRONMENT), handler, sqs=Untouched(), reporter=reporter or Silence()
    )
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
