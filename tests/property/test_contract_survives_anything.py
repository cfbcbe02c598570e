"""Nothing but the contract's own errors leaves the decoder, and no input makes it work hard."""

import json
import re
import sys
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.wire_strategies import (
    JSON_VALUES,
    PATIENT,
    changed,
    full_document,
)
from customer_events import decoder, event, instants, sequence
from customer_events.decoder import decode, from_document
from customer_events.errors import PermanentError
from customer_events.event import CustomerStatusChanged


def outcome(body: str | bytes) -> CustomerStatusChanged | PermanentError:
    """Any other exception is the failure that these tests look for."""
    try:
        return decode(body)
    except PermanentError as error:
        return error


@settings(PATIENT, max_examples=500)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_arbitrary_bytes_and_texts_are_refused_with_a_permanent_error(body):
    assert isinstance(outcome(body), PermanentError)


@settings(PATIENT, max_examples=500)
@given(JSON_VALUES)
def test_arbitrary_json_is_refused_with_a_permanent_error(value):
    assert isinstance(outcome(json.dumps(value)), PermanentError)
    with pytest.raises(PermanentError):
        from_document(value)


@cache
def adversarial(size: int) -> dict[str, str]:
    """Inputs of about `size` characters that make careless readers slow."""
    document = full_document(2)

    def with_value(*path: str, value: Any) -> str:
        return json.dumps(changed(document, path, value))

    long, deep = "0" * size, "[" * size + "]" * size
    inputs = {
        "deep array": deep,
        "deep object": '{"a":' * size + "1" + "}" * size,
        "deep extra": json.dumps(document)[:-1] + f',"extra":{deep}}}',
        "huge number": "9" * size,
        "huge fraction": "0." + "9" * size,
        "huge exponent": "1e" + "9" * size,
        "open string": '"' + "a" * size,
        "escapes": '"' + "\\u0061" * size + '"',
        "blanks": " " * size + "{",
        "many documents": "{}" * size,
        "many attributes": json.dumps(document | {f"x{n}": n for n in range(size)}),
        "many fields of data": with_value("data", value={f"x{n}": n for n in range(size)}),
        "same attribute again": json.dumps(document)[:-1] + ',"id":"0"' * size + "}",
        "long list as data": with_value("data", value=[0] * size),
        "many versions": with_value("type", value=document["type"] + long),
        "fraction of a second": with_value("time", value=f"2026-11-23T09:30:00.{long}Z"),
        "almost a source": with_value("source", value="a:" + "a:" * size + " "),
    }
    for name in document:
        inputs[f"long {name}"] = with_value(name, value=long)
    for name in document["data"]:
        inputs[f"long data.{name}"] = with_value("data", name, value=long)
    return inputs


def calls_made(body: str) -> int:
    """How many functions, of Python or of C, are called to refuse (or read) a body."""
    calls = 0

    def count(_frame: Any, kind: str, _argument: Any) -> None:
        nonlocal calls
        calls += kind in {"call", "c_call"}

    sys.setprofile(count)
    try:
        outcome(body)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("name", adversarial(1))
def test_the_number_of_calls_does_not_grow_with_the_size_of_the_input(name):
    """The parser and validator are single passes in compiled code; nothing of ours repeats them."""
    outcome(adversarial(1)[name])  # whatever is made on first use is made now
    small, large = (calls_made(adversarial(size)[name]) for size in (5_000, 40_000))
    assert small == large
    assert large < 200


def test_every_pattern_that_a_backtracking_engine_runs_has_a_bounded_width():
    """A bounded width bounds the steps; the rest runs in a linear-time engine (Rust's regex)."""
    patterns = [decoder._MAJOR, event._TRACEPARENT, sequence._SEQUENCE, sequence._DIGITS]
    for pattern in [*patterns, instants._WIRE]:
        _, width_max = re._parser.parse(pattern.pattern).getwidth()
        assert width_max < 100


def test_every_compiled_pattern_of_the_contract_is_among_those_checked():
    compiled = [
        value
        for module in (decoder, event, sequence, instants)
        for value in vars(module).values()
        if isinstance(value, re.Pattern)
    ]
    assert len(compiled) == 5
