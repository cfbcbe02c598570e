"""`docs/reference/contract.md` shows a real document, and names every field, word and code."""

import json
import re

import pytest

from contract.contract_files import EVENT_FOLDER, SCHEMAS, read_json, read_schema, schema_names
from customer_events import errors
from customer_events.errors import PermanentError
from customer_events.event import Change, Status

FOLDER = SCHEMAS.parent / "docs" / "reference"
PAGE = (FOLDER / "contract.md").read_text(encoding="utf-8")
CODES = [
    one.__name__ for one in PermanentError.__subclasses__() if one.__module__ == errors.__name__
]


def code_block(language: str) -> str:
    [block] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return block


def rows_of(section: str) -> dict[str, str]:
    """The first two columns of the table under a heading: names and required or not."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (\w+) \|", text, re.MULTILINE)
    return {name: use for names, use in rows for name in re.findall(r"`(\w+)`", names)}


def test_the_document_on_the_page_is_a_published_example():
    example = read_json(EVENT_FOLDER / "examples" / "v2" / "suspended_with_reason.json")
    assert json.loads(code_block("json")) == example


def test_the_code_on_the_page_runs(monkeypatch):
    monkeypatch.chdir(SCHEMAS.parent)
    exec(compile(code_block("python"), "contract.md", "exec"), {})


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("Attributes", "envelope"),
        ("`data`, version 2 (current)", "v2"),
        ("`data`, version 1 (deprecated)", "v1"),
    ],
)
def test_the_page_lists_the_fields_of_each_schema_and_which_are_required(section, name):
    schema, rows = read_schema(name), rows_of(section)
    assert set(rows) == set(schema["properties"])
    assert {field for field, use in rows.items() if use == "required"} == set(schema["required"])


@pytest.mark.parametrize("word", [*Status, *Change, *CODES])
def test_the_page_names_each_status_change_and_code(word):
    assert f"`{word}`" in PAGE


def test_every_schema_and_every_link_of_the_page_leads_somewhere():
    links = re.findall(r"\]\((?!https)([^)#]+)\)", PAGE)
    assert all((FOLDER / link).exists() for link in links)
    linked = {(FOLDER / link).name.removesuffix(".schema.json") for link in links}
    assert set(schema_names()) <= linked
