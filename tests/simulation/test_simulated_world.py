"""The world of the simulation against what AWS documents, and against moto where moto agrees."""

from random import Random

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_parts import create_table, moto_account
from fanout.streams.mapping import Done
from simulation.accounts import RETENTION_SECONDS, Accounts
from simulation.bus import EventBus
from simulation.calls import Calls, Invocation
from simulation.clock import VirtualClock
from simulation.conditions import compiled
from simulation.faults import Setting
from simulation.queues import VISIBILITY_SECONDS, Queue
from simulation.schedule import CallFault
from simulation.stream_mapping import StreamMapping

ACTIVE, CLOSED = {"status": {"S": "ACTIVE"}}, {"status": {"S": "CLOSED"}}


@pytest.fixture(scope="module")
def aws():
    with moto_account() as client:
        yield client


# Conditions

VALUES = st.sampled_from(["a", "ab", "b", "0001.", "0001.7", "é"]).map(lambda text: {"S": text})
NUMBERS = st.sampled_from(["1", "2", "10"]).map(lambda text: {"N": text})
ITEMS = st.dictionaries(st.sampled_from(["s", "t", "n"]), VALUES | NUMBERS, max_size=3)


@st.composite
def expressions(draw, depth=2):
    if depth and draw(st.booleans()):
        left, right = draw(expressions(depth=depth - 1)), draw(expressions(depth=depth - 1))
        match draw(st.sampled_from(["AND", "OR", "NOT"])):
            case "NOT":
                return f"NOT ({left})"
            case word:
                return (
                    f"({left}) {word} {right}"
                    if draw(st.booleans())
                    else f"{left} {word} ({right})"
                )
    name = draw(st.sampled_from(["#s", "#t", "#n"]))
    match draw(st.sampled_from(["not_exists", "begins", "compare", "compare"])):
        case "not_exists":
            return f"attribute_not_exists({name})"
        case "begins":
            return f"begins_with({name}, :s)"
        case _:
            operator = draw(st.sampled_from(["=", "<>", "<", "<="]))
            return f"{name} {operator} {draw(st.sampled_from([':s', ':n']))}"


@pytest.fixture(scope="module")
def table(aws):
    client = aws("dynamodb")
    create_table(client, "rows", "id")
    return client


@settings(max_examples=150, deadline=None)
@given(text=expressions(), item=ITEMS, s=VALUES, n=NUMBERS)
def test_conditions_mean_what_they_mean_to_moto(table, text, item, s, n):
    table.put_item(TableName="rows", Item={"id": {"S": "1"}, **item})
    used = {name: name[1:] for name in ("#s", "#t", "#n") if name in text}
    values = {name: one for name, one in ((":s", s), (":n", n)) if name in text}
    request = {"ExpressionAttributeNames": {"#x": "x", **used}}
    request["ExpressionAttributeValues"] = {":x": {"S": "x"}, **values}
    try:
        table.update_item(
            TableName="rows",
            Key={"id": {"S": "1"}},
            UpdateExpression="SET #x = :x",
            ConditionExpression=text,
            **request,
        )
        holds = True
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            return  # moto knows no such comparison
        holds = False
    except TypeError:
        return  # moto compares unlike types with Python's own operators
    names = tuple(sorted(used.items()))
    assert compiled(text, names)(item, values) is holds


@pytest.mark.parametrize("text", ["", "#s <", "#s < :s)", "(#s < :s", "#s ~ :s", "#s :s", "AND #s"])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises((ValueError, KeyError)):
        compiled(text, (("#s", "s"),))


def test_not_binds_tighter_than_and_and_that_tighter_than_or():
    test = compiled("NOT #s = :s AND #t = :t OR #t = :s", (("#s", "s"), ("#t", "t")))
    values = {":s": {"S": "1"}, ":t": {"S": "2"}}
    assert test({"s": {"S": "0"}, "t": {"S": "2"}}, values)
    assert not test({"s": {"S": "1"}, "t": {"S": "2"}}, values)
    assert test({"s": {"S": "1"}, "t": {"S": "1"}}, values)


# SQS


def queues(*, fifo=False, receives_max=2):
    clock = VirtualClock()
    suffix = ".fifo" if fifo else ""
    queue, dlq = Queue("q" + suffix, clock, fifo=fifo), Queue("d" + suffix, clock, fifo=fifo)
    queue.dlq, queue.receives_max = dlq, receives_max
    return clock, queue, dlq


def test_a_message_received_too_often_is_redriven_with_its_id_and_its_age():
    clock, queue, dlq = queues()
    message_id = queue.send("a", {}, origin="test")
    sent_at = clock.seconds
    for _ in range(3):
        queue.receive(10, Random(1), in_order=True)
        clock.seconds += VISIBILITY_SECONDS
    (dead,) = dlq.messages.values()
    assert queue.messages == {}
    assert (dead.message_id, dead.sent_at, dead.source) == (message_id, sent_at, queue.arn)


def test_a_fifo_queue_drops_a_repeat_for_five_minutes_and_no_longer():
    clock, queue, _ = queues(fifo=True)
    for after in (0, 299, 2):
        clock.seconds += after
        queue.send("a", {}, origin="test", group="g", dedup_id="a")
    assert len(queue.messages) == 2


def test_an_old_receipt_deletes_on_a_standard_queue_and_not_on_fifo():
    for fifo in (False, True):
        clock, queue, _ = queues(fifo=fifo)
        queue.send("a", {}, origin="test", group="g", dedup_id="a")
        receipt = queue.receive(1, Random(1), in_order=True)[0].receipt
        clock.seconds += VISIBILITY_SECONDS
        queue.receive(1, Random(1), in_order=True)
        assert (queue.delete(receipt) is None) is fifo


# Streams


def test_a_write_that_changes_nothing_leaves_no_record():
    accounts = Accounts(VirtualClock())
    assert accounts.write("c", ACTIVE, Random(1)) is not None
    assert accounts.write("c", dict(ACTIVE), Random(1)) is None


def test_numbers_rise_for_ever_and_grow_by_a_digit():
    accounts = Accounts(VirtualClock())
    dice = Random(1)
    numbers = [
        accounts.write("c", item, dice).body["dynamodb"]["SequenceNumber"]
        for item in [ACTIVE, CLOSED] * 20
    ]
    assert sorted(numbers, key=int) == numbers
    assert {len(one) for one in numbers} == {24, 25}
    assert sorted(numbers) != numbers


def test_records_are_trimmed_after_a_day():
    clock = VirtualClock()
    accounts = Accounts(clock)
    accounts.write("c", ACTIVE, Random(1))
    clock.seconds += RETENTION_SECONDS
    assert accounts.trim() == []
    clock.seconds += 1
    assert len(accounts.trim()) == 1


def test_a_child_shard_waits_until_its_parent_is_done():
    clock = VirtualClock()
    accounts = Accounts(clock)
    mapping = StreamMapping(accounts, Setting())
    accounts.write("c", ACTIVE, Random(1))
    accounts.end_shard(Random(1))
    accounts.end_shard(Random(1))
    accounts.write("c", CLOSED, Random(1))
    shard_id, batch = mapping.take(Random(1), clock.seconds)
    assert mapping.take(Random(1), clock.seconds) is None
    assert batch.discard_reason is None
    assert len(batch.records) == 1
    mapping.report(shard_id, batch, Done(), clock.seconds)
    assert mapping.take(Random(1), clock.seconds) is not None


def test_a_mapping_made_anew_reads_from_the_trim_horizon():
    clock = VirtualClock()
    accounts = Accounts(clock)
    mapping = StreamMapping(accounts, Setting())
    accounts.write("c", ACTIVE, Random(1))
    for _ in range(2):
        shard_id, batch = mapping.take(Random(1), clock.seconds)
        assert [one.number for one in batch.records] == list(accounts.bodies)
        mapping.report(shard_id, batch, Done(), clock.seconds)
        mapping.make_anew()


def test_calls_without_an_invocation_meet_no_fault():
    calls = Calls(VirtualClock())
    assert calls.one("topic", "Publish", lambda: 1) == 1


# EventBridge


@pytest.mark.parametrize(
    ("kind", "entries", "failed"),
    [("entry_fails", 2, 1), ("missing", 1, 0), ("missing_done", 1, 0)],
)
def test_answers_stand_by_place_so_that_one_that_is_missing_shifts_the_rest(kind, entries, failed):
    calls = Calls(VirtualClock())
    fault = CallFault(call=0, kind=kind)
    calls.enter(Invocation(ends_at=float("inf"), random=Random(1), faults=(fault,)))
    bus = EventBus(calls, VirtualClock(), watch=lambda *_: None)
    entry = {"Source": "s", "DetailType": "t", "Detail": '{"subject": "c"}'}
    answer = bus.put_events(Entries=[entry, entry])
    assert (len(answer["Entries"]), answer["FailedEntryCount"]) == (entries, failed)
