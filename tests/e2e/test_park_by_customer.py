"""Park by customer on a FIFO queue of the embedded AWS, with a deployed consumer that keeps order.

A poison event of one customer is parked, that customer's later ones follow it, others flow; the
operator edits, replays or discards, and the rest is applied in order.
"""

import json
import uuid

import pytest

from e2e.changed_package import ORDERED, with_modules
from e2e.dlq_rig import command_line
from e2e.ordered_system import OrderedSystem, ordered_system
from fanout.packaging.build import build_package
from waiting import eventually

pytestmark = pytest.mark.slow

HOLD = ("--hold", "5s")
AT_ONCE = ("--watch", "0s", *HOLD)
PATCH = [{"op": "replace", "path": "/data/change", "value": "changed"}]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    built = build_package("payments_consumer", output=tmp_path_factory.mktemp("p"))
    return with_modules(built.path.read_bytes(), ORDERED)


class System(OrderedSystem):
    """With the command line for it."""

    def done(self, *arguments, code=0):
        ended = self.fanout(*arguments, "--json")
        assert ended.returncode == code, ended.stdout + ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture
def system(bare_emulator, tmp_path, package):
    """Queue, DLQ, tables, function and mapping of a test's own."""
    prefix = f"order-{uuid.uuid4().hex[:8]}"
    made = ordered_system(bare_emulator.client, prefix, package)
    typed = command_line(bare_emulator, tmp_path, prefix)
    return System(**vars(made), **vars(typed), patch=patch_file(tmp_path))


def patch_file(tmp_path):
    path = tmp_path / "patch.json"
    path.write_text(json.dumps(PATCH))
    return str(path)


@pytest.fixture
def stuck(system):
    """A's first is poison, three follow it in turns; B flows."""
    system.publish("A", 1, poison=True)
    for number in (2, 3):
        system.publish("A", number)
        system.publish("B", number)
    eventually(lambda: system.dead() == 3, "A's events are parked")
    system.publish("B", 4)
    system.publish("A", 4)
    eventually(lambda: system.dead() == 4, "the one that came later is parked too")
    eventually(lambda: system.seen("B") == [2, 3, 4], "B flows")
    assert system.seen("A") == []
    assert system.notes() == 4
    return system


def free(system):
    """The customer waits for nobody any more."""
    assert system.dead() == 0
    eventually(lambda: system.notes() == 0, "no note is left")
    before = system.seen("A")
    system.publish("A", 5)
    eventually(lambda: system.seen("A") == [*before, 5], "A flows")


def test_an_edited_event_is_still_the_first_and_a_replay_releases_the_rest_in_order(stuck):
    cause = ("--where-reason", "SchemaViolation")
    edit = ("dlq", "edit", "orders", *cause, "--patch", stuck.patch, "--execute", *AT_ONCE)
    assert stuck.done(*edit)["fates"] == {"SENT": 1}
    eventually(lambda: stuck.seen("A") == [1], "the edited event is handled")
    assert stuck.notes() == 3
    replay = ("dlq", "replay", "orders", "--execute", *AT_ONCE)
    assert stuck.done(*replay)["fates"] == {"SENT": 3}
    eventually(lambda: stuck.seen("A") == [1, 2, 3, 4], "the rest, in order")
    free(stuck)


def test_a_replay_of_what_waits_is_parked_again_as_long_as_the_first_is_not_repaired(stuck):
    behind = ("--where-reason", "BehindParkedEvent")
    replay = ("dlq", "replay", "orders", *behind, "--execute", *AT_ONCE)
    stuck.fanout(*replay)
    eventually(lambda: stuck.dead() == 4, "they are parked again")
    assert (stuck.seen("A"), stuck.notes()) == ([], 4)


def test_a_discarded_event_frees_the_rest_which_the_function_then_takes_in_order(stuck):
    waits = stuck.done(
        "dlq", "replay", "orders", "--through", "consumer", *HOLD, "--execute", code=1
    )
    assert "APPLIED" not in waits["fates"]
    discard = (
        "dlq",
        "discard",
        "orders",
        "--where-reason",
        "SchemaViolation",
        "--because",
        "a test",
    )
    assert stuck.done(*discard, "--execute", *HOLD)["fates"] == {"DISCARDED": 1}
    assert stuck.notes() == 3
    through = ("dlq", "replay", "orders", "--through", "consumer", "--execute", *HOLD)
    assert stuck.done(*through)["fates"] == {"APPLIED": 3}
    assert stuck.seen("A") == [2, 3, 4]
    free(stuck)


@pytest.mark.parametrize(
    "number", [7, *(pytest.param(number, marks=pytest.mark.exhaustive) for number in (8, 9))]
)
def test_a_discard_that_is_killed_frees_the_rest_once_it_is_gone_on_with(stuck, number):
    discard = (
        "dlq",
        "discard",
        "orders",
        "--where-reason",
        "SchemaViolation",
        "--because",
        "a test",
    )
    killed = stuck.killed("before", number, *discard, "--execute", *HOLD)
    assert killed.returncode == -9, killed.stderr
    assert stuck.done("runs", "resume", "last")["fates"] == {"DISCARDED": 1}
    assert stuck.notes() == 3
    eventually(lambda: stuck.dead() == 3, "what the killed process hid shows up")
    assert stuck.done("dlq", "replay", "orders", "--execute", *AT_ONCE)["fates"] == {"SENT": 3}
    eventually(lambda: stuck.seen("A") == [2, 3, 4], "the rest, in order")
    free(stuck)


def test_what_an_export_holds_is_still_known_after_an_import(stuck, tmp_path):
    kept = tmp_path / "kept.jsonl"
    stuck.look("dlq", "export", "orders", "--to", str(kept), "--where-reason", "SchemaViolation")
    [line] = kept.read_text().splitlines()
    stuck.delete_first()
    imported = ("dlq", "import", "orders", "--from", str(kept), "--execute")
    assert stuck.done(*imported)["fates"] == {"IMPORTED": 1}
    edit = ("dlq", "edit", "orders", "--where-reason", "SchemaViolation", "--patch", stuck.patch)
    assert stuck.done(*edit, "--execute", *AT_ONCE)["fates"] == {"SENT": 1}
    eventually(lambda: stuck.seen("A") == [1], "the imported and edited event is handled first")
    assert json.loads(line)["group_id"] == "group-of-A"
