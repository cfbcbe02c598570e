"""The page's changes, made in a copy of this project: the field gets from the table to the row."""

import pytest

from docs.doc_blocks import ROOT
from project_copy import as_script, copy_project, run

PAGE = ROOT / "docs/howto/add-a-field.md"
CLAIMS = '''
"""What the page says of snapshots, of reconcile, and of rows from before the field."""

import json

from event_consumer import latest_state_consumer
from integration.payments_on_moto import as_lambda_record
from integration.seeding_on_moto import seeding_on_moto
from payments_consumer.standing import attributes


def test_a_snapshot_carries_it_and_reconcile_never_accuses_an_old_row(tmp_path):
    with seeding_on_moto(tmp_path) as made:
        made.publisher(changed_by_attribute="who")
        made.put("c-1", "SUSPENDED", who={"S": "FRAUD_DESK"})
        made.put("c-2", "ACTIVE")
        assert made.backfill().exit_code == 0
        environment = {
            "DEPLOYMENT": "fanout",
            "CONSUMER_NAME": "payments",
            "QUEUE_URL": made.facts["queue_url"],
            "DLQ_URL": made.facts["dlq_url"],
            "TABLE_NAME": made.facts["table"],
        }
        arn = made.facts["queue_arn"]
        records = [as_lambda_record(one, arn) for one in made.messages()]
        latest_state_consumer(attributes, environment)({"Records": records}, None)
        rows = made.clients["dynamodb"].scan(TableName="payments")["Items"]
        found = {row["customer_id"]["S"]: row["set_by"]["S"] for row in rows}
        assert found == {"c-1": "FRAUD_DESK", "c-2": "UNKNOWN"}
        assert reconciled(made) == (True, {})
        for row in rows:
            del row["set_by"]
            made.clients["dynamodb"].put_item(TableName="payments", Item=row)
        assert reconciled(made) == (True, {"set_by": 2})


def reconciled(made):
    found = json.loads(made.run("reconcile", "payments", "--grace-seconds", "0").stdout)
    return found["good"], found["unchecked"]
'''


@pytest.mark.slow
def test_the_field_gets_from_the_table_to_the_row_by_the_pages_own_changes(tmp_path):
    clone = copy_project(tmp_path / "clone")
    (clone / "tests/integration/test_claims.py").write_text(CLAIMS)
    script = as_script(PAGE).replace(
        "test_examples.py", "test_examples.py tests/integration/test_claims.py"
    )
    done = run(clone, script)
    assert "compatible customer_status_changed/v2.schema.json" in done.stdout
    assert " passed" in done.stdout
