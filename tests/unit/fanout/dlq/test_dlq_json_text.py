"""A patched JSON text says what the patch asks for, with every number as it was written."""

import json

import pytest

from customer_events.decoder import from_document
from fanout.dlq.edit import Edit, from_editor, from_patch, shown
from fanout.dlq.edit import from_document as from_journal
from fanout.dlq.steps import BATCH_BYTES_MAX, ThroughQueue, Unsendable, refusal, sending
from fanout.errors import WrongUse
from unit.fanout.dlq.dlq_fakes import FakeQueue, body, dead

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
def test_an_edit_changes_its_field_and_no_number(wrap):
    text = with_more(NUMBERS + '"note": "\\u00e9é", ')
    after = edited(wrap(text), CLOSED)
    assert json.loads(after, parse_float=str, parse_int=str) == json.loads(
        text.replace('"status": "ACTIVE"', '"status": "CLOSED"'), parse_float=str, parse_int=str
    )
    assert list(json.loads(after)) == list(json.loads(text)), "the fields stay in their order"


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
    assert json.loads(after)["data"]["vip"] is True
    with pytest.raises(Unsendable, match="Unchanged"):
        edited(text, {"op": "replace", "path": "/data/vip", "value": 1})


def test_an_editor_shows_numbers_as_they_are_and_keeps_them():
    message = dead(1, with_more(NUMBERS))
    text = shown(message)
    assert all(number in text for number in ("12345678901234567.89", "1.10", "1E400", "-0.0"))
    change = from_editor(message, text.replace('"ACTIVE"', '"CLOSED"'))
    after = change.apply(message, from_document)
    assert json.loads(after)["data"]["status"] == "CLOSED"
    assert NUMBERS.replace(" ", "").strip(",") in after


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
    batches = list(mover.batches([dead(n) for n in range(1, 11)], 10))
    sizes = [sum(make(one).size_bytes for one in batch) for batch in batches]
    assert max(sizes) <= BATCH_BYTES_MAX
    assert sum(map(len, batches)) == 10
