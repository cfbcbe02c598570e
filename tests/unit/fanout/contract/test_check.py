"""What the gate makes of a whole contract: the registry's promises, the envelope, ends."""

import datetime as dt

import pytest

from fanout.contract.compatibility import Direction, Published, State, check
from fanout.errors import WrongUse
from unit.fanout.contract.compatibility_cases import TEXT, record

TODAY = dt.date(2026, 11, 23)
STATUSES = ["ACTIVE", "CLOSED"]
BODY = record({"id": TEXT, "status": {"enum": STATUSES}, "reason": TEXT}, "id", "status")


def reader(name="payments", *, fields=("status",), statuses=("ACTIVE",)):
    return {"name": name, "fields": fields, "statuses": statuses}


def published(schema=BODY, *, major=2, subscribers=None, **rest):
    return Published(
        schema=schema,
        major=major,
        status_field="status",
        subscribers=(reader(),) if subscribers is None else tuple(subscribers),
        **rest,
    )


def checked(old, new):
    before, after = ({} if side is None else {"v2": side} for side in (old, new))
    [result] = check(before, after, TODAY)
    return result


def hits(finding):
    return {hit["name"]: hit["relies_on"] for hit in finding["subscribers"]}


def changed(**fields):
    return {**BODY, "properties": {**BODY["properties"], **fields}}


def test_a_schema_that_is_the_same_is_unchanged_however_it_is_laid_out():
    turned = dict(reversed(BODY.items()))
    assert checked(published(), published(turned))["state"] is State.UNCHANGED


def test_a_version_that_is_not_published_yet_is_new():
    assert checked(None, published())["state"] is State.NEW


def test_the_subscriber_that_relies_on_the_field_is_told_apart_from_one_that_reads_the_version():
    narrowed = changed(status={"enum": ["ACTIVE"]})
    readers = (
        reader(statuses=("CLOSED",)),
        reader("mail", fields=("id",), statuses=()),
        reader("risk", statuses=("ACTIVE",)),
    )
    one = checked(published(subscribers=readers), published(narrowed, subscribers=readers))
    backward = next(it for it in one["findings"] if it["rule"] == "enum")
    assert backward["direction"] is Direction.BACKWARD
    assert hits(backward) == {"mail": [], "payments": ["status", "CLOSED"], "risk": ["status"]}


def test_a_field_that_a_subscriber_relies_on_may_not_go_though_it_is_optional():
    subscriber = reader(fields=("status", "reason"))
    without = record({"id": TEXT, "status": {"enum": STATUSES}}, "id", "status")
    one = checked(published(subscribers=[subscriber]), published(without, subscribers=[subscriber]))
    finding = one["findings"][0]
    assert (finding["path"], finding["rule"]) == ("$.reason", "subscribers")
    assert hits(finding) == {"payments": ["reason"]}


def test_a_status_that_a_subscriber_names_has_to_be_one_that_occurs():
    subscriber = reader(statuses=("DORMANT",))
    one = checked(None, published(subscribers=[subscriber]))
    assert [finding["says"] for finding in one["findings"]] == [
        "payments relies on the status DORMANT, which can't occur"
    ]


@pytest.mark.parametrize("left", [[], [reader(fields=())]], ids=["dropped", "relies on less"])
def test_a_subscriber_is_hit_by_what_it_relied_on_before_the_change(left):
    one = checked(published(), published(changed(status=TEXT), subscribers=left))
    assert hits(one["findings"][0]) == {"payments": ["status"]}


def test_of_two_lists_of_constants_the_types_say_nothing_more():
    one = checked(published(changed(status={"enum": [*STATUSES, None]})), published())
    assert [it["rule"] for it in one["findings"]] == ["enum"]


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ({"enum": ["x"]}, {"enum": ["x", None]}, "null"),
        ({"enum": ["x"]}, TEXT, "other values"),
        (TEXT, {"type": ["string", "null"]}, "a value of type null"),
        ({"anyOf": [TEXT]}, {"anyOf": [TEXT, {"type": "null"}]}, "other values"),
    ],
)
def test_a_finding_says_which_values_are_refused(old, new, refused):
    one = checked(published(changed(reason=old)), published(changed(reason=new)))
    says = [it["says"] for it in one["findings"]]
    assert f"new documents may hold {refused}, which old readers refuse" in says


@pytest.mark.parametrize("default", [{"additionalProperties": True}, {"uniqueItems": False}])
def test_a_default_that_is_written_out_or_left_out_is_no_change(default):
    plain, written = published(), published({**BODY, **default})
    assert checked(plain, written)["state"] is State.COMPATIBLE
    assert checked(written, plain)["state"] is State.COMPATIBLE


@pytest.mark.parametrize(
    ("sunset", "subscribers", "state"),
    [
        (TODAY - dt.timedelta(days=1), [], State.ENDED),
        (TODAY, [], State.BROKEN),
        (None, [], State.BROKEN),
        (TODAY - dt.timedelta(days=1), [reader()], State.BROKEN),
    ],
)
def test_a_version_may_go_after_its_sunset_if_nobody_reads_it(sunset, subscribers, state):
    assert checked(published(sunset=sunset, subscribers=subscribers), None)["state"] is state


def envelope(*types, **fields):
    rules = {"specversion": {"const": "1.0"}, "type": {"enum": list(types)}, **fields}
    return published(record(rules, "specversion", "type"), major=None)


def test_an_envelope_may_gain_a_type_since_no_old_subscription_selects_it():
    assert checked(envelope("E.v1"), envelope("E.v1", "E.v2"))["state"] is State.COMPATIBLE


def test_an_envelope_may_not_lose_a_type_whose_documents_lie_in_archives():
    one = checked(envelope("E.v1", "E.v2"), envelope("E.v2"))
    assert [(it["path"], it["rule"], it["direction"]) for it in one["findings"]] == [
        ("$.type", "enum", Direction.BACKWARD)
    ]


def test_the_documents_of_the_types_that_an_envelope_keeps_are_still_compared():
    one = checked(envelope("E.v1", id=TEXT), envelope("E.v1", "E.v2", id={"type": "integer"}))
    assert {it["path"] for it in one["findings"]} == {"$.id"}


def test_a_field_called_type_is_no_selector_outside_of_an_envelope():
    wide, narrow = record({"type": {"enum": ["a", "b"]}}), record({"type": {"enum": ["a"]}})
    assert checked(published(narrow), published(wide))["state"] is State.BROKEN


CONDITION = {"if": {"required": ["reason"]}, "else": {"properties": {"id": {"const": "x"}}}}


CONDITIONAL = {**BODY, **CONDITION}


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (CONDITIONAL, {**changed(channel=TEXT), **CONDITION}, set()),
        (BODY, CONDITIONAL, {("if", Direction.BACKWARD), ("else", Direction.BACKWARD)}),
        (CONDITIONAL, BODY, {("if", Direction.FORWARD), ("else", Direction.FORWARD)}),
    ],
    ids=["the same", "added", "dropped"],
)
def test_a_condition_stays_as_it_is_while_the_rest_is_compared(old, new, rules):
    findings = checked(published(old), published(new))["findings"]
    assert {(it["rule"], it["direction"]) for it in findings} == rules


def test_a_keyword_of_others_may_hold_anything_that_looks_like_a_schema():
    noted = {**BODY, "x-form": {"additionalProperties": ["none"], "uniqueItems": 0}}
    assert (
        checked(published(noted), published({**noted, "title": "T"}))["state"] is State.COMPATIBLE
    )


def test_a_change_inside_alternatives_is_found_behind_their_ref():
    alternatives = {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}

    def body(leaf):
        return changed(reason=alternatives) | {"$defs": {"a": leaf}}

    one = checked(published(body(TEXT)), published(body({"type": "integer"})))
    assert {it["rule"] for it in one["findings"]} == {"type"}


def test_a_field_named_like_an_annotation_is_a_field():
    union = {"anyOf": [record({"title": TEXT}, "title")]}
    other = {"anyOf": [record({"title": {"type": "integer"}}, "title")]}
    one = checked(published(changed(reason=union)), published(changed(reason=other)))
    assert one["state"] is State.BROKEN


def test_an_example_is_shown_only_where_one_side_publishes_it_and_the_other_refuses_it():
    document = {"id": "C-1", "status": "ACTIVE"}
    old = {**BODY, "examples": [document]}
    new = {**old, "properties": {**BODY["properties"], "status": {"enum": ["ACTIVE"]}}}
    (finding,) = checked(published(old), published(new, subscribers=[]))["findings"]
    assert finding["example"] == {**document, "status": "CLOSED"}
    (silent,) = checked(published(), published(changed(status={"enum": ["ACTIVE"]})))["findings"]
    assert "example" not in silent


def test_what_is_no_json_schema_is_named():
    with pytest.raises(WrongUse, match=r"v2 is not a JSON Schema .*required"):
        checked(published(), published({**BODY, "required": "id"}))


def test_a_schema_that_leads_to_itself_ends():
    loop = {"$defs": {"a": {"$ref": "#/$defs/a"}}}
    node = changed(reason={"$ref": "#/$defs/a"})
    assert checked(published(node | loop), published(changed(reason=TEXT)))["state"] is State.BROKEN
