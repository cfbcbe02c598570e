"""Every message of a batch gets an outcome, and none is dropped."""

from dataclasses import replace

import pytest

from customer_events.deadline import Deadlines
from customer_events.encoder import encode
from customer_events.errors import NotJson, OrderContradiction
from event_consumer.latest_state import LatestState
from event_consumer.outcomes import APPLIED, Cause, parked, retry
from unit.event_consumer.consumer_samples import (
    UNHURRIED,
    Answers,
    Consumption,
    FakeClock,
    ParkingLotInMemory,
    RedeliveryInMemory,
    RowsInMemory,
    failures,
    live,
    message,
    message_id,
)

CONTRADICTION = parked(OrderContradiction("expected another", field="sequence"))
TEXT = encode(live(1))


def consume(messages, answers=None, *, deadlines=UNHURRIED, **parts):
    handler = LatestState(RowsInMemory(), writers_max=1) if answers is None else Answers(answers)
    return Consumption(handler, **parts).consume(messages, deadlines)


def ends(deliveries):
    return [str(one.handled.outcome) for one in deliveries]


def fifo(number, body=TEXT, group="g"):
    return message(number, body, fifo=True, group_id=group)


def test_a_poison_message_is_parked_and_its_neighbours_are_applied():
    lot = ParkingLotInMemory()
    deliveries = consume([message(1, TEXT), message(2, '{"hello"'), message(3, TEXT)], lot=lot)
    assert ends(deliveries) == ["APPLIED", "PARKED", "DUPLICATE"] or ends(deliveries) == [
        "DUPLICATE",
        "PARKED",
        "APPLIED",
    ]
    assert [(one.message.message_id, one.reason.code) for one in lot.parked] == [
        (message_id(2), "NotJson")
    ]
    assert failures(deliveries) == []


def test_each_reason_for_parking_is_told_by_its_code():
    bodies = {
        "NotJson": "hello",
        "UnknownEnvelope": '{"hello": "world"}',
        "UnknownEventType": TEXT.replace("CustomerStatusChanged.v2", "CustomerRenamed.v1"),
        "SchemaViolation": TEXT.replace('"changed"', '"vanished"'),
        "UnsupportedVersion": TEXT.replace("Changed.v2", "Changed.v9"),
        "UnknownStatus": TEXT.replace('"ACTIVE"', '"DORMANT"'),
    }
    lot = ParkingLotInMemory()
    consume([message(n, body) for n, body in enumerate(bodies.values())], lot=lot)
    assert [one.reason.code for one in lot.parked] == list(bodies)


def test_a_contradiction_that_the_handler_finds_is_parked():
    lot = ParkingLotInMemory()
    assert ends(consume([message(1, TEXT)], [CONTRADICTION], lot=lot)) == ["PARKED"]
    assert lot.parked[0].reason is CONTRADICTION.reason


def test_a_message_that_the_parking_lot_does_not_confirm_stays_in_the_queue():
    messages = [message(1, "x"), message(2, "x")]
    deliveries = consume(messages, lot=ParkingLotInMemory(refused=[message_id(1)]))
    assert ends(deliveries) == ["RETRY", "PARKED"]
    assert deliveries[0].handled.error_type == "ParkingFailed"
    assert failures(deliveries) == [message_id(1)]


def test_where_parking_raises_the_poison_stays_and_the_rest_is_acknowledged():
    deliveries = consume(
        [message(1, "x"), message(2, TEXT)], lot=ParkingLotInMemory(fault=OSError("gone"))
    )
    assert ends(deliveries) == ["RETRY", "APPLIED"]
    assert deliveries[0].handled.error_type == "OSError"


def test_where_delaying_raises_the_outcomes_stand():
    deliveries = consume(
        [message(1, TEXT), message(2, TEXT), message(3, "x")],
        [retry("Timeout"), APPLIED],
        redelivery=RedeliveryInMemory(fault=ValueError("no")),
    )
    assert ends(deliveries) == ["RETRY", "APPLIED", "PARKED"]
    assert failures(deliveries) == [message_id(1)]


def test_nothing_is_delayed_where_nothing_failed():
    redelivery = RedeliveryInMemory(fault=AssertionError("called"))
    assert ends(consume([message(1, TEXT)], redelivery=redelivery)) == ["APPLIED"]


def test_a_handler_that_raises_retries_its_events_and_parks_the_poison():
    deliveries = consume([message(1, TEXT), message(2, "x")], KeyError("status"))
    assert ends(deliveries) == ["RETRY", "PARKED"]
    assert deliveries[0].handled.error_type == "KeyError"


@pytest.mark.parametrize("answers", [[], [APPLIED], [APPLIED] * 3, iter([APPLIED]), None])
def test_a_handler_that_does_not_answer_each_event_retries_them_all(answers):
    messages = [message(1, TEXT), message(2, TEXT)]
    deliveries = Consumption(Answers(answers)).consume(messages)
    assert ends(deliveries) == ["RETRY", "RETRY"]


def test_an_exception_of_ours_while_reading_a_message_retries_that_message(monkeypatch):
    def break_on_marked(body):
        if body == "marked":
            raise ZeroDivisionError
        raise NotJson("expected JSON")

    monkeypatch.setattr("event_consumer.consume_batch.unwrap", break_on_marked)
    deliveries = consume([message(1, "marked"), message(2, "other")])
    assert ends(deliveries) == ["RETRY", "PARKED"]
    assert deliveries[0].handled.error_type == "ZeroDivisionError"


# FIFO


def test_on_fifo_what_follows_a_failed_message_of_its_group_comes_back_with_it():
    messages = [fifo(1), fifo(2), fifo(3)]
    redelivery = RedeliveryInMemory()
    deliveries = consume(messages, [APPLIED, retry("Timeout"), APPLIED], redelivery=redelivery)
    assert ends(deliveries) == ["APPLIED", "RETRY", "RETRY"]
    assert deliveries[2].handled.error_type == "BehindFailedMessage"
    assert [one.event for one in deliveries] == [live(1)] * 3
    assert failures(deliveries) == [message_id(2), message_id(3)]
    assert redelivery.delayed == messages[1:]


def test_on_fifo_a_parked_message_holds_nothing_back():
    assert ends(consume([fifo(1, "poison"), fifo(2)])) == ["PARKED", "APPLIED"]


def test_on_fifo_a_message_whose_parking_failed_holds_its_group_back():
    lot = ParkingLotInMemory(refused=[message_id(1)])
    deliveries = consume([fifo(1, "poison"), fifo(2)], lot=lot)
    assert ends(deliveries) == ["RETRY", "RETRY"]
    assert [one.event for one in deliveries] == [None, live(1)]


def test_an_event_that_was_to_be_parked_and_could_not_be_is_told_with_its_event():
    lot = ParkingLotInMemory(refused=[message_id(1)])
    (delivery,) = consume([message(1, TEXT)], [CONTRADICTION], lot=lot)
    assert (delivery.event, delivery.handled) == (live(1), retry("ParkingFailed"))


def test_on_fifo_what_is_parked_already_does_not_come_back_as_well():
    deliveries = consume([fifo(1), fifo(2, "poison"), fifo(3)], [retry("Timeout"), APPLIED])
    assert ends(deliveries) == ["RETRY", "PARKED", "RETRY"]


def test_on_a_standard_queue_a_group_is_for_fairness_and_holds_nothing_back():
    messages = [message(n, TEXT, group_id="tenant") for n in (1, 2)]
    assert ends(consume(messages, [retry("Timeout"), APPLIED])) == ["RETRY", "APPLIED"]


# Time, and messages that kill the process


class Process(BaseException):
    """It dies."""


class DeadlyRows(RowsInMemory):
    """Takes a while for each write; one customer's kills the process."""

    def __init__(self, clock=None, seconds=0.0, deadly="nobody"):
        super().__init__()
        self.clock, self.seconds, self.deadly = clock, seconds, deadly

    def write(self, event):
        if event.customer_id == self.deadly:
            raise Process
        if self.clock:
            self.clock.seconds += self.seconds
        return super().write(event)


def customers(count, **other):
    return [message(n, encode(live(1, customer_id=f"c-{n}")), **other) for n in range(count)]


def consume_into(rows, messages, *, deadlines=UNHURRIED, **parts):
    handler = LatestState(rows, writers_max=1)
    return Consumption(handler, **parts).consume(messages, deadlines)


def test_what_lambda_leaves_no_time_for_comes_back():
    clock = FakeClock()
    limits = Deadlines(work=clock.deadline(12), parking=clock.deadline(21))
    deliveries = consume_into(DeadlyRows(clock, 4.5), customers(10), deadlines=limits)
    assert ends(deliveries) == ["APPLIED"] * 3 + ["RETRY"] * 7
    assert {one.handled.error_type for one in deliveries[3:]} == {"OutOfTime"}


def test_suspects_share_the_one_deadline():
    clock = FakeClock()
    limits = Deadlines(work=clock.deadline(12), parking=clock.deadline(21))
    suspects = customers(10, receive_count=5)
    deliveries = consume_into(DeadlyRows(clock, 4.5), suspects, deadlines=limits)
    assert sorted(ends(deliveries)) == ["APPLIED"] * 3 + ["RETRY"] * 7


def acknowledged(redelivery):
    return {one.message_id for one in redelivery.acknowledged}


def test_messages_that_were_received_often_wait_until_the_others_are_stored():
    rows, redelivery = DeadlyRows(deadly="c-0"), RedeliveryInMemory()
    suspect, *others = customers(4)
    with pytest.raises(Process):
        consume_into(rows, [replace(suspect, receive_count=5), *others], redelivery=redelivery)
    assert sorted(rows.rows) == ["c-1", "c-2", "c-3"]
    assert acknowledged(redelivery) == {one.message_id for one in others}


def test_what_failed_is_not_acknowledged_before_the_suspects():
    class Rows(RowsInMemory):
        def write(self, event):
            if event.customer_id == "c-1":
                raise TimeoutError
            return super().write(event)

    redelivery = RedeliveryInMemory()
    suspect, *others = customers(3)
    deliveries = consume_into(
        Rows(), [replace(suspect, receive_count=5), *others], redelivery=redelivery
    )
    assert ends(deliveries) == ["APPLIED", "RETRY", "APPLIED"]
    assert acknowledged(redelivery) == {message_id(2)}
    assert [one.message_id for one in redelivery.delayed] == [message_id(1)]


def test_on_its_last_receive_a_message_is_parked_before_anybody_else_can_kill_the_process():
    lot = ParkingLotInMemory()
    last, deadly = customers(2)
    with pytest.raises(Process):
        consume_into(DeadlyRows(deadly="c-1"), [deadly, replace(last, receive_count=240)], lot=lot)
    assert [one.reason.code for one in lot.parked] == ["KeepsFailing"]


def test_on_fifo_a_last_receive_that_can_not_be_parked_holds_back_every_turn_of_its_group():
    messages = [fifo(1, group="a"), fifo(2, group="a"), fifo(3, group="b")]
    messages[0] = replace(messages[0], receive_count=240)
    rows, lot = RowsInMemory(), ParkingLotInMemory(fault=OSError())
    deliveries = consume_into(rows, messages, lot=lot)
    assert ends(deliveries) == ["RETRY", "RETRY", "APPLIED"]
    assert deliveries[1].handled.error_type == "BehindFailedMessage"
    assert len(rows.writes) == 1


def test_an_acknowledgement_that_fails_is_made_by_the_answer():
    messages = [*customers(1), *customers(2, receive_count=5)[1:]]
    deliveries = consume_into(
        RowsInMemory(), messages, redelivery=RedeliveryInMemory(fault=OSError())
    )
    assert ends(deliveries) == ["APPLIED", "APPLIED"]


def test_a_message_whose_parking_was_refused_is_told_with_awss_code():
    class Refusing:
        def park(self, parkings, *, parked_at, deadline):
            return {message_id(1): "AccessDenied", message_id(2): "InvalidMessageContents"}

    messages = [message(n, "x") for n in (1, 2, 3)]
    deliveries = consume_into(RowsInMemory(), messages, lot=Refusing())
    assert [(one.handled.error_type, one.handled.cause) for one in deliveries] == [
        ("ParkingFailed:AccessDenied", Cause.DEPENDENCY_FAULT),
        ("ParkingFailed:InvalidMessageContents", Cause.UNEXPECTED),
        ("ParkingFailed", Cause.WAITS),
    ]
