import calendar
from datetime import UTC, datetime, timedelta, timezone

import pytest

from customer_events import instants

HALF_PAST_NINE = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def test_an_instant_is_written_in_utc_without_a_fraction_that_it_does_not_have():
    assert instants.to_wire(HALF_PAST_NINE) == "2026-11-23T09:30:00Z"
    assert instants.to_wire(HALF_PAST_NINE.replace(microsecond=5)) == "2026-11-23T09:30:00.000005Z"
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    assert instants.to_wire(HALF_PAST_NINE.astimezone(kathmandu)) == "2026-11-23T09:30:00Z"
    assert instants.sortable(HALF_PAST_NINE.astimezone(kathmandu)).startswith("2026-11-23T09:30:00")


def test_sortable_text_has_27_characters_with_or_without_a_fraction():
    assert instants.sortable(HALF_PAST_NINE) == "2026-11-23T09:30:00.000000Z"
    assert len(instants.sortable(HALF_PAST_NINE.replace(microsecond=123456))) == 27


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T09:30:00Z", HALF_PAST_NINE),
        ("2026-11-23T09:30:00.5Z", HALF_PAST_NINE.replace(microsecond=500_000)),
        ("2026-11-23T09:30:00.000001Z", HALF_PAST_NINE.replace(microsecond=1)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_as_written(text, expected):
    assert instants.from_wire(text) == expected
    assert instants.from_wire(text).tzinfo == UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T09:30:00",
        "2026-11-23T09:30:00+00:00",
        "2026-11-23T09:30:00Z\n",
        "2026-11-23T09:30:00.1234567Z",
        "2026-11-23T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2026-11-23T09:30:0\u0660Z",
    ],
)
def test_another_form_is_refused(text):
    with pytest.raises(ValueError, match="RFC 3339"):
        instants.from_wire(text)


@pytest.mark.parametrize("year", [1, 4, 100, 400, 1900, 2000, 2024, 2026, 2100, 9999])
def test_each_month_has_the_days_that_the_calendar_gives_it(year):
    for month in range(14):
        for day in range(33):
            exists = month in range(1, 13) and 1 <= day <= calendar.monthrange(year, month)[1]
            assert is_accepted(f"{year:04}-{month:02}-{day:02}T00:00:00Z") is exists


def is_accepted(text: str) -> bool:
    try:
        instants.from_wire(text)
    except ValueError:
        return False
    return True
