"""`fanout reconcile` on moto: causes, metric, sampling, keys, and what is refused."""

import json
import shutil
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from aws_parts import create_table
from customer_events.encoder import encode
from fanout import console
from fanout.accounts import reconcile as session
from fanout.accounts.snapshots import snapshot_event
from fanout.errors import ExitCode, Found, WrongUse
from fanout.runs.pace import Stopping
from integration.seeding_on_moto import seeding_on_moto
from unit.fanout.backfill_samples import SOURCE, snapshot

V1 = "novapay.accounts.CustomerStatusChanged.v1"


@pytest.fixture
def deployment(tmp_path):
    with seeding_on_moto(tmp_path) as made:
        yield made


def reconcile(deployment, *arguments):
    result = deployment.run("reconcile", "payments", "--grace-seconds", "0", "--reveal", *arguments)
    return result, json.loads(result.stdout or "null")


def good_row(deployment, customer_id, status="ACTIVE", **other):
    deployment.put_row(
        customer_id,
        **{
            "status": {"S": status},
            "payments": {"S": "ALLOWED" if status == "ACTIVE" else "BLOCKED"},
            "sequence": {"S": "0001." + "7".zfill(40)},
            "sequence_source": {"S": "stream"},
            "schema_version": {"N": "2"},
            "occurred_at": {"S": "2026-11-23T12:00:00.000000Z"},
            **other,
        },
    )


def test_tables_that_agree_are_good(deployment):
    for number in range(110):  # more than are looked up in one call
        deployment.put(f"c-{number}", "ACTIVE")
        good_row(deployment, f"c-{number}")
    good_row(deployment, "gone", "REMOVED")
    result, found = reconcile(deployment)
    assert result.exit_code == 0, result.output
    assert (found["good"], found["customers"], found["rows"]) == (True, 110, 111)
    assert found["differences"] == found["groups"] == []


def test_customers_are_named_in_part_by_every_command(deployment):
    deployment.put("customer-4711", "ACTIVE")
    deployment.put("customer-0815", "NOBODY_KNOWS")
    reconciled = deployment.run("reconcile", "payments", "--grace-seconds", "0")
    assert {one["customer_id"] for one in json.loads(reconciled.stdout)["differences"]} == {
        "cu…11",
        "cu…15",
    }
    seeded = deployment.run("backfill", "payments", "--execute", "--no-wait")
    assert json.loads(seeded.stdout)["examples"] == ["cu…15: UnknownStatus"]
    for result in (reconciled, seeded):
        assert "customer-" not in result.output


@pytest.mark.parametrize("policy", [None, {"type": [V1]}, {"detail": {"specversion": ["1.0"]}}])
def test_a_subscriber_of_version_1_is_compared(deployment, policy):
    deployment.subscriber(filter=policy, versions="1")
    for customer_id in ("missing", "stale", "right"):
        deployment.put(customer_id, "SUSPENDED")
    good_row(deployment, "stale", "ACTIVE", schema_version={"N": "1"})
    good_row(deployment, "right", "SUSPENDED", schema_version={"N": "1"})
    good_row(deployment, "gone", "CLOSED", schema_version={"N": "1"})
    result, found = reconcile(deployment)
    assert isinstance(result.exception, Found)
    assert {one["customer_id"] for one in found["differences"]} == {"missing", "stale"}


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({"transition": ["ACTIVE>SUSPENDED"]}, "follows no status"),
        ({"type": [V1]}, "follows no status"),
        ({"detail": {"data": {"changed_at": [{"prefix": "2026"}]}}}, "by detail.data.changed_at"),
        ({"status": [{"prefix": 5}]}, "can't be read"),
    ],
)
def test_agreement_is_not_reported_where_nothing_can_be_compared(deployment, policy, sentence):
    deployment.put("c-1", "ACTIVE")
    deployment.subscriber(filter=policy)
    result, _ = reconcile(deployment)
    assert isinstance(result.exception, WrongUse)
    assert result.exception.exit_code == ExitCode.WRONG_USE
    assert sentence in str(result.exception)


def repaired_after(deployment, monkeypatch, seconds):
    """What a repair leaves where the consumer needs so long; and how long it was waited for."""
    passed = [0.0]

    def wait(_stopping, pause):
        passed[0] += pause
        if passed[0] >= seconds:
            good_row(deployment, "c-1")

    monkeypatch.setattr(session, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    monkeypatch.setattr(Stopping, "wait", wait)
    deployment.put("c-1", "ACTIVE")
    _, found = reconcile(deployment, "--repair", "--execute", "--read-units", "0")
    return found["left"], passed[0]


def test_a_repair_is_waited_for_although_there_is_no_grace(deployment, monkeypatch):
    assert repaired_after(deployment, monkeypatch, 8)[0] == 0


def test_a_repair_that_has_no_effect_is_not_waited_for_for_long(deployment, monkeypatch):
    left, waited_seconds = repaired_after(deployment, monkeypatch, 10_000)
    assert left == 1
    assert waited_seconds <= 30


def test_who_interrupts_the_wait_for_repaired_rows_resumes_it(deployment, monkeypatch):
    passed = count(step=5)
    monkeypatch.setattr(session, "time", SimpleNamespace(monotonic=lambda: next(passed)))
    deployment.put("c-1", "ACTIVE")
    with monkeypatch.context() as interrupted:
        interrupted.setattr(Stopping, "wait", lambda stopping, pause: pause and stopping.ask())
        result, document = reconcile(deployment, "--repair", "--execute", "--read-units", "0")
        assert result.exit_code == ExitCode.INTERRUPTED
        assert document["left"] is None
        again = deployment.run("runs", "resume", "last")
        assert again.exit_code == ExitCode.INTERRUPTED
        assert json.loads(again.stdout)["status"] == "paused"
        assert deployment.run("runs", "show", "last").exit_code == ExitCode.FOUND
    good_row(deployment, "c-1")
    assert deployment.run("runs", "resume", "last").exit_code == 0


def test_a_document_names_a_hundred_customers_and_a_table_twenty(deployment):
    for number in range(120):
        deployment.put(f"c-{number:03}", "ACTIVE")
    _, found = reconcile(deployment)
    assert (found["drifted"], len(found["differences"])) == (120, 100)
    shown = deployment.run("reconcile", "payments", "--grace-seconds", "0", as_json=False)
    assert sum("│ missing" in line for line in shown.stdout.splitlines()) == 1 + 20


def held(event):
    return {"payments": "BLOCKED", "held_for": event.reason or "NONE"}


def test_a_rule_that_reads_the_reason_is_checked_where_accounts_keeps_it_and_never_accused(
    deployment,
):
    rule = ("--rule", "integration.test_reconcile_on_moto:held")
    deployment.put("c-1", "SUSPENDED", reason={"S": "FRAUD"})
    good_row(deployment, "c-1", "SUSPENDED", held_for={"S": "FRAUD"})
    result, found = reconcile(deployment, *rule)
    assert result.exit_code == 0, result.output
    assert (found["good"], found["unchecked"]) == (True, {"held_for": 1})

    deployment.publisher(reason_attribute="reason")
    _, found = reconcile(deployment, *rule)
    assert (found["good"], found["unchecked"]) == (True, {})

    good_row(deployment, "c-1", "SUSPENDED", payments={"S": "ALLOWED"}, held_for={"S": "FRAUD"})
    _, found = reconcile(deployment, *rule)
    assert [one["drift"] for one in found["differences"]] == ["changed by hand"]


def test_drift_is_an_exit_code_and_a_metric(deployment):
    deployment.put("c-1", "ACTIVE")
    result, found = reconcile(deployment, "--metric")
    assert isinstance(result.exception, Found)
    assert result.exception.exit_code == 1
    assert found["drifted"] == 1
    [metric] = deployment.clients["cloudwatch"].list_metrics(Namespace="CustomerStatusFanout")[
        "Metrics"
    ]
    assert metric["MetricName"] == "DriftedRows"
    assert metric["Dimensions"] == [
        {"Name": "deployment", "Value": "fanout"},
        {"Name": "subscriber", "Value": "payments"},
    ]


def test_drift_is_explained_by_the_failure_store_and_the_dlq(deployment):
    for customer_id in ("parked", "dead", "unknown"):
        deployment.put(customer_id, "ACTIVE")
    record = {"dynamodb": {"Keys": {"customer_id": {"S": "parked"}}}}
    deployment.clients["s3"].put_object(
        Bucket="failures",
        Key="parked/2026/11/23/1.json",
        Body=json.dumps({"reason": "BusKeepsFailing", "record": record}).encode(),
    )
    newer = encode(snapshot_event(snapshot("dead"), SOURCE)).replace("Changed.v2", "Changed.v9")
    deployment.clients["sqs"].send_message(QueueUrl=deployment.facts["dlq_url"], MessageBody=newer)
    _, found = reconcile(deployment)
    causes = {one["customer_id"]: one["cause"] for one in found["differences"]}
    assert causes["parked"] == "parked by the publisher: BusKeepsFailing"
    assert causes["dead"].startswith("in the DLQ: ")
    assert causes["unknown"] is None
    assert {one["cause"] for one in found["groups"]} == {
        "unexplained",
        causes["parked"],
        causes["dead"],
    }


def test_a_repair_sends_one_event_for_each_difference_and_is_on_the_record(
    deployment, tmp_path, monkeypatch
):
    monkeypatch.setattr(console, "LINES_SECONDS", 0.005)
    monkeypatch.setattr(session, "VERIFY_MIN_SECONDS", 0)
    deployment.put("missing", "SUSPENDED")
    deployment.put("stale", "CLOSED")
    good_row(deployment, "stale")
    good_row(deployment, "extra")
    _, planned = reconcile(deployment, "--repair")
    assert planned["repairs"] is None
    assert deployment.messages() == []
    result, found = reconcile(deployment, "--repair", "--execute")
    assert result.exit_code == 1, "without a consumer the rows stay as they are"
    for line in ("comparing: 4 of 4 (", "reading differences again (", "looking for causes ("):
        assert line in result.stderr
    assert "reconcile: 3 of 3 (" in result.stderr
    assert "Waiting until the repaired rows agree." in result.stderr
    assert found["repairs"]["sent"] == found["left"] == 3
    events = deployment.events()
    assert {key: event.status.value for key, event in events.items()} == {
        "missing": "SUSPENDED",
        "stale": "CLOSED",
        "extra": "REMOVED",
    }
    assert events["missing"].repairs is None
    assert events["stale"].repairs == events["extra"].repairs == "0001." + "7".zfill(40)
    [journal] = tmp_path.glob("*.jsonl")
    assert journal.stem == found["run_id"]


def test_a_journal_of_the_previous_release_is_resumed(deployment, monkeypatch, tmp_path):
    clock = SimpleNamespace(monotonic=iter((0.0, 1_000.0)).__next__)
    monkeypatch.setattr(session, "time", clock)
    shutil.copy(Path(__file__).parent / "journals" / "reconcile.jsonl", tmp_path)
    for number in range(3):
        deployment.put(f"customer-{number}", "ACTIVE")
    good_row(deployment, "customer-1")
    document = json.loads(deployment.run("runs", "resume", "last").stdout)
    assert (document["repairs"]["sent"], document["repairs"]["agrees by now"]) == (2, 1)
    assert sorted(deployment.events()) == ["customer-0", "customer-2"]


def test_a_sample_compares_a_part(deployment):
    for number in range(120):
        deployment.put(f"c-{number}", "ACTIVE")
    _, found = reconcile(deployment, "--sample", "20")
    assert found["sampled"]
    assert 20 <= found["customers"] < 120


def test_the_customer_among_the_items_of_a_partition_is_compared(deployment):
    create_table(deployment.clients["dynamodb"], "single", sort_key="kind")
    deployment.publisher(accounts_table="single", entity_filter="kind=profile")
    for kind, status in (("order-1", "OPEN"), ("profile", "CLOSED")):
        deployment.clients["dynamodb"].put_item(
            TableName="single",
            Item={"customer_id": {"S": "c-1"}, "kind": {"S": kind}, "status": {"S": status}},
        )
    good_row(deployment, "c-1", "CLOSED")
    good_row(deployment, "c-2", "CLOSED")
    _, found = reconcile(deployment)
    assert [(one["customer_id"], one["drift"]) for one in found["differences"]] == [
        ("c-2", "extra")
    ]


def test_two_items_that_claim_to_be_one_customer_are_compared_as_one(deployment):
    create_table(deployment.clients["dynamodb"], "single", sort_key="part")
    deployment.publisher(accounts_table="single", entity_filter="kind=profile")
    names = ("customer_id", "part", "kind", "status")
    for part in ("a", "b"):
        values = ("c-1", part, "profile", "CLOSED")
        item = {name: {"S": value} for name, value in zip(names, values, strict=True)}
        deployment.clients["dynamodb"].put_item(TableName="single", Item=item)
    good_row(deployment, "c-1", "CLOSED")
    result, found = reconcile(deployment)
    assert (result.exit_code, found["rows"]) == (0, 1), result.output


def test_a_filter_that_no_item_matches_is_said_before_a_repair_could_remove_everybody(deployment):
    deployment.publisher(entity_filter="kind=CUSTMER")
    deployment.put("c-1", "ACTIVE", kind={"S": "CUSTOMER"})
    good_row(deployment, "c-1")
    result, found = reconcile(deployment, "--repair")
    assert [one["drift"] for one in found["differences"]] == ["extra"]
    assert "None of the 1 items of accounts is a customer's" in result.stderr
    deployment.publisher(entity_filter="kind=CUSTOMER")
    result, found = reconcile(deployment)
    assert (found["good"], "None of the" in result.stderr) == (True, False)


@pytest.mark.parametrize("sort_key", ["", "kind"])
def test_customers_with_a_number_for_a_key_are_found_by_scan_and_look_up_alike(
    deployment, sort_key
):
    create_table(deployment.clients["dynamodb"], "numbered", sort_key=sort_key, key_type="N")
    deployment.publisher(accounts_table="numbered")
    for written in ("-3", "7", "1E+5", "0.50", "1.5", "-1E-3"):
        deployment.clients["dynamodb"].put_item(
            TableName="numbered",
            Item={
                "customer_id": {"N": written},
                "kind": {"S": "profile"},
                "status": {"S": "ACTIVE"},
            },
        )
    strangers = ("07", "1E+5", "٣", "c-1", "9" * 39)
    for customer_id in ("-3", "7", "100000", "0.5", "1.5", "-0.001", *strangers):
        good_row(deployment, customer_id)
    result, found = reconcile(deployment)
    assert isinstance(result.exception, Found), result.output
    assert {one["customer_id"]: one["drift"] for one in found["differences"]} == dict.fromkeys(
        strangers, "extra"
    )


@pytest.mark.parametrize(
    ("change", "arguments", "sentence"),
    [
        ({}, ("--full", "--sample", "3"), "exclude each other"),
        ({}, ("--execute",), "for --repair"),
        ({"table": ""}, (), "states no table"),
        ({"table": "nowhere"}, (), "no table 'nowhere'"),
        ({"versions": "1"}, ("--repair",), "snapshots are version 2"),
        ({}, ("--rule", "nowhere:rule"), "--rule"),
    ],
    ids=["both", "execute", "no-table", "table", "version", "rule"],
)
def test_what_cannot_be_compared_is_refused(deployment, change, arguments, sentence):
    deployment.subscriber(**change)
    result = deployment.run("reconcile", "payments", *arguments)
    assert isinstance(result.exception, WrongUse)
    assert sentence in str(result.exception)
