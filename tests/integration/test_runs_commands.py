"""`fanout runs` on journals as an earlier version wrote them: each is listed, shown and resumed.

`journals/` holds one of each kind. Their message ids are exchanged for those of messages on moto.
"""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from fanout import cli
from fanout.errors import Refused
from fanout.runs import commands
from fanout.runs.lock import GRACE_SECONDS, LOCK_SECONDS, Lock
from fanout.runs.store import Operator
from integration.dlq_on_moto import depth, kill_messages
from integration.test_dlq_edit_and_files import kill_broken

pytestmark = pytest.mark.slow

JOURNALS = Path(__file__).parent / "journals"
KINDS = sorted(path.stem for path in JOURNALS.glob("*.jsonl"))
LAST_OF_ALL = "20991231-235959-backfill-0000"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ELSEWHERE = Operator(user="ada", host="another-machine", pid=1, identity="arn:ada", account="1")
HERE = Operator(user="jo", host="this-machine", pid=os.getpid(), identity="arn:jo", account="1")


def header(path):
    return json.loads(path.read_text().splitlines()[0])


@pytest.fixture
def put(tmp_path):
    """Puts a kept journal into the folder of runs, with some of its text exchanged."""

    def into(kind, exchanged=(), run_id=""):
        text = (JOURNALS / f"{kind}.jsonl").read_text()
        known = json.loads(text.splitlines()[0])["run_id"]
        for old, new in (*exchanged, (known, run_id or known)):
            text = text.replace(old, new)
        folder = tmp_path / "fanout" / "fanout" / "runs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{run_id or known}.jsonl").write_text(text)
        return run_id or known

    into.folder = tmp_path
    return into


def dead_ids(aws, subscriber):
    found = aws.client("sqs").receive_message(
        QueueUrl=subscriber.dlq, MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return [one["MessageId"] for one in found["Messages"]]


def selected(kind):
    lines = map(json.loads, (JOURNALS / f"{kind}.jsonl").read_text().splitlines())
    return [item["id"] for line in lines if line["kind"] == "selected" for item in line["items"]]


def test_there_is_a_journal_of_each_kind_and_an_operation_for_each():
    assert {header(JOURNALS / f"{kind}.jsonl")["command"] for kind in KINDS} >= {
        *("dlq replay", "dlq edit", "dlq discard", "dlq import"),
        *("publisher failures recover", "publisher failures discard", "backfill", "reconcile"),
    }


@pytest.mark.parametrize("command", cli.OPERATIONS)
def test_an_operation_is_found_by_the_command_of_its_journals(command):
    module, _, name = cli.OPERATIONS[command].partition(":")
    found = getattr(__import__(module, fromlist=[name]), name)
    assert cli.OPERATIONS[found.command] == cli.OPERATIONS[command]


@pytest.mark.usefixtures("aws")
def test_runs_of_every_command_are_listed_and_shown(put, fanout):
    ids = {kind: put(kind) for kind in KINDS}
    listed = json.loads(fanout("runs", "list", "--json").out)["runs"]
    assert {one["run_id"] for one in listed} == set(ids.values())
    for run_id in ids.values():
        shown = fanout("runs", "show", run_id, "--json")
        assert shown.code == 1, "none of them is finished"
        document = json.loads(shown.out)
        assert sum(document["fates"].values()) == document["selected"] > 0


@pytest.mark.usefixtures("aws")
def test_the_list_of_runs_breaks_no_word_on_80_columns(put, fanout, monkeypatch):
    for kind in KINDS:
        put(kind)
    monkeypatch.setattr(commands, "OUT", Console(width=80))
    listed = fanout("runs", "list").out
    cells = " ".join(line.split("│")[2] for line in listed.splitlines() if "│" in line)
    commands_kept = " ".join(header(JOURNALS / f"{kind}.jsonl")["command"] for kind in KINDS)
    assert set(cells.split()) == set(commands_kept.split()) - {"publisher"} | {"payments"}


@pytest.mark.usefixtures("aws")
def test_a_run_is_shown_as_a_page_whatever_its_reason_holds(put, fanout, tmp_path):
    run_id = put("dlq-discard", [("test customers", r"caf\udce9")])  # an argument that is no UTF-8
    assert fanout("runs", "show", run_id, "--html", str(tmp_path / "page.html")).code == 1
    assert r"caf\udce9" in (tmp_path / "page.html").read_text()


@pytest.mark.usefixtures("aws")
def test_last_is_the_last_run_of_that_group_where_a_group_is_named(put, fanout):
    put("backfill", run_id=LAST_OF_ALL)
    replay = put("dlq-replay")
    assert json.loads(fanout("dlq", "report", "last", "--json").out)["run_id"] == replay
    last_replay = fanout("runs", "show", "last", "--of", "dlq replay", "--json").out
    assert json.loads(last_replay)["run_id"] == replay
    assert fanout("runs", "show", "last", "--of", "dlq edit").code == 2
    assert json.loads(fanout("runs", "show", "last", "--json").out)["run_id"] == LAST_OF_ALL


@pytest.mark.parametrize(
    ("kind", "end"), [("dlq-replay", "SENT"), ("dlq-edit", "SENT"), ("dlq-discard", "DISCARDED")]
)
def test_an_old_run_of_the_dlq_is_resumed(aws, subscriber, put, fanout, kind, end):  # noqa: PLR0917
    if kind == "dlq-edit":
        kill_broken(aws, subscriber, range(1, 4))
    else:
        kill_messages(aws, subscriber, 3)
    exchanged = list(zip(selected(kind), dead_ids(aws, subscriber), strict=True))
    if kind == "dlq-discard":
        file = header(JOURNALS / f"{kind}.jsonl")["options"]["file"]
        exchanged.append((file, str(put.folder / "discarded")))
    run_id = put(kind, exchanged)
    resumed = fanout("runs", "resume", run_id, "--execute", "--json")
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out)["fates"] == {end: 3}
    assert depth(aws, subscriber.dlq) == (0, 0)


@pytest.mark.usefixtures("subscriber")
def test_the_plan_of_an_old_edit_counts_what_it_repairs_as_readable(put, fanout):
    planned = fanout("runs", "resume", put("dlq-edit", []), "--json")
    assert json.loads(planned.out)["readable_now"] == 3


def test_an_old_import_is_resumed(aws, subscriber, put, fanout):
    file = header(JOURNALS / "dlq-import.jsonl")["options"]["file"]
    run_id = put("dlq-import", [(file, str(JOURNALS / "exported.txt"))])
    resumed = fanout("runs", "resume", run_id, "--execute", "--json")
    assert json.loads(resumed.out)["fates"] == {"IMPORTED": 3}
    assert depth(aws, subscriber.queue) == (3, 0)


@pytest.mark.usefixtures("subscriber")
def test_a_run_of_another_deployment_is_not_resumed(put, fanout):
    run_id = put("dlq-replay", [("payments-dlq", "other-dlq")])
    refused = fanout("runs", "resume", run_id)
    assert refused.code == 2
    assert re.search(r"The run was made on \S*other-dlq", " ".join(refused.err.split()))


def test_a_run_is_resumed_on_another_machine_with_its_journal(aws, subscriber, fanout, tmp_path):
    kill_messages(aws, subscriber, 3)
    run_id = json.loads(fanout("dlq", "replay", "payments", "--watch", "0s", "--json").out)[
        "run_id"
    ]
    [journal] = tmp_path.rglob(f"{run_id}.jsonl")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    journal.rename(elsewhere / journal.name)
    done = fanout("runs", "resume", run_id, "--execute", "--runs-dir", str(elsewhere), "--json")
    assert (done.code, json.loads(done.out)["fates"]) == (0, {"SENT": 3})


@pytest.fixture
def lock(aws):
    """Makes locks on one given clock: `now` is what it shows, `ahead` how far another's is."""

    def made(operator, run_id, *, ahead=0.0, report=print):
        return Lock(
            target=aws,
            name="dlq/payments",
            operator=operator,
            run_id=run_id,
            report=report,
            clock=lambda: NOON + timedelta(seconds=made.now + ahead),
            monotonic=lambda: made.now + ahead,
        )

    made.now = 0.0
    return made


def test_a_lock_is_taken_over_once_it_has_expired_and_its_holder_notices(lock):
    said = []
    with lock(ELSEWHERE, "slow") as slow:
        with pytest.raises(Refused, match="ada@another-machine"):
            lock(HERE, "r").__enter__()
        lock.now += 60
        slow.keep()
        lock.now += LOCK_SECONDS + GRACE_SECONDS
        with lock(HERE, "new", report=said.append):
            assert "slow" in said[0]
            lock.now += 60
            with pytest.raises(Refused, match="jo@this-machine"):
                slow.keep()


def test_a_lock_outlives_its_time_by_as_much_as_two_clocks_may_differ(lock):
    assert GRACE_SECONDS == 10
    with lock(ELSEWHERE, "slow"):
        lock.now += LOCK_SECONDS - 1
        with pytest.raises(Refused, match="ada@another-machine"):
            lock(HERE, "early", ahead=10).__enter__()
        with lock(HERE, "late", ahead=11):
            pass


def test_of_two_who_take_over_the_same_lock_one_is_refused(lock):
    lock(ELSEWHERE, "old").__enter__()
    lock.now += 3600
    with lock(HERE, "first"), pytest.raises(Refused, match="first"):
        lock(ELSEWHERE, "second").__enter__()
