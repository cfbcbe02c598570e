import pytest

from customer_events import errors
from customer_events.errors import EXPECTED_LENGTH_MAX, PermanentError

CODES = {
    "NotJson",
    "UnknownEnvelope",
    "UnknownEventType",
    "SchemaViolation",
    "UnsupportedVersion",
    "UnknownStatus",
    "OrderContradiction",
    "BehindParkedEvent",
    "KeepsFailing",
}


def test_the_codes_that_operators_and_alarms_rely_on_are_these():
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    found = {one.__name__ for one in classes if issubclass(one, PermanentError)}
    assert found - {"PermanentError"} == CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_an_error_is_permanent_has_its_name_as_code_and_says_what_it_means(code):
    error = getattr(errors, code)("expected something else", field="data.status")
    assert isinstance(error, PermanentError)
    assert error.code == code
    assert str(error) == "data.status: expected something else"
    assert str(type(error)("expected JSON")) == "document: expected JSON"
    assert type(error).__doc__


def test_what_was_expected_and_the_field_are_bounded():
    error = errors.SchemaViolation("e" * 10_000, field="f" * 10_000)
    assert len(error.expected) == len(error.field) == EXPECTED_LENGTH_MAX
