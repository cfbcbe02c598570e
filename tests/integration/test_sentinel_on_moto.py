"""The sentinel's own handler on moto: drift where it is due, and what can't be compared."""

import json
from types import SimpleNamespace
from uuid import uuid4

import pytest

from aws_parts import create_table
from integration.seeding_on_moto import seeding_on_moto
from integration.test_reconcile_on_moto import good_row
from sentinel import bootstrap

QUARTERS = [f"2026-11-27T00:{minute:02}:00Z" for minute in (0, 15, 30, 45)]


@pytest.fixture
def deployment(tmp_path):
    with seeding_on_moto(tmp_path) as made:
        yield made


@pytest.fixture
def run(deployment, monkeypatch, capsys):
    """One run at each quarter of an hour; what they wrote, by metric, and the log lines."""
    monkeypatch.setenv("DEPLOYMENT", "fanout")
    # Powertools keeps one log handler, and with it one stream, for each service.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"sentinel-{uuid4()}")
    monkeypatch.setenv("COMPARE_HOURS", "1")
    monkeypatch.setenv("READ_UNITS", "10000")

    def runs(*times, left_seconds=600):
        handler = bootstrap.build(grace_seconds=0)
        capsys.readouterr()
        for at in times:
            context = SimpleNamespace(
                get_remaining_time_in_millis=lambda: int(left_seconds * 1000),
                aws_request_id="r",
            )
            handler({"time": at}, context)
        blobs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        metrics = {}
        for blob in (one for one in blobs if "_aws" in one):
            [directive] = blob["_aws"]["CloudWatchMetrics"]
            [dimensions] = directive["Dimensions"]
            for metric in directive["Metrics"]:
                assert blob["deployment"] == "fanout"
                key = metric["Name"], *(blob[name] for name in dimensions if name == "subscriber")
                metrics[key] = metrics.get(key, 0) + sum(blob[metric["Name"]])
        return metrics, [one for one in blobs if "_aws" not in one]

    return runs


def drift(metrics):
    return metrics.get(("DriftedRows", "payments"))


def test_each_customer_is_compared_once_a_round_and_a_row_changed_by_hand_is_counted_once(
    deployment, run
):
    for number in range(40):
        deployment.put(f"customer-{number}", "ACTIVE")
        good_row(deployment, f"customer-{number}", "SUSPENDED" if number == 7 else "ACTIVE")
    deployment.put("never-arrived", "CLOSED")
    good_row(deployment, "was-removed")
    metrics, lines = run(*QUARTERS)
    assert drift(metrics) == 3
    assert metrics["SentinelRuns",] == len(QUARTERS)
    assert sum(line["customers"] for line in lines) == 41
    assert {line["slice"] for line in lines} == {0, 1, 2, 3}
    kinds = [line["drifted"]["payments"] for line in lines if line["drifted"]]
    assert {name for kind in kinds for name in kind} == {"stale", "missing", "extra"}
    assert "customer-7" not in json.dumps(lines)


def test_tables_that_agree_have_no_drift(deployment, run):
    deployment.put("c-1", "ACTIVE")
    good_row(deployment, "c-1")
    metrics, _ = run(*QUARTERS)
    assert drift(metrics) == 0


def test_a_run_between_two_that_compare_checks_the_deployment_alone(deployment, run):
    deployment.put("never-arrived", "CLOSED")
    deployment.subscriber(table="nowhere")
    metrics, [line] = run("2026-11-27T00:05:00Z")
    assert drift(metrics) is None
    assert (metrics["SentinelRuns",], line.get("slice")) == (0, None)
    assert ("wrong", "its table nowhere does not exist.") in found([line])


def found(lines):
    return [(each["severity"], each["what"]) for line in lines for each in line["findings"]]


def test_a_slice_that_takes_too_long_is_a_finding(deployment, run):
    for number in range(20):
        deployment.put(f"customer-{number}", "ACTIVE")
    metrics, lines = run(QUARTERS[0], left_seconds=0.001)
    assert any("could not compare all" in what for _, what in found(lines))
    assert drift(metrics) is None
    assert metrics["SentinelFindings",] > 0


@pytest.mark.parametrize(("table", "severity"), [("nowhere", "wrong"), ("others", "warning")])
def test_a_table_that_cannot_be_compared_is_named_and_hides_nothing_else(
    deployment, run, table, severity
):
    create_table(deployment.clients["dynamodb"], "others", key="payer")
    deployment.subscriber(table=table)
    metrics, lines = run(QUARTERS[0])
    assert [one for one, what in found(lines) if "could not be compared" in what] == [severity]
    assert drift(metrics) is None
    assert metrics["SentinelRuns",] == 1


def test_a_paused_subscriber_is_behind_on_purpose_and_is_not_compared(deployment, run):
    deployment.put("c-1", "ACTIVE")
    mark = dict.fromkeys(("since", "until", "loses_at"), "2026-11-27T00:00:00Z")
    deployment.clients["ssm"].put_parameter(
        Name="/fanout/paused/payments", Type="String", Value=json.dumps(mark | {"because": "test"})
    )
    metrics, _ = run(*QUARTERS)
    assert drift(metrics) is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("COMPARE_HOURS", "0", "from 1 to 24"),
        ("READ_UNITS", "many", "from 1 to 10000"),
        ("DEPLOYMENT", "", "the prefix"),
    ],
)
def test_a_wrong_setting_is_named(run, monkeypatch, name, value, expected):
    monkeypatch.setenv(name, value)
    with pytest.raises(Exception, match=f"{name}.*{expected}"):
        bootstrap.build()
