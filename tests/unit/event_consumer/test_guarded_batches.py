"""Several customers in one call: what each answer of a statement means, and what is tried next.

What the statements' conditions mean is tested on the embedded AWS (`test_guard_table_agrees`).
"""

import re

import pytest
from botocore.exceptions import ReadTimeoutError

from customer_events.event import Change, Status
from event_consumer.guarded_batches import (
    OWN_NAMES_MAX_BYTES,
    OWN_VALUES_MAX_LENGTH,
    STATEMENTS_MAX,
    GuardedBatches,
)
from event_consumer.guarded_table import GuardedTable
from event_consumer.latest_state import LatestState
from event_consumer.outcomes import Cause
from stubbed_client import client_error
from unit.event_consumer.consumer_samples import (
    HOSTILE_NAMES,
    FakeClock,
    at,
    live,
    outcomes,
    repair,
    snapshot,
)
from unit.event_consumer.test_guarded_table import ITEM

DONE = {}


def error(code, **more):
    return {"Error": {"Code": code, **more}}


NO_ROW = error("ConditionalCheckFailed")
EMPTY_ROW = error("ConditionalCheckFailed", Item={})
STORED_ROW = error("ConditionalCheckFailed", Item=ITEM)
DUPLICATE_ITEM = error("DuplicateItem")


class Dynamo:
    """Answers a customer's statements by a script, and any other with success.

    It has the table `rows` only, and sends a stored row back where that is asked for.

    `calls` are the customers of each BatchExecuteStatement, `statements` their texts, and `alone`
    the customers of each UpdateItem. `refusal` is raised instead of an answer, and an UpdateItem of
    one of the `denied` is refused too.
    """

    def __init__(self, script=None, refusal=None, lose=0, before=lambda: None, denied=frozenset()):
        self.calls, self.statements, self.alone = [], [], []
        self._script = {customer: list(one) for customer, one in (script or {}).items()}
        self.refusal = refusal
        self._lose = lose
        self._before = before
        self.denied = denied

    def batch_execute_statement(self, **request):
        self._before()
        customers = [_customer(one) for one in request["Statements"]]
        self.calls.append(customers)
        self.statements += [one["Statement"] for one in request["Statements"]]
        if self.refusal:
            raise self.refusal
        responses = list(map(self._response, customers, request["Statements"]))
        return {"Responses": responses[self._lose :]}

    def update_item(self, **request):
        self.alone.append(request["Key"]["customer_id"]["S"])
        if self.alone[-1] in self.denied:
            raise client_error("AccessDeniedException")
        return {"Attributes": ITEM}

    def _response(self, customer, statement):
        if ' "rows" ' not in statement["Statement"]:
            return error("ResourceNotFound")
        response = (self._script.get(customer) or [DONE]).pop(0)
        if statement.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
            return response
        return {name: {**value, "Item": None} for name, value in response.items()}


def _customer(statement):
    [key] = [one["S"] for one in statement["Parameters"] if one.get("S", "").startswith("c-")]
    return key


def handler_of(client, rule=lambda _: {}):
    table = GuardedTable(client, "rows", rule=rule, clock=lambda: at(500))
    batches = GuardedBatches(client, "rows", table)
    return LatestState(table, batches=batches, writers_max=1)


def of_customers(count, **fields):
    return [live(8, customer_id=f"c-{number}", **fields) for number in range(1, count + 1)]


def test_one_customer_takes_an_update_item():
    client = Dynamo()
    assert outcomes(handler_of(client).handle([live(6), live(8)])) == ["STALE", "APPLIED"]
    assert (client.calls, client.alone) == ([], ["c-1"])


def test_rows_that_refuse_every_event_of_a_call_end_no_batches():
    older = [live(6, customer_id=f"c-{number}") for number in (1, 2)]
    client = Dynamo({one.customer_id: [STORED_ROW] * 2 for one in older})
    handler = handler_of(client)
    for _ in range(2):
        assert outcomes(handler.handle(older)) == ["STALE"] * 2
    assert (client.calls, client.alone) == ([["c-1", "c-2"]] * 2, [])


def test_a_call_holds_25_customers_at_most():
    client = Dynamo()
    events = of_customers(STATEMENTS_MAX + 3)
    assert outcomes(handler_of(client).handle(events)) == ["APPLIED"] * len(events)
    assert [len(one) for one in client.calls] == [25, 3]


@pytest.mark.parametrize("no_row", [NO_ROW, EMPTY_ROW])
def test_a_change_is_an_update_and_makes_the_row_where_there_is_none(no_row):
    client = Dynamo({"c-1": [no_row]})
    assert outcomes(handler_of(client).handle(of_customers(2))) == ["APPLIED"] * 2
    assert client.calls == [["c-1", "c-2"], ["c-1"]]
    assert [one[:6] for one in client.statements] == ["UPDATE", "UPDATE", "INSERT"]


@pytest.mark.parametrize("change", [Change.CREATED, Change.SNAPSHOT])
def test_what_mostly_makes_a_row_is_an_insert_and_changes_the_row_where_there_is_one(change):
    client = Dynamo({"c-1": [DUPLICATE_ITEM]})
    events = of_customers(2, change=change)
    assert outcomes(handler_of(client).handle(events)) == ["APPLIED"] * 2
    assert [one[:6] for one in client.statements] == ["INSERT", "INSERT", "UPDATE"]


@pytest.mark.parametrize(
    "script",
    [
        [NO_ROW, DUPLICATE_ITEM],
        [error("ValidationError")],
        [NO_ROW, error("ValidationError")],
    ],
)
def test_what_statements_do_not_settle_an_update_item_does(script):
    """A row that comes and goes meanwhile; a statement, or an INSERT alone, that is not taken."""
    client = Dynamo({"c-1": script})
    handler = handler_of(client)
    assert outcomes(handler.handle(of_customers(2))) == ["APPLIED"] * 2
    assert client.alone == ["c-1"]
    handler.handle(of_customers(2))
    assert client.calls.count(["c-1", "c-2"]) == 2


def test_a_refused_repair_of_an_absent_row_makes_none():
    client = Dynamo({"c-1": [NO_ROW]})
    missing = repair(live(7), Status.CLOSED, seconds=900)
    answers = handler_of(client).handle([missing, *of_customers(2)[1:]])
    assert outcomes(answers) == ["STALE", "APPLIED"]
    assert len(client.calls) == 1


def test_the_row_that_refused_an_event_decides_what_it_is():
    client = Dynamo({"c-1": [STORED_ROW]})
    events = [live(7, seconds=420), *of_customers(2)[1:]]
    assert outcomes(handler_of(client).handle(events)) == ["DUPLICATE", "APPLIED"]


def test_a_row_that_was_changed_by_hand_parks_its_event_alone():
    spoiled = {"customer_id": {"S": "c-1"}}
    client = Dynamo({"c-1": [error("ConditionalCheckFailed", Item=spoiled)]})
    answers = handler_of(client).handle(of_customers(2))
    assert outcomes(answers) == ["PARKED", "APPLIED"]
    assert answers[0].reason.code == "OrderContradiction"


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "InternalServerError",
        "TransactionConflict",
        "ResourceNotFound",
    ],
)
def test_a_fault_of_one_statement_is_a_dependency_fault_of_its_message(code):
    client = Dynamo({"c-1": [error(code)]})
    answers = handler_of(client).handle(of_customers(2))
    assert outcomes(answers) == ["RETRY", "APPLIED"]
    assert (answers[0].error_type, answers[0].cause) == (code, Cause.DEPENDENCY_FAULT)
    assert client.alone == []


@pytest.mark.parametrize(
    "fault",
    [
        client_error("ThrottlingException"),
        client_error("RequestLimitExceeded"),
        client_error("InternalServerError", 500),
        ReadTimeoutError(endpoint_url="https://dynamodb"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_fault_of_the_call_is_a_dependency_fault_of_all_its_messages(fault):
    client = Dynamo(refusal=fault)
    answers = handler_of(client).handle(of_customers(2))
    assert {(one.outcome, one.cause) for one in answers} == {("RETRY", Cause.DEPENDENCY_FAULT)}
    assert client.alone == []


REFUSED = {
    "AccessDeniedException": {"refusal": client_error("AccessDeniedException")},
    "ValidationException": {"refusal": client_error("ValidationException")},
    "AccessDenied": {"script": {f"c-{number}": [error("AccessDenied")] for number in (1, 2)}},
}


@pytest.mark.parametrize("code", REFUSED)
def test_where_statements_are_refused_each_row_takes_an_update_item_from_then_on(code, caplog):
    client = Dynamo(**REFUSED[code])
    handler = handler_of(client)
    for _ in range(2):
        assert outcomes(handler.handle(of_customers(2))) == ["APPLIED"] * 2
    assert (len(client.calls), client.alone) == (1, ["c-1", "c-2"] * 2)
    [warning] = caplog.messages
    assert f"on rows ({code})" in warning
    advice = "Allow dynamodb:PartiQLInsert and dynamodb:PartiQLUpdate, or set"
    assert (advice in warning) == code.startswith("AccessDenied")
    assert "WRITE_IN_BATCHES=false" in warning


@pytest.mark.parametrize("denied", [{"c-1", "c-2"}, {"c-2"}], ids=["every row", "one row"])
def test_what_an_update_item_does_not_write_either_ends_no_batches(denied, caplog):
    """Access that the role lost altogether comes back, and the process still writes in batches."""
    client = Dynamo(refusal=client_error("AccessDeniedException"), denied=denied)
    handler = handler_of(client)
    answers = handler.handle(of_customers(2))
    assert outcomes(answers) == ["RETRY" if f"c-{one}" in denied else "APPLIED" for one in (1, 2)]
    assert answers[1].cause is Cause.DEPENDENCY_FAULT
    assert caplog.messages == []
    client.refusal = None
    assert outcomes(handler.handle(of_customers(2))) == ["APPLIED"] * 2
    assert (len(client.calls), len(client.alone)) == (2, 2)


def test_one_event_that_spoils_the_call_fails_alone(caplog):
    """G4: a call that fails by no outage is made again row by row."""
    client = Dynamo(refusal=client_error("SerializationException"), denied={"c-2"})
    assert outcomes(handler_of(client).handle(of_customers(3))) == ["APPLIED", "RETRY", "APPLIED"]
    assert caplog.messages == []


def test_calls_that_are_refused_at_once_are_told_once(caplog):
    """Two calls of one batch, each refused."""
    client = Dynamo(refusal=client_error("ValidationException"))
    events = of_customers(STATEMENTS_MAX + 2)
    assert outcomes(handler_of(client).handle(events)) == ["APPLIED"] * len(events)
    assert len(caplog.messages) == 1


def test_fewer_responses_than_statements_answer_nobody():
    client = Dynamo(lose=1)
    answers = handler_of(client).handle(of_customers(3))
    assert {(one.outcome, one.error_type) for one in answers} == {
        ("RETRY", "ResponsesDoNotMatchStatements")
    }


def test_a_rule_that_fails_for_one_event_fails_for_no_other():
    def rule(event):
        return {"sequence": "mine"} if event.customer_id == "c-1" else {"payments": "ALLOWED"}

    client = Dynamo()
    answers = handler_of(client, rule).handle(of_customers(3))
    assert outcomes(answers) == ["RETRY", "APPLIED", "APPLIED"]
    assert answers[0].error_type == "UnusableAttributes"
    assert client.calls == [["c-2", "c-3"]]


PLAIN = re.compile("[0-9A-Za-z_-]+")
UNSAYABLE = {
    **{name: {name: "x"} for name in HOSTILE_NAMES if not PLAIN.fullmatch(name)},
    "names too long for a statement": {
        "n" * (OWN_NAMES_MAX_BYTES // 2 - 13): "x",
        "m" * (OWN_NAMES_MAX_BYTES // 2 - 12): "x",
    },
    "values of which 25 would be too large for a call": {
        "note": "x" * OWN_VALUES_MAX_LENGTH,
        "more": "x",
    },
}


@pytest.mark.parametrize("name", UNSAYABLE)
def test_attributes_that_a_statement_could_not_name_are_written_by_update_item(name):
    client, own = Dynamo(), UNSAYABLE[name]
    answers = handler_of(client, lambda event: own if event.customer_id == "c-1" else {}).handle(
        of_customers(3)
    )
    assert outcomes(answers) == ["APPLIED"] * 3
    assert (client.calls, client.alone) == ([["c-2", "c-3"]], ["c-1"])


def test_attributes_as_long_as_may_be_are_written_by_a_statement():
    client, own = Dynamo(), {"n" * (OWN_NAMES_MAX_BYTES - 13): "x" * OWN_VALUES_MAX_LENGTH}
    assert outcomes(handler_of(client, lambda _: own).handle(of_customers(2))) == ["APPLIED"] * 2
    assert client.alone == []


def test_a_row_is_asked_for_only_where_an_older_event_of_its_customer_waits():
    newest = {"Item": ITEM | {"sequence": {"S": live(8).sequence}}}
    client = Dynamo({"c-1": [newest]})
    events = [live(7), *of_customers(2)]
    assert outcomes(handler_of(client).handle(events)) == ["STALE", "APPLIED", "APPLIED"]
    assert [one.endswith(" RETURNING ALL NEW *") for one in client.statements] == [True, False]


def test_where_the_row_that_was_asked_for_does_not_come_the_table_judges_the_older_event():
    client = Dynamo()
    answers = handler_of(client).handle([live(7), *of_customers(2)])
    assert outcomes(answers)[1:] == ["APPLIED", "APPLIED"]
    assert client.alone == ["c-1"]


def test_what_was_inserted_is_the_row_that_older_events_are_judged_by():
    client = Dynamo()
    seed = snapshot(seconds=600)
    answers = handler_of(client).handle([snapshot(seconds=500), seed, *of_customers(2)[1:]])
    assert outcomes(answers) == ["STALE", "APPLIED", "APPLIED"]
    assert len(client.calls) == 1


def test_a_slow_rule_is_not_called_after_the_deadline_and_what_it_prepared_is_written():
    clock, client = FakeClock(), Dynamo()

    def rule(_):
        clock.pass_seconds(4)
        return {}

    answers = handler_of(client, rule).handle(of_customers(3), clock.deadline(5))
    assert outcomes(answers) == ["APPLIED", "APPLIED", "RETRY"]
    assert answers[2].error_type == "OutOfTime"
    assert client.calls == [["c-1", "c-2"]]


def test_a_rule_is_called_once_for_an_event_whatever_writes_it():
    called, client = [], Dynamo({"c-1": [error("ValidationError")]})
    handler_of(client, lambda one: called.append(one.customer_id) or {}).handle(of_customers(2))
    assert (called, client.alone) == (["c-1", "c-2"], ["c-1"])


def test_no_call_begins_after_the_deadline():
    clock = FakeClock()
    client = Dynamo({"c-1": [NO_ROW]}, before=lambda: clock.pass_seconds(9))
    answers = handler_of(client).handle(of_customers(2), clock.deadline(5))
    assert outcomes(answers) == ["RETRY", "APPLIED"]
    assert answers[0].error_type == "OutOfTime"
    assert (len(client.calls), client.alone) == (1, [])
