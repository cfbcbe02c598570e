"""The deployed sentinel, its own package, on the embedded AWS: calm, and a changed setting.

MiniStack 1.5.33 checks ssm:GetParametersByPath on the resource "*", so permissions are not checked.
"""

import json

import pytest

from fanout.local.runtime import running
from waiting import eventually

pytestmark = pytest.mark.slow
CUSTOMERS = 6


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    parameters = {"DeploySentinel": "true", "SentinelHours": "1"}
    with running(tmp_path_factory.mktemp("sentinel") / "state", parameters=parameters) as up:
        for number in range(CUSTOMERS):
            item = {"customer_id": {"S": f"c-{number}"}, "status": {"S": "ACTIVE"}}
            up.client("dynamodb").put_item(TableName=up.accounts_table, Item=item)
        rows = {"TableName": up.payments_table, "Select": "COUNT"}
        eventually(
            lambda: up.client("dynamodb").scan(**rows)["Count"] == CUSTOMERS, "all have arrived"
        )
        yield up


def run(deployment):
    """A round of four runs; what it counted, by metric, and how many customers it compared."""
    before = len(list(deployment.log_lines("fanout-sentinel")))
    for minute in (0, 15, 30, 45):
        event = json.dumps({"time": f"2026-11-27T00:{minute:02}:00Z"}).encode()
        answer = deployment.client("lambda").invoke(FunctionName="fanout-sentinel", Payload=event)
        assert "FunctionError" not in answer, answer["Payload"].read()
    lines = list(deployment.log_lines("fanout-sentinel"))[before:]
    written = [json.loads(line) for line in lines if line.startswith("{")]
    counted = {
        name: sum(sum(blob[name]) for blob in written if name in blob)
        for name in ("SentinelRuns", "SentinelFindings", "DriftedRows")
    }
    return counted, sum(line.get("customers", 0) for line in written)


def test_in_calm_it_compares_every_customer_and_finds_nothing(deployment):
    counted, customers = run(deployment)
    assert counted == {"SentinelRuns": 4, "SentinelFindings": 0, "DriftedRows": 0}
    assert customers == CUSTOMERS


def test_a_setting_that_was_changed_by_hand_is_found_in_each_run_until_it_is_back(deployment):
    mapping = {"UUID": deployment.payments_mapping_id}
    functions = deployment.client("lambda")
    functions.update_event_source_mapping(**mapping, Enabled=False)
    try:
        assert run(deployment)[0]["SentinelFindings"] == 4
    finally:
        functions.update_event_source_mapping(**mapping, Enabled=True)
    assert run(deployment)[0]["SentinelFindings"] == 0
