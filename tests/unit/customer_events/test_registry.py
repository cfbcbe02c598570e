"""What the shipped registry tells a consumer."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from customer_events import registry
from customer_events.event import EVENT_NAME, MAJORS, NEWEST_MAJOR

SRC = Path(registry.__file__).parents[1]


@pytest.fixture
def written(tmp_path):
    """A registry file in which `status_map` holds an agreement."""
    document = json.loads(registry.FILE.read_text(encoding="utf-8"))
    payments = document[EVENT_NAME]["subscribers"][0]
    payments["status_map"] = {"FROZEN": "SUSPENDED"}
    document[EVENT_NAME]["subscribers"] = [payments, {"name": "fraud"}]
    file = tmp_path / "registry.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def test_the_shipped_registry_knows_the_versions_and_which_of_them_end():
    found = registry.load(EVENT_NAME)
    assert tuple(version.major for version in found.versions) == MAJORS
    assert found.current == NEWEST_MAJOR
    assert found.deprecated(NEWEST_MAJOR) is None
    old = found.deprecated(1)
    assert old is not None
    assert old.sunset == date(2027, 6, 30)


def test_a_version_that_was_never_published_is_not_deprecated():
    assert registry.load(EVENT_NAME).deprecated(99) is None


def test_a_subscriber_reads_unknown_statuses_as_its_entry_says_and_else_not_at_all(written):
    found = registry.load(EVENT_NAME, written)
    assert found.status_map("payments") == {"FROZEN": "SUSPENDED"}
    assert found.status_map("fraud") == {}
    assert found.status_map("nobody") == {}


def test_an_event_that_is_not_registered_has_no_registry():
    with pytest.raises(KeyError):
        registry.load("CustomerForgotten")


def test_reading_the_registry_takes_the_standard_library_alone():
    code = (
        f"import sys; sys.path.insert(0, {str(SRC)!r}); before = set(sys.modules)\n"
        "from customer_events.registry import load\n"
        "load('CustomerStatusChanged')\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(roots - sys.stdlib_module_names - {'customer_events'}))"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True
    )
    assert (answer.stdout, answer.stderr) == ("[]\n", "")
