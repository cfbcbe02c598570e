"""A replay, edit, discard or import that is killed, anywhere, and resumed: nothing is lost.

Each test has queues of its own on the embedded AWS, and runs the command line as a process that
ends by SIGKILL.
"""

import json
import random
import signal

import pytest

from customer_events.encoder import to_document
from e2e.dlq_rig import dlq_rig
from fanout.runs.journal import write_lines
from fanout.sqs.message import to_line
from unit.event_consumer.consumer_samples import live
from unit.fanout.dlq.dlq_fakes import dead as dead_message

pytestmark = pytest.mark.slow

MESSAGES = 12
APPENDS = 11
"""header, selected, frozen, started; intent, done, ended, for two batches; finished."""
HOLD = ("--execute", "--hold", "5s")
PATCH = [{"op": "replace", "path": "/data/change", "value": "changed"}]
KEPT = {
    *(("replay", "before", 3), ("replay", "before", 7), ("replay", "torn", 5)),
    *(("edit", "before", 6), ("discard", "before", 6)),
}
"""Selected but not frozen; deleted, or done, but not noted; the rest is exhaustive."""
POINTS = [
    pytest.param(name, point, number, marks=() if kept else pytest.mark.exhaustive)
    for name in ("replay", "edit", "discard")
    for point, numbers in (
        ("before", range(1, APPENDS + 1)),
        ("after", range(4, APPENDS)),
        ("torn", (2, 5, 7)),
    )
    for number in numbers
    for kept in [(name, point, number) in KEPT]
]
RANDOM = [
    pytest.param(name, marks=() if name == "replay" else pytest.mark.exhaustive)
    for name in ("replay", "edit", "discard")
]


def body(number, change):
    document = to_document(live(number + 1, customer_id=f"customer-{number}"))
    document["data"]["change"] = change
    return json.dumps(document, separators=(",", ":"))


def bodies(change):
    return {body(number, change) for number in range(MESSAGES)}


@pytest.fixture
def dead(bare_emulator, tmp_path):
    rig = dlq_rig(bare_emulator, tmp_path, sorted(bodies("updated")))
    rig.file = tmp_path / "discarded.jsonl"
    rig.patch = tmp_path / "patch.json"
    rig.patch.write_text(json.dumps(PATCH))
    return rig


def killed_and_resumed(dead, point, number, *command):
    """Kill it, and resume it, or repeat it where nothing was begun; the report of the run."""
    killed = dead.killed(point, number, *command)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if any(path.stat().st_size for path in dead.runs.glob("*.jsonl")):
        command = ("runs", "resume", "last")
    again = dead.fanout(*command, "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    return json.loads(again.stdout)


def expect_accounted_for(report, end, arrived):
    """Each message has an end, and no more arrived twice than somebody was told."""
    assert report["selected"] == MESSAGES
    assert report["fates"] == {end: MESSAGES}
    each = list(arrived)
    assert len(each) - len(set(each)) <= report["perhaps_twice"], "twice, and nobody was told"


def kill_a_replay(dead, point, number):
    command = ("dlq", "replay", "payments", "--even-if-unreadable", "--watch", "0s", *HOLD)
    report = killed_and_resumed(dead, point, number, *command)
    sent = dead.bodies("q")
    assert set(sent) == bodies("updated"), "a message was lost"
    expect_accounted_for(report, "SENT", sent.elements())


def kill_an_edit(dead, point, number):
    command = ("dlq", "edit", "payments", "--version", "2", "--patch", str(dead.patch))
    report = killed_and_resumed(dead, point, number, *command, "--watch", "0s", *HOLD)
    sent = dead.bodies("q")
    assert set(sent) == bodies("changed"), "an edited message was lost"
    expect_accounted_for(report, "SENT", sent.elements())
    originals = dead.runs / "originals"
    dead.fanout("runs", "show", "last", "--originals", str(originals))
    kept = [json.loads(line)["body"] for line in originals.read_text().splitlines()]
    assert sorted(kept) == sorted(bodies("updated")), "the journal has not each original once"


def kill_a_discard(dead, point, number):
    command = ("dlq", "discard", "payments", "--all", "--because", "a test", *HOLD)
    report = killed_and_resumed(dead, point, number, *command, "--to", str(dead.file))
    exported = [json.loads(line)["body"] for line in dead.file.read_text().splitlines()]
    assert set(exported) == bodies("updated"), "a message is in neither queue nor file"
    expect_accounted_for(report, "DISCARDED", exported)


KILLS = {"replay": kill_a_replay, "edit": kill_an_edit, "discard": kill_a_discard}


@pytest.mark.parametrize(("name", "point", "number"), POINTS)
def test_killed_at_a_step_it_loses_nothing(dead, name, point, number):
    KILLS[name](dead, point, number)
    assert not dead.bodies("dlq"), "a message is still dead"


@pytest.mark.parametrize("name", RANDOM)
def test_killed_at_a_random_point_it_loses_nothing(dead, name):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - to repeat a failure with
    KILLS[name](dead, "random", seed)
    assert not dead.bodies("dlq"), "a message is still dead"


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=() if number == 5 else pytest.mark.exhaustive)
        for number in range(1, APPENDS - 1)
    ],
)
def test_an_import_killed_at_a_step_loses_nothing(dead, number):
    messages = [dead_message(one, body(one, "changed")) for one in range(MESSAGES)]
    write_lines(dead.file, [to_line(one) for one in messages])
    command = ("dlq", "import", "payments", "--from", str(dead.file), "--through", "queue")
    report = killed_and_resumed(dead, "before", number, *command, "--execute")
    sent = dead.bodies("q")
    assert set(sent) == bodies("changed")
    expect_accounted_for(report, "IMPORTED", sent.elements())
