"""An edit, a discard and an import that are killed, anywhere, and gone on with: nothing is lost."""

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
HOLD = ("--hold", "5s")
PATCH = [{"op": "replace", "path": "/data/change", "value": "changed"}]
KEPT = ("before", 6)
"""A step done but not noted; the rest is exhaustive, and a replay is killed in more ways."""
POINTS = [
    pytest.param(point, number, marks=() if (point, number) == KEPT else pytest.mark.exhaustive)
    for point, numbers in (
        ("before", range(1, APPENDS + 1)),
        ("after", range(4, APPENDS)),
        ("torn", (2, 5, 7)),
    )
    for number in numbers
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


def new_seed(attempt):
    seed = random.SystemRandom().randrange(10**6)
    print(f"attempt {attempt}: seed {seed}")  # noqa: T201 - to repeat a failure with
    return seed


def go_on(dead, killed, command):
    """Resume, or repeat where nothing was begun; the report of the run."""
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if any(path.stat().st_size for path in dead.runs.glob("*.jsonl")):
        again = dead.fanout("runs", "resume", "last", "--execute", "--json")
    else:
        again = dead.fanout(*command, "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    return report_in(again.stdout)


def report_in(output):
    report = json.loads(output)
    assert report["selected"] == MESSAGES
    return report


def exported(dead):
    return [json.loads(line)["body"] for line in dead.file.read_text().splitlines()]


def twice(found):
    each = list(found)
    return len(each) - len(set(each))


def edit_and_expect_nothing_lost(dead, point, number):
    command = ("dlq", "edit", "payments", "--version", "2", "--patch", str(dead.patch))
    command += ("--watch", "0s", "--execute", *HOLD)
    report = go_on(dead, dead.killed(point, number, *command), command)
    sent = dead.bodies("q")
    assert set(sent) == bodies("changed"), "an edited message was lost"
    assert not dead.bodies("dlq"), "a message is still dead"
    assert report["fates"] == {"SENT": MESSAGES}
    assert twice(sent.elements()) <= report["perhaps_twice"], "sent twice, and nobody was told"
    originals = dead.runs / "originals"
    dead.fanout("runs", "show", "last", "--originals", str(originals))
    kept = [json.loads(line)["body"] for line in originals.read_text().splitlines()]
    assert sorted(kept) == sorted(bodies("updated")), "the journal has not each original once"


def discard_and_expect_nothing_lost(dead, point, number):
    command = ("dlq", "discard", "payments", "--all", "--because", "a test", "--execute", *HOLD)
    command += ("--to", str(dead.file))
    report = go_on(dead, dead.killed(point, number, *command), command)
    assert set(exported(dead)) == bodies("updated"), "a message is in neither queue nor file"
    assert not dead.bodies("dlq"), "a message is still dead"
    assert report["fates"] == {"DISCARDED": MESSAGES}
    assert twice(exported(dead)) <= report["perhaps_twice"]


@pytest.mark.parametrize(("point", "number"), POINTS)
def test_an_edit_killed_at_a_step_loses_nothing(dead, point, number):
    edit_and_expect_nothing_lost(dead, point, number)


@pytest.mark.exhaustive
@pytest.mark.parametrize("attempt", range(1))
def test_an_edit_killed_at_a_random_point_loses_nothing(dead, attempt):
    edit_and_expect_nothing_lost(dead, "random", new_seed(attempt))


@pytest.mark.parametrize(("point", "number"), POINTS)
def test_a_discard_killed_at_a_step_loses_nothing(dead, point, number):
    discard_and_expect_nothing_lost(dead, point, number)


@pytest.mark.exhaustive
@pytest.mark.parametrize("attempt", range(1))
def test_a_discard_killed_at_a_random_point_loses_nothing(dead, attempt):
    discard_and_expect_nothing_lost(dead, "random", new_seed(attempt))


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
    command += ("--execute", "--json")
    killed = dead.killed("before", number, *command)
    # An import writes fewer lines: at the last of these numbers it was over before.
    report = go_on(dead, killed, command) if killed.returncode else report_in(killed.stdout)
    sent = dead.bodies("q")
    assert set(sent) == bodies("changed")
    assert report["fates"] == {"IMPORTED": MESSAGES}
    assert twice(sent.elements()) <= report["perhaps_twice"]
