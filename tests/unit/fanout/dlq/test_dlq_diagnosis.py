"""Why a message is dead, who put it there, whether it would succeed now, what is shown of it."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from fanout.dlq.diagnosis import NEVER_RAN, Origin, advice, diagnose
from fanout.dlq.overview import GROUPS_MAX, count_in
from fanout.dlq.selection import Numbering, Selection
from fanout.errors import WrongUse
from fanout.sqs.message import from_received, to_lambda_record
from fanout.text import instant_or_age, mask_body, mask_customer
from unit.fanout.dlq.dlq_fakes import NOON, body, dead, parked, text

SOURCE = "arn:aws:sqs:eu-west-1:123456789012:payments"


@pytest.mark.parametrize(
    ("message", "origin", "code", "may_succeed"),
    [
        (parked(1, "UnknownStatus"), Origin.PARKED, "UnknownStatus", True),
        (parked(1, "NotJson", document="{"), Origin.PARKED, "NotJson", False),
        (parked(1, "OrderContradiction"), Origin.PARKED, "OrderContradiction", None),
        (dead(1, source_arn=SOURCE), Origin.REDRIVE, NEVER_RAN, True),
        (dead(1, "{", source_arn=SOURCE), Origin.REDRIVE, "NotJson", False),
        (
            dead(1, attributes={"ERROR_CODE": text("NO_PERMISSIONS")}),
            Origin.EVENTBRIDGE,
            "NO_PERMISSIONS",
            True,
        ),
        (dead(1), Origin.SNS, "Undelivered", True),
        (
            dead(1, body(1, data={"status": "FROZEN"}), source_arn=SOURCE),
            Origin.REDRIVE,
            "UnknownStatus",
            False,
        ),
    ],
)
def test_a_dead_message_tells_who_put_it_there_and_whether_it_would_succeed(
    message, origin, code, may_succeed
):
    found = diagnose(message)
    assert (found.cause.origin, found.cause.code) == (origin, code)
    assert found.may_succeed_now is may_succeed
    assert found.prospect
    assert advice(found.cause.code)


def test_a_message_that_breaks_the_contract_still_tells_its_customer_and_version():
    document = json.loads(body(1)) | {"type": "novapay.accounts.CustomerStatusChanged.v9"}
    found = diagnose(dead(1, json.dumps(document)))
    assert (found.customer_id, found.version) == ("customer-0001", 9)


def test_the_first_delivery_is_believed_only_where_it_is_well_formed():
    original = "0b8fd9b7-6b0e-4d4e-8a9e-1f2f3f4f5f6f"
    assert parked(1, original=original).first_delivery.message_id == original
    assert parked(1, original="../../etc").first_delivery.message_id == parked(1).message_id


def test_marks_of_parking_and_of_eventbridge_are_taken_off_and_the_rest_is_kept():
    message = parked(
        1, attributes={"status": text("ACTIVE"), "ERROR_CODE": text("X"), "replayed": text("{}")}
    )
    record = to_lambda_record(message, queue_arn=SOURCE)
    assert set(record["messageAttributes"]) == {"status", "replayed"}
    assert record["messageAttributes"]["status"] == {"dataType": "String", "stringValue": "ACTIVE"}
    assert record["eventSourceARN"] == SOURCE


def test_a_received_message_needs_only_what_sqs_always_sends():
    message = from_received({"MessageId": "m", "ReceiptHandle": "r", "Body": "b"})
    assert message.group_id is None
    assert diagnose(message).cause.origin is Origin.SNS


def test_what_is_personal_is_masked_and_what_the_contract_declares_is_shown():
    shown = mask_body(
        body(7, customer_id="customer-4711", data={"email": "jo@example.com", "n": 42})
    )
    assert "customer-4711" not in shown
    assert "cu…11" in shown
    assert "xx@xxxxxxx.xxx" in shown
    assert '"x": "99"' in shown
    assert "email" not in shown
    assert "ACTIVE" in shown
    assert mask_customer("jo") == "j…"


def test_an_envelope_and_a_text_that_is_no_json_are_masked_too():
    wrapped = json.dumps({"Type": "Notification", "Message": body(1, customer_id="customer-4711")})
    assert "customer-4711" not in mask_body(wrapped)
    assert mask_body('{"jo": 12') == '{"xx": 99'
    assert "jo" not in mask_body(json.dumps({"data": ["jo", {"status": {"name": "jo"}}]}))


@pytest.mark.parametrize(
    "document",
    [
        {"data": {"balances": {"Ada Lovelace": 1}}},
        {"Ada Lovelace": 1},
        {"data": {"Ada Lovelace": {"Ada Lovelace": 1}}},
        {"data": {"owner": {"status": "Ada", "reason": "Lovelace", "id": "Ada"}}},
        {"status": "Ada", "data": {"source": "Lovelace"}},
        {"data": "Ada", "detail": "Lovelace"},
        {"data": [{"status": "Ada"}], "resources": ["Ada"]},
        {"detail": {"data": {"detail": {"status": "Ada"}}}},
        {"data": {"name": "A\u0301da \u0928\u093f\u0939\u093e\u0930\u093f\u0915\u093e"}},
        {"data": {"name": "\U0001f1e6\u24d0\u00b2\ue000"}},
    ],
    ids=json.dumps,
)
def test_nothing_personal_shows_through_a_name_a_depth_or_a_mark(document):
    shown = mask_body(json.dumps(document))
    assert not {"Ada", "Lovelace"} & set(re.findall(r"[A-Z][a-z]+", shown))
    assert shown.isascii()
    assert shown.count(":") == json.dumps(document).count(":")


def test_masked_names_that_are_alike_all_stay():
    shown = json.loads(mask_body('{"data": {"ada": 1, "bob": 22}}'))
    assert shown == {"data": {"xxx": "9", "xxx…": "99"}}


@pytest.mark.parametrize(
    ("conditions", "meant"),
    [
        ({}, True),
        ({"customer": "customer-0001"}, True),
        ({"customer": "customer-0002"}, False),
        ({"reason": "UnknownStatus", "version": 2}, True),
        ({"version": 1}, False),
        ({"before": NOON}, False),
        ({"after": NOON}, True),
        ({"where": "body.data.status == 'ACTIVE'"}, True),
        ({"where": "attributes.absent"}, False),
        ({"where": "receive_count > `3`"}, False),
        ({"where": "`0`"}, True),
        ({"where": "`0.0`"}, True),
        ({"where": "`false`"}, False),
        ({"where": "''"}, False),
        ({"where": "`[]`"}, False),
        ({"cause": "ffffffff"}, False),
        ({"message_id": parked(1).message_id}, True),
        ({"message_id": parked(1).first_delivery.message_id}, True),
    ],
)
def test_every_condition_of_a_selection_must_hold(conditions, meant):
    selection = Selection(**conditions)
    message = parked(1)
    assert selection.matches(message, diagnose(message)) is meant
    assert Selection.from_document(selection.to_document()) == selection


def test_a_condition_that_is_not_known_is_not_left_out():
    with pytest.raises(TypeError):
        Selection.from_document({"reason": "NotJson", "from_a_later_version": True})


@pytest.mark.parametrize("expression", ["[", "foo(", "a ||"])
def test_a_bad_expression_is_named_before_anything_is_read(expression):
    with pytest.raises(WrongUse, match="no JMESPath"):
        Selection(where=expression)


@pytest.mark.parametrize(
    ("age", "seconds"),
    [("90s", 90), ("1m", 60), ("30m", 1_800), ("1h", 3_600), ("12h", 43_200), ("7d", 604_800)],
)
def test_an_age_counts_in_the_unit_that_it_names(age, seconds):
    assert instant_or_age(age, now=NOON, option="-o") == NOON - timedelta(seconds=seconds)


def test_an_instant_is_understood_where_an_age_is():
    assert instant_or_age("2026-11-23T12:00:00Z", now=NOON, option="-o") == NOON


@pytest.mark.parametrize(
    "text", ["soon", "", "m", "5", "5 m", "-5m", "5M", "1.5h", "5w", "999999d", "1234567d"]
)
def test_what_is_neither_an_age_nor_an_instant_is_refused(text):
    with pytest.raises(WrongUse, match="expected an age"):
        instant_or_age(text, now=NOON, option="--older-than")


@pytest.mark.parametrize("unreadable", ["{not JSON", '"text"', '{"type": "another.event.v2"}'])
@pytest.mark.parametrize(
    "conditions", [{"version": 1}, {"version": 2}, {"customer": "customer-0001"}], ids=str
)
def test_a_message_whose_version_or_customer_is_unknown_is_of_none_that_is_asked_for(
    unreadable, conditions
):
    message = replace(parked(1), body=unreadable)
    found = diagnose(message)
    assert (found.version, found.customer_id) == (None, None)
    assert not Selection(**conditions).matches(message, found)
    assert Selection().matches(message, found)


def grouped(*messages):
    groups = {}
    for message in messages:
        count_in(groups, message, diagnose(message))
    return sorted(groups.values(), key=lambda group: -group.count)


def test_groups_count_messages_and_customers_by_cause():
    first, second = grouped(
        *(
            parked(n, "NotJson" if n == 1 else "UnknownStatus", document=body(n % 2))
            for n in range(1, 7)
        )
    )
    assert (first.cause.code, first.count, len(first.customers)) == ("UnknownStatus", 5, 2)
    assert (second.cause.code, second.count) == ("NotJson", 1)
    assert first.to_document(1)["would_succeed_now"] == 5


def test_a_sender_of_endless_causes_does_not_fill_the_memory():
    groups = grouped(*(parked(n, f"Reason{n}") for n in range(1, GROUPS_MAX + 20)))
    assert len(groups) == GROUPS_MAX + 1
    assert sum(one.count for one in groups) == GROUPS_MAX + 19


def test_a_cause_keeps_its_number_when_others_come_and_go(tmp_path):
    causes = [diagnose(parked(1, reason)).cause for reason in ("A", "B", "C")]
    Numbering(tmp_path, "arn:x").number(causes[:2])
    numbers = Numbering(tmp_path, "arn:x").number([causes[2], causes[1]])
    assert numbers == {causes[2].key: 3, causes[1].key: 2}
    again = Numbering(tmp_path, "arn:x")
    assert again.key_of("3") == again.key_of(causes[2].key) == causes[2].key
    with pytest.raises(WrongUse, match="known on this machine: 1, 2, 3"):
        again.key_of("4")


def test_a_note_with_half_a_surrogate_pair_has_a_cause_as_any_other():
    note = json.dumps({"field": "data.\ud800"})
    attributes = {"parked_reason": text("UnknownStatus"), "parked": text(note)}
    assert re.fullmatch("[0-9a-f]{8}", diagnose(dead(1, attributes=attributes)).cause.key)
