"""`fanout publisher failures` on moto: tables and documents, exit codes, errors in one sentence."""

import json

import pytest

from fanout import console
from fanout.failures import commands as carrying_out
from fanout.failures.commands import LOCK
from fanout.runs.lock import Locks
from fanout.runs.store import Operator
from unit.fanout.failures.failures_in_memory import FakeLambda, batch_object, parked_object
from unit.publisher.stream_record_samples import ARN, record

pytestmark = pytest.mark.slow

BUCKET = "fanout-failures"
ELSEWHERE = Operator(user="ada", host="another-machine", pid=1, identity="arn:ada", account="1")
FAILURES = ("publisher", "failures")
GOOD = "aws/lambda/m/s/a"
BAD = "parked/2026/11/23/bad.json"
_RANGE = "recover --from-stream --shard s --from-sequence 1 --to-sequence 2"


@pytest.fixture
def function(monkeypatch):
    made = FakeLambda()
    monkeypatch.setattr(carrying_out, "lambda_client", lambda _target: made)
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


def test_an_empty_store_is_well_and_a_filled_one_is_found(store, fanout):
    assert fanout(*FAILURES, "list").code == 0
    store.put(GOOD, batch_object([record("ACTIVE", "CLOSED")]))
    listed = fanout(*FAILURES, "list")
    assert listed.code == 1
    assert "RecordAgeExceeded" in listed.out
    assert "1 would be published" in listed.out


@pytest.mark.parametrize(
    "command", [("recover", "--reason", "Nope"), ("discard", "--reason", "test", "--cause", "Nope")]
)
@pytest.mark.usefixtures("filled")
def test_a_selection_of_nothing_is_said_and_leaves_no_journal(fanout, command):
    ended = fanout(*FAILURES, *command, "--execute")
    assert ended.code == 1
    assert "Nothing is selected" in ended.err
    assert json.loads(fanout(*FAILURES, "runs", "--json").out) == {"runs": []}


@pytest.mark.usefixtures("store")
def test_an_empty_store_is_recovered_at_once_and_leaves_no_journal(fanout):
    assert fanout(*FAILURES, "recover", "--execute").code == 0
    assert json.loads(fanout(*FAILURES, "runs", "--json").out) == {"runs": []}


def test_the_plan_says_what_would_be_refused_again_and_moves_nothing(filled, fanout, function):
    planned = fanout(*FAILURES, "recover")
    assert planned.code == 0
    assert "would be refused again: UnknownStatus" in planned.out
    assert "write the item anew" in planned.err
    assert "Nothing was changed" in planned.err
    assert function.calls == []
    assert sorted(filled.keys()) == [GOOD, BAD]


def test_a_recovery_publishes_what_it_can_and_leaves_what_is_refused(filled, fanout, function):
    done = fanout(*FAILURES, "recover", "--execute", "--json")
    assert done.code == 1
    report = json.loads(done.out)
    assert report["fates"] == {"RECOVERED": 1, "REFUSED": 1}
    assert sorted(filled.keys()) == [BAD, f"recovered/{report['run_id']}/{GOOD}"]
    assert len(function.rig.bus.published) == 1
    told = fanout(*FAILURES, "report", "last")
    assert told.code == 1
    assert "of 2 selected" in told.out


def test_where_nobody_watches_a_terminal_plain_lines_say_how_far_it_is(store, fanout, monkeypatch):
    monkeypatch.setattr(console, "LINES_SECONDS", 0.005)
    store.put(GOOD, batch_object([record("ACTIVE", "CLOSED")]))
    assert "reading the failure store (" in fanout(*FAILURES, "list", "--json").err
    done = fanout(*FAILURES, "recover", "--execute", "--json")
    json.loads(done.out)
    assert "reading the failure store: 1 (" in done.err
    assert "recovering: 1 of 1 (" in done.err


def test_runs_are_listed_apart_from_those_of_dead_messages(filled, fanout):
    assert json.loads(fanout(*FAILURES, "runs", "--json").out) == {"runs": []}
    assert fanout(*FAILURES, "recover", "--rate", "1000", "--execute").code == 1
    [listed] = json.loads(fanout(*FAILURES, "runs", "--json").out)["runs"]
    assert (listed["command"], listed["options"]["rate"]) == ("publisher failures recover", 1000)
    table = fanout(*FAILURES, "runs").out
    assert all(one in table for one in (listed["run_id"], "recover", "RECOVERED", "REFUSED"))
    assert json.loads(fanout("dlq", "runs", "--json").out) == {"runs": []}


def test_one_object_is_shown_masked_and_revealed_on_demand(filled, fanout):
    masked, revealed = (fanout(*FAILURES, "show", BAD, *more) for more in ((), ("--reveal",)))
    assert "customer-0815" not in masked.out
    assert "customer-0815" in revealed.out
    assert "UnknownStatus" in masked.out
    assert fanout(*FAILURES, "show", GOOD, "--json").code == 0


def test_a_discard_needs_no_later_change_only_where_it_is_told_so(aws, filled, fanout, monkeypatch):
    monkeypatch.setattr(console, "LINES_SECONDS", 0.005)
    aws.client("dynamodb").create_table(
        TableName="accounts",
        KeySchema=[{"AttributeName": "customer_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "customer_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table = aws.client("dynamodb")
    as_it_was = {"customer_id": {"S": "customer-0815"}, "status": {"N": "7"}}
    table.put_item(TableName="accounts", Item=as_it_was)
    because = ("--reason", "mended", "--execute", "--json")
    kept = json.loads(fanout(*FAILURES, "discard", *because).out)
    assert kept["selected"] == 0
    table.put_item(TableName="accounts", Item=as_it_was | {"status": {"S": "CLOSED"}})
    done = fanout(*FAILURES, "discard", *because)
    assert done.code == 0
    assert "discarding: 1 of 1 (" in done.err
    run_id = json.loads(done.out)["run_id"]
    assert sorted(filled.keys()) == [GOOD, f"discarded/{run_id}/{BAD}"]


def test_two_operators_at_once_are_told(aws, filled, fanout):
    locks = Locks(aws.client("ssm"), "fanout")
    with locks.hold(LOCK, operator=ELSEWHERE, run_id="their-run", tell=print):
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
        (
            _RANGE.split(),
            2,
            "21 to 40 digits",
        ),
        (("discard", "--reason", " "), 2, "--reason is empty"),
        (("resume", "nothing"), 2, "No run 'nothing'"),
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
    refused = fanout(*FAILURES, "resume", "last", "--execute")
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
    gone_on = fanout(*FAILURES, "resume", planned["run_id"], "--execute")
    assert gone_on.code == 2
    assert "start a new run" in gone_on.err
    done = fanout(*FAILURES, "recover", "--execute", "--json")
    assert json.loads(done.out)["selected"] == 0
    assert "2: of an earlier stream" in fanout(*FAILURES, "recover").err
    assert function.rig.bus.published == []
    assert sorted(filled.keys()) == [GOOD, BAD]
    all_the_same = fanout(*FAILURES, "recover", "--even-if-earlier-stream", "--execute", "--json")
    assert json.loads(all_the_same.out)["fates"] == {"RECOVERED": 1, "REFUSED": 1}
