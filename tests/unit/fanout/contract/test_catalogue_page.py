"""The catalogue page tells everything, escapes everything, and needs nothing else."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from fanout.contract.generated import render_page, side_by_side
from sentinel.contract.folder import Contract
from unit.fanout.contract.catalogue_samples import CONTRACT, EVENT

PAGE = render_page(CONTRACT)
VOID = {"meta", "link", "br"}


class Reader(HTMLParser):
    """The text of a page; fails where its elements do not nest."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.texts = []
        self.urls = []
        self.ids = set()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.urls += [found[name] for name in ("src", "href", "srcset", "action") if name in found]
        self.ids |= {found["id"]} if "id" in found else set()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)


def read(page) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def changed(**registry):
    event = replace(EVENT, registry=EVENT.registry | registry)
    return Contract(events=(event,), envelope=CONTRACT.envelope)


def test_the_page_loads_nothing_and_links_only_to_itself_and_the_schemas():
    reader = read(PAGE)
    assert all(url.startswith(("#", "../schemas/", "data:,")) for url in reader.urls)
    assert {url[1:] for url in reader.urls if url.startswith("#")} <= reader.ids
    assert not re.search(r"@import|url\(|<script|<iframe|<img", PAGE)


def test_the_page_names_versions_fields_statuses_owners_and_the_day_on_which_a_version_ends():
    text = " ".join(read(PAGE).texts)
    for version in EVENT.versions:
        assert f"Version {version.major}" in text
        assert all(field in text for field in version.schema["properties"])
    for subscriber in EVENT.registry["subscribers"]:
        assert subscriber["name"] in text
    for publisher in EVENT.registry["publishers"]:
        assert publisher["name"] in text
    assert "30 June 2027" in text
    assert "deprecated" in text


def test_the_page_shows_every_example_as_it_is():
    text = "".join(read(PAGE).texts)
    for version in EVENT.versions:
        for document in version.examples.values():
            assert json.dumps(document, indent=2, ensure_ascii=False) in text


def test_what_the_registry_says_is_escaped():
    page = render_page(changed(summary='<script>alert("x")</script> & more'))
    assert "<script>" not in page
    assert '<script>alert("x")</script> & more' in "".join(read(page).texts)


def test_a_subscriber_of_a_deprecated_version_is_told_to_leave_it():
    payments = EVENT.registry["subscribers"][0]
    assert "has to leave v1" not in PAGE
    assert "has to leave v1" in render_page(changed(subscribers=[payments | {"versions": [1, 2]}]))


def test_an_agreed_reading_of_an_unknown_status_is_shown():
    payments = EVENT.registry["subscribers"][0]
    page = render_page(changed(subscribers=[payments | {"status_map": {"FROZEN": "SUSPENDED"}}]))
    text = " ".join("".join(read(page).texts).split())
    assert "FROZEN is read as SUSPENDED; others are parked" in text


def test_the_differences_of_the_versions_are_told_field_by_field():
    changes = {
        tuple(cell.name if cell else None for cell in row.cells): row.changes
        for row in side_by_side(EVENT)
    }
    assert changes == {
        ("customer_id", "customer_id"): (),
        ("new_status", "status"): ("renamed in v2", "v2 adds REMOVED"),
        ("old_status", "previous_status"): ("renamed in v2", "v2 adds REMOVED"),
        (None, "reason"): ("new in v2",),
        (None, "change"): ("new in v2",),
        ("changed_at", "changed_at"): (),
    }


REQUIRED = {"required": ["field"], "properties": {"field": {"type": "string"}}}
OPTIONAL = REQUIRED | {"required": []}
NULLABLE = REQUIRED | {"properties": {"field": {"type": ["string", "null"]}}}
NUMBER = REQUIRED | {"properties": {"field": {"type": "integer"}}}
NOTHING = {"properties": {}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (REQUIRED, OPTIONAL, "optional in v2"),
        (OPTIONAL, REQUIRED, "required in v2"),
        (REQUIRED, NULLABLE, "may be null in v2"),
        (NULLABLE, REQUIRED, "may no longer be null in v2"),
        (REQUIRED, NUMBER, "v2: integer"),
        (REQUIRED, NOTHING, "gone in v2"),
        (NOTHING, REQUIRED, "new in v2"),
    ],
)
def test_each_kind_of_difference_has_its_words(before, after, expected):
    versions = [
        replace(version, schema=schema, entry=version.entry | {"filters": {}})
        for version, schema in zip(EVENT.versions, (before, after), strict=True)
    ]
    [row] = side_by_side(replace(EVENT, versions=tuple(versions)))
    assert row.changes == (expected,)
