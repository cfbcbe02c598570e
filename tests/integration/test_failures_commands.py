"""`fanout failures` on moto: tables and documents, exit codes, errors in one sentence."""

import json
from pathlib import Path

import pytest

from aws_parts import create_table
from fanout import console
from fanout.failures import recover as recovering
from fanout.failures.recover import FailuresRecover
from fanout.runs.lock import Lock
from fanout.runs.store import Operator
from unit.fanout.failures.failures_in_memory import FakeLambda, batch_object, parked_object
from unit.publisher.stream_record_samples import ARN, record

pytestmark = pytest.mark.slow

BUCKET = "fanout-failures"
ELSEWHERE = Operator(user="ada", host="another-machine", pid=1, identity="arn:ada", account="1")
FAILURES = ("failures",)
OLD = ("publisher", "failures")
JOURNALS = Path(__file__).parent / "journals"
GOOD = "aws/lambda/m/s/a"
BAD = "parked/2026/11/23/bad.json"
_RANGE = "recover --from-stream --shard s --from-sequence 1 --to-sequence 2"


@pytest.fixture
def function(monkeypatch):
    made = FakeLambda()
    monkeypatch.setattr(recovering, "patient_client", lambda _target: made)
    return made


@pytest.fixture
def store(aws, function):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    aws.client("ssm").put_parameter(
        Name="/fanout/publisher",
        Type="String",
        Value=json.dumps(
            {
                "function_name": "publisher",
                "mapping_id": "m",
                "accounts_table": "accounts",
                "stream_arn": ARN,
                "failure_bucket": BUCKET,
                "source": "urn:novapay:accounts",
                "customer_id_attribute": "customer_id",
                "status_attribute": "status",
                "sequence_epoch": 1,
                "publish_versions": "2",
            }
        ),
    )

    class Objects:
        def put(self, key, document):
            s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document).encode())

        def keys(self):
            return [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    return Objects()


@pytest.fixture
def filled(store):
    store.put(GOOD, batch_object([record("ACTIVE", "CLOSED", customer_id="customer-4711")]))
    bad = record("ACTIVE", {"N": "7"}, customer_id="customer-0815", number=9)
    store.put(BAD, parked_object(bad, "UnknownStatus", field="dynamodb.NewImage.status"))
    return store


@pytest.mark.parametrize(
    ("command", "empty", "filled"),
    [
        ((*FAILURES, "list"), 0, 0),
        ((*FAILURES, "list", "--check"), 0, 1),
        ((*OLD, "list"), 0, 1),
    ],
    ids=str,
)
def test_a_list_that_is_not_empty_is_exit_code_1_where_that_is_asked_for(
    store, fanout, command, empty, filled
):
    assert fanout(*command).code == empty
    assert fanout(*FAILURES, "recover", "--execute").code == 0
    assert runs(fanout) == []
    store.put(GOOD, batch_object([record("ACTIVE", "CLOSED")]))
    listed = fanout(*command)
    assert (listed.code, "is now `fanout failures list" in listed.err) == (
        filled,
        command == (*OLD, "list"),
    )
    assert "RecordAgeExceeded" in listed.out
    assert "1 would be published" in listed.out


def test_every_group_names_its_cause_some_keys_and_how_many_more(store, fanout, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for number in range(5):
        store.put(f"{GOOD}{number}", batch_object([record("ACTIVE", "CLOSED")]))
    listed = fanout(*FAILURES, "list").out
    assert "RecordAgeExceeded" in listed
    assert [f"{GOOD}{number}" in listed for number in range(5)] == [True] * 3 + [False] * 2
    assert "and 2 more" in listed
    assert max(map(len, listed.splitlines())) <= 80


@pytest.mark.parametrize(
    "command",
    [
        (*FAILURES, "recover", "--where-reason", "Nope"),
        (*FAILURES, "recover", "--reason", "Nope"),
        (*FAILURES, "discard", "--because", "test", "--where-reason", "Nope"),
        (*OLD, "discard", "--reason", "test", "--cause", "Nope"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("filled")
def test_a_selection_of_nothing_is_said_and_leaves_no_journal(fanout, command):
    ended = fanout(*command, "--execute")
    assert ended.code == 1
    assert "Nothing is selected" in ended.err
    assert ("now, and goes with the next release" in ended.err) == ("--reason" in command)
    assert runs(fanout) == []


def runs(fanout):
    return json.loads(fanout("runs", "list", "--json").out)["runs"]


def test_the_plan_says_what_would_be_refused_again_and_moves_nothing(filled, fanout, function):
    planned = fanout(*FAILURES, "recover")
    assert planned.code == 0
    assert "would be refused again: UnknownStatus" in planned.out
    assert "TABLE_STATUS_MAP" in planned.err
    assert "write the item anew" in planned.err
    assert "Nothing was changed" in planned.err
    assert function.calls == []
    assert sorted(filled.keys()) == [GOOD, BAD]


def test_a_recovery_publishes_what_it_can_and_leaves_what_is_refused(filled, fanout, function):
    bad = record("ACTIVE", {"N": "7"}, customer_id="customer-0815", number=9)
    mixed = f"{GOOD}-mixed"
    filled.put(mixed, batch_object([record("ACTIVE", "CLOSED", number=8), bad]))
    done = fanout(*FAILURES, "recover", "--execute", "--json")
    assert done.code == 1
    report = json.loads(done.out)
    assert report["fates"] == {"REFUSED": 2, "RECOVERED": 1}
    assert sorted(filled.keys()) == [mixed, BAD, f"recovered/{report['run_id']}/{GOOD}"]
    assert len(function.rig.bus.published) == 2
    assert "of 3 selected" in fanout("runs", "show", "last").out


def test_where_nobody_watches_a_terminal_plain_lines_say_how_far_it_is(store, fanout, monkeypatch):
    monkeypatch.setattr(console, "LINES_SECONDS", 0.005)
    store.put(GOOD, batch_object([record("ACTIVE", "CLOSED")]))
    assert "reading the failure store (" in fanout(*FAILURES, "list", "--json").err
    done = fanout(*FAILURES, "recover", "--execute", "--json")
    json.loads(done.out)
    assert "selecting: 1 (" in done.err
    assert "recover: 1 of 1 (" in done.err


def test_a_run_is_listed_and_shown_under_its_new_and_its_old_names(filled, fanout):
    assert fanout(*FAILURES, "recover", "--rate", "1000", "--execute").code == 1
    [listed] = runs(fanout)
    assert (listed["command"], listed["options"]["rate"]) == ("publisher failures recover", 1000)
    assert fanout("dlq", "report", "last").code == 2
    for name, command in (("runs",), ("list",)), (("report", "last"), ("show", "last")):
        old, new = fanout(*OLD, *name, "--json"), fanout("runs", *command, "--json")
        assert (old.code, old.out) == (new.code, new.out)
        assert "is now `fanout runs" in " ".join(old.err.split())


@pytest.mark.parametrize(("command", "end"), [("recover", "RECOVERED"), ("discard", "DISCARDED")])
def test_a_journal_of_an_earlier_release_is_resumed(filled, fanout, tmp_path, command, end):
    header, *lines = (JOURNALS / f"failures-{command}.jsonl").read_text().splitlines()
    run_id = json.loads(header)["run_id"]
    (tmp_path / f"{run_id}.jsonl").write_text("\n".join([header, *lines, ""]))
    resumed = fanout("runs", "resume", run_id, "--execute", "--runs-dir", str(tmp_path), "--json")
    assert (resumed.code, json.loads(resumed.out)["fates"]) == (0, {end: 1})
    moved = [key for key in filled.keys() if key.startswith(end.lower())]  # noqa: SIM118 - no dict
    assert len(moved) == 1


def test_one_object_is_shown_masked_and_revealed_on_demand(filled, fanout):
    masked, revealed = (fanout(*FAILURES, "show", BAD, *more) for more in ((), ("--reveal",)))
    assert "customer-0815" not in masked.out
    assert "customer-0815" in revealed.out
    assert "UnknownStatus" in masked.out
    assert fanout(*FAILURES, "show", GOOD, "--json").code == 0


def test_a_discard_needs_no_later_change_only_where_it_is_told_so(aws, filled, fanout, monkeypatch):
    monkeypatch.setattr(console, "LINES_SECONDS", 0.005)
    create_table(aws.client("dynamodb"), "accounts")
    table = aws.client("dynamodb")
    as_it_was = {"customer_id": {"S": "customer-0815"}, "status": {"N": "7"}}
    table.put_item(TableName="accounts", Item=as_it_was)
    because = ("--because", "fixed", "--execute", "--json")
    kept = json.loads(fanout(*FAILURES, "discard", *because).out)
    assert kept["selected"] == 0
    table.put_item(TableName="accounts", Item=as_it_was | {"status": {"S": "CLOSED"}})
    done = fanout(*FAILURES, "discard", *because)
    assert done.code == 0
    assert "discard: 1 of 1 (" in done.err
    run_id = json.loads(done.out)["run_id"]
    assert sorted(filled.keys()) == [GOOD, f"discarded/{run_id}/{BAD}"]


def test_two_operators_at_once_are_told(aws, filled, fanout):
    about = {"target": aws, "name": FailuresRecover.lock, "operator": ELSEWHERE}
    with Lock(**about, run_id="their-run", report=print):
        refused = fanout(*FAILURES, "recover", "--execute")
    assert refused.code == 3
    assert "ada@another-machine" in refused.err
    assert sorted(filled.keys()) == [GOOD, BAD]


def test_a_function_that_reports_no_outcomes_is_refused_before_anything_is_done(
    filled, fanout, function
):
    function.rig.handler = lambda _event, _context: {"batchItemFailures": []}
    refused = fanout(*FAILURES, "recover", "--execute")
    assert refused.code == 3
    assert "does not report outcomes" in refused.err
    assert sorted(filled.keys()) == [GOOD, BAD]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("show", "parked/none"), 2, "No 'parked/none'"),
        (("recover", "--shard", "s"), 2, "A range needs all of"),
        (_RANGE.split(), 2, "21 to 40 digits"),
        (("discard",), 2, "--because is missing"),
        (("discard", "--because", " "), 2, "--because is missing"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(store, fanout, arguments, code, sentence):
    ended = fanout(*FAILURES, *arguments)
    assert (ended.code, sentence in ended.err) == (code, True), ended.err
    assert "Traceback" not in ended.err


def test_a_run_of_another_store_is_not_gone_on_with(aws, filled, fanout):
    fanout(*FAILURES, "recover", "--json")
    ssm = aws.client("ssm")
    value = json.loads(ssm.get_parameter(Name="/fanout/publisher")["Parameter"]["Value"])
    ssm.put_parameter(
        Name="/fanout/publisher",
        Type="String",
        Value=json.dumps(value | {"failure_bucket": "another"}),
        Overwrite=True,
    )
    refused = fanout("runs", "resume", "last", "--execute")
    assert refused.code == 2
    assert "check --profile" in refused.err


def test_records_of_an_earlier_stream_are_left_where_they_are(aws, filled, fanout, function):
    """They would get today's epoch before a number that today's stream has not reached."""
    found = json.loads(
        aws.client("ssm").get_parameter(Name="/fanout/publisher")["Parameter"]["Value"]
    )
    found |= {"stream_arn": ARN.replace("11-01", "11-20"), "sequence_epoch": 2}
    planned = json.loads(fanout(*FAILURES, "recover", "--json").out)
    aws.client("ssm").put_parameter(
        Name="/fanout/publisher", Type="String", Value=json.dumps(found), Overwrite=True
    )
    gone_on = fanout("runs", "resume", planned["run_id"], "--execute")
    assert gone_on.code == 2
    assert "start a new run" in gone_on.err
    done = fanout(*FAILURES, "recover", "--execute", "--json")
    assert json.loads(done.out)["selected"] == 0
    assert "2: of an earlier stream" in fanout(*FAILURES, "recover").err
    assert function.rig.bus.published == []
    assert sorted(filled.keys()) == [GOOD, BAD]
    all_the_same = fanout(*FAILURES, "recover", "--even-if-earlier-stream", "--execute", "--json")
    assert json.loads(all_the_same.out)["fates"] == {"RECOVERED": 1, "REFUSED": 1}
