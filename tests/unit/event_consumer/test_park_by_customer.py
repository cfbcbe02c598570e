"""Once a customer's event is parked, that customer's later events wait behind it, in order."""

import pytest

from customer_events.deadline import Deadlines
from customer_events.encoder import encode
from customer_events.errors import SchemaViolation
from event_consumer.outcomes import APPLIED, DUPLICATE, parked, retry
from event_consumer.ports import Note
from unit.event_consumer.consumer_samples import (
    NOON,
    UNHURRIED,
    Consumption,
    FakeClock,
    ParkingLotInMemory,
    RedeliveryInMemory,
    failures,
    live,
    message,
    text_attribute,
)

POISON = parked(SchemaViolation("expected another", field="data"))


class GroupsInMemory:
    """Notes; `fault` says whether a call by that name fails, and `meets` learns of each call."""

    def __init__(self):
        self.notes = {}
        self.meets = lambda _call: None
        self.fault = lambda _call: False

    def first(self, group):
        self._fail("first")
        found = min(self.notes.get(group, {}).values(), default=None)
        return Note(message_id=found[1], place=found[0]) if found else None

    def holds(self, group, message_id):
        self._fail("holds")
        return any(noted == message_id for _, noted in self.notes.get(group, {}).values())

    def add(self, group, message_id, *, sequence_number):
        self._fail("add")
        place = sequence_number.zfill(40)
        self.notes.setdefault(group, {})[place] = (place, message_id)

    def remove(self, group, note):
        self._fail("remove")
        self.notes.get(group, {}).pop(note.place, None)

    def _fail(self, call):
        self.meets(call)
        if self.fault(call):
            raise TimeoutError(call)


class EveryTransition:
    """Keeps what it handled, in order, once each; what is `broken` is refused."""

    def __init__(self):
        self.handled = []
        self.broken = {}

    def handle(self, events, deadline):
        return [self._one(one.customer_id, int(one.sequence[-4:])) for one in events]

    def _one(self, customer_id, number):
        if (customer_id, number) in self.broken:
            return self.broken[customer_id, number]
        if (customer_id, number) in self.handled:
            return DUPLICATE
        self.handled.append((customer_id, number))
        return APPLIED

    def of(self, customer_id):
        return [number for name, number in self.handled if name == customer_id]


class Rig:
    def __init__(self):
        self.groups = GroupsInMemory()
        self.handler = EveryTransition()
        self.clock = FakeClock()
        self.deadlines = UNHURRIED
        self.redelivery = RedeliveryInMemory()
        self.lot = ParkingLotInMemory()

    def consume(self, *messages):
        """The outcomes and their reasons or errors."""
        deliveries = self._consumption().consume(messages, self.deadlines)
        assert [one.message for one in deliveries] == list(messages)
        self.failures = failures(deliveries)
        return [words(one) for one in deliveries]

    def decide(self, *messages):
        decided = self._consumption().consumer.decide(messages, self.deadlines)
        return [words(one) for one in decided]

    def _consumption(self):
        """In a process of its own, which has no evidence against a message."""
        return Consumption(
            self.handler, groups=self.groups, lot=self.lot, redelivery=self.redelivery
        )


def words(delivery):
    handled = delivery.handled
    return (handled.outcome.value, handled.reason.code if handled.reason else handled.error_type)


def fifo(number, customer="c-1", **other):
    body = encode(live(number % 1000, customer_id=customer))
    return message(number, body, fifo=True, group_id=customer, sequence_number=str(number), **other)


def replayed(original, number):
    """As a replay sends it: a new message with the first one's id in its mark."""
    note = (
        f'{{"original_message_id": "{original.message_id}", '
        '"first_received_at": "2026-11-23T12:00:00Z"}'
    )
    return message(
        number,
        original.body,
        fifo=True,
        group_id=original.group_id,
        sequence_number=str(number),
        attributes={"replayed": text_attribute(note)},
    )


WELL = ("APPLIED", "")
BEHIND = ("PARKED", "BehindParkedEvent")
BAD = ("PARKED", "SchemaViolation")


def test_a_replay_releases_them_in_order_and_then_the_customer_is_free():
    rig = Rig()
    rig.handler.broken = {("c-1", 1): POISON}
    first, second, third = fifo(1), fifo(2), fifo(3)
    rig.consume(first, second, third)
    rig.handler.broken = {}
    for number, one in enumerate((first, second, third), start=1001):
        assert rig.consume(replayed(one, number)) == [WELL]
    assert rig.handler.of("c-1") == [1, 2, 3]
    assert rig.groups.notes == {"c-1": {}}
    assert rig.consume(fifo(4)) == [WELL]


def test_what_is_still_broken_stays_first_when_it_is_replayed():
    rig = Rig()
    rig.handler.broken = {("c-1", 1): POISON}
    first, second = fifo(1), fifo(2)
    rig.consume(first, second)
    assert rig.consume(replayed(first, 1001), replayed(second, 1002)) == [BAD, BEHIND]
    rig.handler.broken = {}
    assert rig.consume(replayed(second, 1003)) == [BEHIND]
    assert rig.consume(replayed(first, 1004)) == [WELL]
    assert rig.consume(replayed(second, 1005)) == [WELL]


def test_through_the_function_what_waits_is_left_for_later_and_nothing_is_parked():
    rig = Rig()
    rig.handler.broken = {("c-1", 1): POISON}
    first, second = fifo(1), fifo(2)
    rig.consume(first, second)
    parked_so_far = len(rig.lot.parked)
    noted = {group: dict(notes) for group, notes in rig.groups.notes.items()}
    rig.handler.broken[("c-2", 3)] = POISON
    assert rig.decide(fifo(3, "c-2")) == [BAD]
    assert rig.groups.notes == noted
    assert rig.decide(second) == [("RETRY", "BehindParkedEvent")]
    assert rig.decide(first) == [BAD]
    rig.handler.broken = {}
    assert rig.decide(first, second) == [WELL, WELL]
    assert len(rig.lot.parked) == parked_so_far
    assert rig.groups.notes == {"c-1": {}}


def test_a_retry_holds_back_what_follows_it_in_the_batch_and_is_first_when_it_comes_back():
    rig = Rig()
    rig.handler.broken = {("c-1", 1): retry("Throttled")}
    sent = fifo(1), fifo(2), fifo(3, "c-2"), fifo(4, "c-2")
    assert rig.consume(*sent) == [
        ("RETRY", "Throttled"),
        ("RETRY", "BehindFailedMessage"),
        WELL,
        WELL,
    ]
    assert len(rig.failures) == 2
    assert rig.groups.first("c-1").message_id == sent[0].message_id
    assert rig.redelivery.delayed == list(sent[:2])
    # SQS moved the first to the DLQ by itself: what follows waits for it all the same.
    assert rig.consume(fifo(2)) == [BEHIND]
    rig.handler.broken = {}
    assert rig.consume(replayed(fifo(1), 1001)) == [WELL]


@pytest.mark.parametrize("call", ["first", "add", "remove"])
def test_where_a_note_can_not_be_kept_the_message_comes_back_and_order_holds(call):
    rig = Rig()
    first, second = fifo(1), fifo(2)
    if call == "remove":
        rig.groups.add("c-1", first.message_id, sequence_number="1")
    else:
        rig.handler.broken = {("c-1", 1): POISON}
    rig.groups.fault = lambda name: name == call
    assert rig.consume(first, second)[0] == ("RETRY", "TimeoutError")
    assert len(rig.failures) == 2
    assert rig.lot.parked == []
    rig.groups.fault = lambda _call: False
    rig.handler.broken = {}
    rig.consume(first, second)
    assert rig.handler.of("c-1") == [1, 2]
    assert rig.groups.notes.get("c-1", {}) == {}


def test_a_parking_that_fails_leaves_the_message_in_the_queue_and_first():
    rig = Rig()
    rig.handler.broken = {("c-1", 1): POISON}
    rig.lot = ParkingLotInMemory(fault=TimeoutError())
    assert rig.consume(fifo(1), fifo(2)) == [
        ("RETRY", "TimeoutError"),
        ("RETRY", "BehindFailedMessage"),
    ]
    rig.lot, rig.handler.broken = ParkingLotInMemory(), {}
    assert rig.consume(fifo(1), fifo(2)) == [WELL, WELL]


def test_messages_of_a_standard_queue_wait_for_nobody():
    rig = Rig()
    rig.handler.broken = {("c-1", 1): POISON}
    one, two = (message(number, encode(live(number)), group_id="c-1") for number in (1, 2))
    assert rig.consume(one, two) == [BAD, WELL]
    assert rig.groups.notes == {}


def test_what_is_parked_says_when():
    rig = Rig()
    rig.handler.broken = {("c-1", 1): POISON}
    rig.consume(fifo(1))
    assert rig.lot.parked_at == [NOON]


# Time, and the process that dies


def test_ten_messages_of_one_group_share_one_deadline():
    """At 4.5 seconds a write they took 45 in an invocation of 30."""
    rig = Rig()
    rig.deadlines = Deadlines(work=rig.clock.deadline(12), parking=rig.clock.deadline(21))
    started = rig.clock.seconds
    handle = rig.handler.handle

    def slow(events, deadline):
        rig.clock.seconds += 4.5
        return handle(events, deadline)

    rig.handler.handle = slow
    ends = rig.consume(*[fifo(number) for number in range(1, 11)])
    assert rig.clock.seconds - started < 21
    assert ends == [WELL] * 3 + [("RETRY", "OutOfTime")] + [("RETRY", "BehindFailedMessage")] * 6
    assert rig.handler.of("c-1") == [1, 2, 3]
    assert not rig.groups.notes, "it was not tried: nobody has to wait behind it"


def test_what_can_not_be_noted_in_time_is_not_parked():
    rig = Rig()
    rig.deadlines = Deadlines(work=rig.clock.deadline(12), parking=rig.clock.deadline(0))
    rig.handler.broken = {("c-1", 1): POISON}
    assert rig.consume(fifo(1)) == [("RETRY", "OutOfTime")]
    assert (rig.lot.parked, rig.groups.notes) == ([], {})


def test_each_call_for_a_note_begins_while_there_is_time_for_one():
    """A replayed message is looked for and then noted: two calls in the time reserved for one."""
    rig = Rig()
    first, second = fifo(1), fifo(2)
    rig.groups.add("c-1", first.message_id, sequence_number="1")
    calls = []

    def slow(call):
        calls.append(call)
        rig.clock.seconds += 9

    rig.groups.meets = slow
    rig.deadlines = Deadlines(work=rig.clock.deadline(10), parking=rig.clock.deadline(12))
    assert rig.consume(replayed(second, 1001)) == [("RETRY", "OutOfTime")]
    assert calls == ["first", "holds"]
    assert rig.lot.parked == []


def test_what_is_noted_by_its_own_id_takes_one_call():
    rig = Rig()
    calls = []
    rig.groups.meets = calls.append
    rig.handler.broken = {("c-1", 1): POISON}
    assert rig.consume(fifo(1), fifo(2)) == [BAD, BEHIND]
    assert calls == ["first", "add", "first", "add"]


def test_on_its_last_receive_a_message_that_can_not_be_noted_stops_its_group():
    """The next one of its group came in a later turn of the batch, and passed it."""
    rig = Rig()
    rig.groups.fault = lambda name: name == "add"
    assert rig.consume(fifo(1, receive_count=240), fifo(2), fifo(3, "c-2")) == [
        ("RETRY", "TimeoutError"),
        ("RETRY", "BehindFailedMessage"),
        WELL,
    ]
    assert rig.handler.handled == [("c-2", 3)]
    assert rig.redelivery.acknowledged == []


def test_a_message_that_kills_the_process_is_parked_with_its_note_and_later_ones_wait():
    rig = Rig()

    def die(events, deadline):
        raise SystemExit

    handle, rig.handler.handle = rig.handler.handle, die
    for receives in range(1, 240):
        with pytest.raises(SystemExit):
            rig.consume(fifo(1, receive_count=receives), fifo(2))
    assert rig.consume(fifo(1, receive_count=240)) == [("PARKED", "KeepsFailing")]
    rig.handler.handle = handle
    assert rig.consume(fifo(2)) == [("PARKED", "BehindParkedEvent")]
    [first, second] = [one.message for one in rig.lot.parked]
    assert rig.consume(replayed(first, 101), replayed(second, 102)) == [WELL, WELL]
    assert rig.handler.of("c-1") == [1, 2]


def test_a_replay_tries_what_was_received_often_while_it_lay_in_the_dlq():
    assert Rig().decide(fifo(1, receive_count=500)) == [WELL]
