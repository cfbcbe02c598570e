"""A replay that is killed, anywhere, and gone on with: nothing is lost, nothing is unaccounted for.

Each test has queues of its own on the embedded AWS, and runs the command line as a process that
ends by SIGKILL.
"""

import json
import random
import signal

import pytest

from e2e.dlq_rig import dlq_rig

pytestmark = pytest.mark.slow

MESSAGES = 12
APPENDS = 11
"""header, selected, frozen, started; intent, done, ended, for two batches; finished."""
KEPT = (3, 7)
"""Selected but not frozen, deleted but not noted; the rest is exhaustive."""
REPLAY = ("dlq", "replay", "payments", "--even-if-unreadable", "--execute")
HOLD = ("--hold", "5s", "--watch", "0s")


@pytest.fixture
def dead(bare_emulator, tmp_path):
    return dlq_rig(bare_emulator, tmp_path, [f"m-{number}" for number in range(MESSAGES)])


def expect_accounted_for(dead, killed):
    """Go on with the killed run; then each message was sent, and the report knows each of them."""
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if not any(path.stat().st_size for path in dead.runs.glob("*.jsonl")):
        again = dead.fanout(*REPLAY, *HOLD, "--json")
    else:
        again = dead.fanout("runs", "resume", "last", "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    report = json.loads(again.stdout)
    sent = dead.bodies("q")
    assert set(sent) == {f"m-{number}" for number in range(MESSAGES)}, "a message was lost"
    assert not dead.bodies("dlq"), "a message is still dead"
    assert report["selected"] == MESSAGES
    assert report["fates"] == {"SENT": MESSAGES}
    twice = [body for body, count in sent.items() if count > 1]
    assert len(twice) <= report["perhaps_twice"], "sent twice, and nobody was told"


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=() if number in KEPT else pytest.mark.exhaustive)
        for number in range(1, APPENDS + 1)
    ],
)
def test_killed_before_a_line_of_the_journal_nothing_is_lost(dead, number):
    expect_accounted_for(dead, dead.killed("before", number, *REPLAY, *HOLD))


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", range(4, APPENDS))
def test_killed_after_a_line_of_the_journal_nothing_is_lost(dead, number):
    expect_accounted_for(dead, dead.killed("after", number, *REPLAY, *HOLD))


@pytest.mark.parametrize(
    "number", [5, *(pytest.param(number, marks=pytest.mark.exhaustive) for number in (2, 7))]
)
def test_killed_within_a_line_of_the_journal_nothing_is_lost(dead, number):
    expect_accounted_for(dead, dead.killed("torn", number, *REPLAY, *HOLD))


@pytest.mark.parametrize("attempt", [0, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_killed_at_a_random_point_nothing_is_lost(dead, attempt):
    seed = random.SystemRandom().randrange(10**6)
    print(f"attempt {attempt}: seed {seed}")  # noqa: T201 - to repeat a failure with
    expect_accounted_for(dead, dead.killed("random", seed, *REPLAY, *HOLD))
