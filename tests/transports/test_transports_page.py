"""The page says of each transport what the declaration says."""

from pathlib import Path

from publisher import transports
from publisher.transports import Transport

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "transports.md"
ROWS = {
    "`transport`": lambda one: f"`{one.name}`",
    "a customer's events arrive": lambda one: one.order.value,
    "a second publication is dropped": lambda one: (
        f"within {one.duplicates_dropped_seconds // 60} minutes"
        if one.duplicates_dropped_seconds
        else "never"
    ),
    "a subscriber may choose by": lambda one: one.filters.value,
    "major versions side by side": lambda one: str(one.versions_max or "all"),
    "archive to replay from": lambda one: one.archive.value,
    "events in a call": lambda one: str(one.entries_per_call_max),
    "largest event, in bytes": lambda one: f"{one.entry_size_max_bytes:,}",
    "largest call, in bytes": lambda one: f"{one.call_size_max_bytes:,}",
}


def table(declared: tuple[Transport, ...]) -> str:
    """The table as the page has to hold it."""
    head = ["", *(one.title for one in declared)]
    rows = [[name, *(cell(one) for one in declared)] for name, cell in ROWS.items()]
    lines = [f"|{' | '.join([' ', *head[1:]])} |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]).replace("|  |", "| |")


def test_the_pages_table_is_the_declaration():
    expected = table(transports.ALL)
    assert expected in PAGE.read_text(encoding="utf-8"), f"the page's table should be:\n{expected}"


def test_every_field_of_the_declaration_has_its_row():
    shown = {"name", "title", "order", "duplicates_dropped_seconds", "filters", "versions_max"}
    shown |= {"archive", "entries_per_call_max", "entry_size_max_bytes", "call_size_max_bytes"}
    assert set(Transport.__dataclass_fields__) == shown
    assert len(ROWS) == len(shown) - 1
