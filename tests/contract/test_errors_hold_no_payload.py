"""Whatever is wrong with a document, no error repeats a value of it: payloads may be personal."""

import copy
import json
import traceback
from typing import Any

import pytest

from contract.wire_strategies import changed, field_paths, full_document
from customer_events.decoder import decode, from_document
from customer_events.errors import PermanentError
from customer_events.tracebacks import where_raised

CANARY = "c4n4ry"
DIGITS = "907219531"
MARKS = (CANARY, CANARY.upper(), DIGITS)
BAD_VALUES: list[Any] = [
    CANARY,
    f"{CANARY}\n",
    CANARY.upper(),
    CANARY * 1000,
    DIGITS,
    int(DIGITS),
    float(DIGITS),
    [CANARY],
    {CANARY: CANARY},
    {"customer_id": {CANARY: DIGITS}},
    f"2026-11-23T09:30:00Z{CANARY}",
    f"2026-11-23T09:30:00.{DIGITS}Z",
    f"0001.{DIGITS:0>40}0",
    f"urn:{CANARY} {CANARY}",
    f"novapay.accounts.CustomerStatusChanged.v{DIGITS}",
    f"novapay.accounts.{CANARY}.v2",
]
PATHS = [(major, path) for major in (1, 2) for path in field_paths(full_document(major))]


def refusal(document: Any) -> PermanentError | None:
    try:
        from_document(document)
    except PermanentError as error:
        return error
    return None


def assert_silent(error: PermanentError) -> None:
    told = [
        str(error),
        repr(error),
        error.expected,
        error.field,
        *traceback.format_exception(error),
    ]
    for mark in MARKS:
        assert not [text for text in told if mark in text]


@pytest.mark.parametrize(("major", "path"), PATHS)
def test_a_bad_value_is_not_repeated(major, path):
    refused = 0
    for value in BAD_VALUES:
        error = refusal(changed(full_document(major), path, value))
        if error is not None:
            assert_silent(error)
            refused += 1
    assert refused or path[-1] in {"datacontenttype", "dataschema"}


@pytest.mark.parametrize(("major", "path"), PATHS)
def test_good_values_beside_a_bad_one_are_not_repeated(major, path):
    marked = copy.deepcopy(full_document(major))
    marked |= {"source": f"urn:{CANARY}", "subject": CANARY, "partitionkey": CANARY}
    marked |= {"traceparent": CANARY, "added": {CANARY: [DIGITS]}, CANARY: CANARY}
    marked["data"] |= {"customer_id": CANARY, "reason": CANARY, "added": CANARY}
    if path[-1] == "data":
        marked["data"] = {CANARY: CANARY}
    for value in (None, 0, [], DIGITS):
        error = refusal(changed(marked, path, value))
        if error is not None:
            assert_silent(error)


@pytest.mark.parametrize(
    "body",
    [
        CANARY,
        f'{{"{CANARY}"',
        f'{{"{CANARY}": {CANARY}}}',
        f'"{CANARY}"',
        json.dumps([CANARY]),
        f'{{"customer_id": "{CANARY}\ud800"}}',
        f'{{"type": "{CANARY}"}}',
        f"{CANARY}\xff".encode("latin-1"),
    ],
)
def test_a_body_that_is_no_event_is_not_repeated(body):
    with pytest.raises(PermanentError) as refused:
        decode(body)
    assert_silent(refused.value)


def test_an_unexpected_exception_is_told_by_its_type_and_lines_and_never_by_its_text():
    def raises():
        try:
            json.loads(CANARY)
        except ValueError:
            raise KeyError(CANARY, DIGITS) from ValueError(CANARY)

    with pytest.raises(KeyError) as raised:
        raises()
    told = where_raised(raised.value)
    line = raises.__code__.co_firstlineno + 4
    assert told.startswith(f"KeyError at contract/test_errors_hold_no_payload.py:{line} < contract")
    assert not [mark for mark in MARKS if mark in told]
    assert where_raised(KeyError(CANARY)) == "KeyError"
