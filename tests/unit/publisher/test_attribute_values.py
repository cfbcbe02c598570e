import pytest

from customer_events.instants import to_wire
from publisher import attribute_values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"S": "2026-11-23T09:30:00Z"}, "2026-11-23T09:30:00Z"),
        ({"S": "2026-11-23t09:30:00z"}, "2026-11-23T09:30:00Z"),
        ({"S": "2026-11-23T09:30:00.25-05:00"}, "2026-11-23T14:30:00.250000Z"),
        ({"S": "2026-11-23T09:30:00.123456789Z"}, "2026-11-23T09:30:00.123456Z"),
        ({"N": "1795426200"}, "2026-11-23T09:30:00Z"),
        ({"N": "1795426200.5"}, "2026-11-23T09:30:00.500000Z"),
        ({"N": "1795426200500"}, "2026-11-23T09:30:00.500000Z"),
        ({"N": "99999999999"}, "5138-11-16T09:46:39Z"),
        ({"N": "100000000000"}, "1973-03-03T09:46:40Z"),
    ],
)
def test_an_instant_is_rfc_3339_with_any_offset_or_an_epoch_number(value, expected):
    assert to_wire(attribute_values.instant(value)) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"S": "2026-11-23"},
        {"S": "2026-11-23 09:30:00Z"},
        {"S": "2026-11-23T09:30:00"},
        {"S": "2026-02-30T09:30:00Z"},
        {"S": "0001-01-01T00:00:00+23:59"},
        {"S": "0000-01-01T00:00:00Z"},
        {"S": ""},
        {"N": "1E125"},
        {"N": "-9E125"},
        {"N": "Infinity"},
        {"N": "NaN"},
        {"N": 5},
        {"B": "aGk="},
        {},
        "2026-11-23T09:30:00Z",
        None,
    ],
)
def test_anything_else_is_no_instant_and_raises_nothing(value):
    assert attribute_values.instant(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"S": "a"}, "a"), ({"N": "1"}, None), ({"S": 1}, None), (None, None), ("a", None)],
)
def test_text_is_the_s_of_a_value(value, expected):
    assert attribute_values.text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"S": "007"}, "007"),
        ({"N": "1.50"}, "1.5"),
        ({"BOOL": True}, None),
        (None, None),
        (7, None),
    ],
)
def test_a_scalar_is_an_s_as_it_is_written_or_an_n_as_dynamodb_writes_it(value, expected):
    assert attribute_values.scalar(value) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        *((plain, plain) for plain in ("0", "-3", "7", "0.1", "-1.5", "9" * 38, "-" + "9" * 38)),
        ("1E+5", "100000"),
        ("1e5", "100000"),
        ("1.5E+3", "1500"),
        ("15E-1", "1.5"),
        ("0.50", "0.5"),
        ("7.0", "7"),
        ("007", "7"),
        ("+7", "7"),
        ("-0", "0"),
        ("0E+99", "0"),
        ("1E+125", "1" + "0" * 125),
        ("1E-130", "0." + "0" * 129 + "1"),
        ("1" + "0" * 125, "1" + "0" * 125),
    ],
)
def test_a_number_is_written_as_dynamodb_writes_it(written, expected):
    assert attribute_values.number_text(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        *("", "-", ".", "٣", "१२", "1_000", " 7", "7\n", "NaN", "Infinity", "0x1F", "c-1"),
        *("1E+126", "1E-131", "9" * 39, "1" + "0" * 126, "1E999999999"),
    ],
)
def test_what_is_no_number_of_dynamodbs_is_none(written):
    assert attribute_values.number_text(written) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7), ("0", 0), ("9" * 38, int("9" * 38)), ("-1", None), ("1.5", None), ("٣", None)],
)
def test_a_whole_number_has_ascii_digits_only(value, expected):
    assert attribute_values.whole_number({"N": value}) == expected
