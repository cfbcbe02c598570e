"""A patched JSON text: it says what the patch asks for, and every other byte stays."""

import json
import random

import jsonpatch
import pytest

from customer_events.decoder import from_document
from fanout.dlq.edit import Edit, dumps, from_editor, from_patch, loads, rewritten, shown
from fanout.dlq.edit import from_document as from_journal
from fanout.dlq.steps import BATCH_BYTES_MAX, ThroughQueue, Unsendable, refusal, sending
from fanout.errors import WrongUse
from unit.fanout.dlq.dlq_fakes import FakeQueue, body, dead

TEXT = """ { "a" : 12345678901234567.89,\t"b":[1.10, 1E400 ,-0,
  {"x":"\\u00e9\u00e9","y":1.0}],"c" : true, "a":1,  "d":{ } } """


def patched(text, *operations):
    return rewritten(text, jsonpatch.apply_patch(loads(text), loads(json.dumps(operations))))


@pytest.mark.parametrize(
    ("operation", "old", "new"),
    [
        ({"op": "replace", "path": "/c", "value": 1}, "true", "1"),
        ({"op": "replace", "path": "/b/3/y", "value": True}, "1.0", "true"),
        ({"op": "replace", "path": "/b/3/y", "value": 1}, '"y":1.0', '"y":1'),
        ({"op": "replace", "path": "/a", "value": 2}, '"a":1', '"a":2'),
        ({"op": "remove", "path": "/c"}, ',"c" : true', ""),
        ({"op": "remove", "path": "/b/1"}, ", 1E400 ,-0", " ,-0"),
        ({"op": "add", "path": "/b/0", "value": "é"}, "[1.10,", '["\\u00e9",1.10,'),
        ({"op": "add", "path": "/d/n", "value": None}, "{ }", '{"n":null }'),
        ({"op": "add", "path": "/z", "value": []}, "{ } }", '{ },"z":[] }'),
        ({"op": "move", "from": "/b/1", "path": "/d/n"}, None, '"n":1E400'),
        ({"op": "copy", "from": "/b/0", "path": "/e"}, None, '"e":1.10'),
    ],
    ids=json.dumps,
)
def test_bytes_that_a_patch_does_not_touch_stay_as_they_were(operation, old, new):
    after = patched(TEXT, operation)
    assert new in after
    if old is not None:
        assert len(after) - len(TEXT) in {len(new) - len(old), len(new) - len(old) - 1}
        assert TEXT[: TEXT.index(old)] == after[: TEXT.index(old)]
    loads(after)


def test_a_random_change_says_what_it_should_and_keeps_what_is_equal():
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)

    def value(depth=0):
        kind = chance.randrange(7 if depth < 3 else 5)
        if kind == 5:
            return [value(depth + 1) for _ in range(chance.randrange(4))]
        if kind == 6:
            return {chance.choice("abcd"): value(depth + 1) for _ in range(chance.randrange(4))}
        return [None, True, 1, 1.5, chance.choice(["", "é", "\uffff"])][kind]

    for _ in range(2000):
        text = json.dumps(
            value(), ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, 1))
        )
        new = loads(json.dumps(value()))
        after = rewritten(text, new)
        assert json.dumps(json.loads(after), sort_keys=True) == json.dumps(
            json.loads(dumps(new)), sort_keys=True
        ), f"seed {seed}: {text!r} to {after!r}"
        assert rewritten(text, loads(text)) == text, f"seed {seed}"


CLOSED = {"op": "replace", "path": "/data/status", "value": "CLOSED"}
NUMBERS = '"extra": [12345678901234567.89, 1.10, 1E400, 1E99999999999999999999, -0.0], '


def with_more(more, number=1):
    """An event whose text holds something more, as it is."""
    return body(number).replace('"data": {', '"data": {' + more, 1)


def edited(message_body, *operations):
    edit = from_patch(json.dumps(operations), "patch.json")
    edit = from_journal(json.loads(json.dumps(edit.to_document(), allow_nan=False)))
    return edit.apply(dead(1, message_body), from_document)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: text,
        lambda text: json.dumps({"Type": "Notification", "Message": text}),
        lambda text: f'{{"detail-type": "x", "detail": {text}, "n": 1.10}}',
    ],
    ids=["raw", "sns", "eventbridge"],
)
def test_an_edit_changes_its_field_and_no_other_byte(wrap):
    text = with_more(NUMBERS + '"note": "\\u00e9é", ')
    assert edited(wrap(text), CLOSED) == text.replace('"status": "ACTIVE"', '"status": "CLOSED"')


def test_a_number_of_the_patch_is_sent_as_it_was_written():
    patch = '[{"op": "add", "path": "/data/n", "value": 12345678901234567.89}]'
    edit = from_journal(json.loads(json.dumps(from_patch(patch, "p").to_document())))
    assert '"n":12345678901234567.89' in edit.apply(dead(1), from_document)


def test_text_that_sqs_refuses_stays_escaped_and_sendable():
    text = with_more('"note": "\\uffff\\ufffe", ')
    assert edited(text, CLOSED).count("\\uffff\\ufffe") == 1
    wrapped = json.dumps({"Type": "Notification", "Message": with_more('"note": "\uffff", ')})
    add = {"op": "add", "path": "/data/other", "value": "\uffff"}
    after = edited(wrapped, add)
    assert after.isascii()
    assert json.loads(after)["data"]["note"] == json.loads(after)["data"]["other"] == "\uffff"


def test_a_message_with_a_character_that_sqs_never_takes_is_refused_for_good():
    facts = FakeQueue().facts()
    assert refusal(sending(dead(1, "\uffff"), facts, "run"), facts).startswith("Unsendable")


def test_one_that_becomes_true_is_a_change():
    text = with_more('"vip": 1, ')
    after = edited(text, {"op": "replace", "path": "/data/vip", "value": True})
    assert after == text.replace('"vip": 1', '"vip": true')
    with pytest.raises(Unsendable, match="Unchanged"):
        edited(text, {"op": "replace", "path": "/data/vip", "value": 1})


def test_an_editor_shows_numbers_as_they_are_and_keeps_them():
    message = dead(1, with_more(NUMBERS))
    text = shown(message)
    assert all(number in text for number in ("12345678901234567.89", "1.10", "1E400", "-0.0"))
    change = from_editor(message, text.replace('"ACTIVE"', '"CLOSED"'))
    assert change.apply(message, from_document) == message.body.replace(
        '"status": "ACTIVE"', '"status": "CLOSED"'
    )


@pytest.mark.parametrize(
    "patch",
    [
        '[{"op": "replace", "path": "data/status", "value": "CLOSED"}]',
        '[{"op": "move", "from": "data/status", "path": "/data/x"}]',
        '[{"op": "replace", "path": 7, "value": 1}]',
        "[" * 50_000,
        '[{"op": "add", "path": "/a", "value": ' + "[" * 50_000 + "]" * 50_000 + "}]",
        '{"op": "add"}',
        "[1]",
        "7",
    ],
    ids=["no-slash", "from", "number", "open", "deep", "object", "item", "scalar"],
)
def test_a_patch_that_is_none_is_named_in_one_sentence(patch):
    with pytest.raises(WrongUse, match=r"patch\.json is no JSON Patch"):
        from_patch(patch, "patch.json")


def test_a_body_or_an_editors_text_of_50000_brackets_is_refused():
    with pytest.raises(Unsendable, match="NotJson"):
        edited("[" * 50_000, CLOSED)
    with pytest.raises(Unsendable, match="NotJson"):
        from_editor(dead(1), "[" * 50_000)


def test_batches_are_sized_by_what_an_edit_makes_of_the_messages():
    queue = FakeQueue()
    patch = ({"op": "add", "path": "/data/note", "value": "x" * 100_000},)
    facts = queue.facts()

    def make(message):
        return Edit(patch=patch).sending(message, from_document, facts, "run")

    mover = ThroughQueue(None, queue, facts, make=make)
    batches = list(mover.batches([dead(n) for n in range(1, 11)]))
    sizes = [sum(make(one).size_bytes for one in batch) for batch in batches]
    assert max(sizes) <= BATCH_BYTES_MAX
    assert sum(map(len, batches)) == 10
