"""Seed a new subscriber on the embedded AWS while customers change, and see every row right."""

from contextlib import ExitStack

import pytest

from e2e.fanout_command import Fanout
from e2e.second_subscriber import subscribed
from e2e.traffic import Traffic
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployment")]

CUSTOMERS = 100
KILLED_CUSTOMERS = 100
PATIENCE_SECONDS = 180


@pytest.fixture
def subscribe(deployment):
    """Make subscribers that leave when the test ends."""
    with ExitStack() as stack:

        def make(name, **how):
            return stack.enter_context(subscribed(deployment, name, **how))

        yield make


@pytest.fixture(scope="module")
def fanout(deployment, tmp_path_factory):
    return Fanout(deployment=deployment, state=tmp_path_factory.mktemp("state"))


def agrees(subscriber, traffic):
    """Every customer of Accounts has its row, and every row without a customer says so."""

    def check():
        truth, rows = traffic.truth(), subscriber.statuses()
        gone = {rows[one] for one in rows.keys() - truth.keys()}
        return gone <= {"REMOVED"} and all(rows.get(one) == truth[one] for one in truth)

    return check


def payments_rows(deployment):
    pages = deployment.client("dynamodb").get_paginator("scan")
    return {
        item["customer_id"]["S"]: item
        for page in pages.paginate(TableName=deployment.payments_table, ConsistentRead=True)
        for item in page["Items"]
    }


def has_row_of_each(deployment, traffic):
    return lambda: payments_rows(deployment).keys() >= traffic.truth().keys()


def test_a_new_subscriber_is_seeded_while_customers_change(deployment, fanout, subscribe):
    traffic = Traffic(deployment, "seed", CUSTOMERS, seed=1)
    traffic.write_all()
    eventually(
        has_row_of_each(deployment, traffic), "Payments' rows", deadline_seconds=PATIENCE_SECONDS
    )
    fraud = subscribe("fraud")
    before = traffic.written
    with traffic.flowing():
        eventually(lambda: traffic.written > before + 20, "changes before the seed")
        began = traffic.written
        done = fanout(
            *("backfill", "fraud", "--no-wait", "--execute"),
            *("--read-units", "0", "--page-size", "20"),
        )
        assert traffic.written > began, "customers change during the seed"
    assert done["finished"]
    assert done["sent"] == done["scanned"] >= CUSTOMERS * 0.8
    eventually(agrees(fraud, traffic), "Fraud's rows", deadline_seconds=PATIENCE_SECONDS)
    changed = [row for row in fraud.rows().values() if "snapshot_at" not in row]
    assert changed, "some rows come from live changes alone"
    assert not any("snapshot_at" in row for row in payments_rows(deployment).values()), (
        "nobody else got a snapshot"
    )
    found = fanout("reconcile", "fraud", "--read-units", "0", "--grace-seconds", "2")
    assert (found["good"], found["drifted"]) == (True, 0)


def test_a_backfill_that_is_killed_goes_on_where_it_was(deployment, fanout, subscribe):
    traffic = Traffic(deployment, "kill", KILLED_CUSTOMERS, seed=2)
    traffic.write_all()
    eventually(
        has_row_of_each(deployment, traffic), "Payments' rows", deadline_seconds=PATIENCE_SECONDS
    )
    loans = subscribe("loans", on=False)
    arguments = ("backfill", "loans", "--no-wait", "--execute", "--segments", "2")
    process = fanout.start(*arguments, "--page-size", "10", "--read-units", "3")

    def journal():
        files = [one for one in fanout.runs.glob("*-backfill-*") if '"loans"' in one.read_text()]
        return files[0].read_text() if files else ""

    try:
        eventually(lambda: journal().count('"done"') >= 4, "some pages")
    finally:
        process.kill()
        process.wait()
    sent_before = loans.depth()
    assert 0 < sent_before < len(traffic.truth())
    [run_id] = [
        one.stem for one in fanout.runs.glob("*-backfill-*") if '"loans"' in one.read_text()
    ]
    done = fanout(*arguments, "--page-size", "100", "--read-units", "0", "--resume", run_id)
    assert done["finished"]
    assert done["scanned"] >= KILLED_CUSTOMERS
    repeated = sent_before + done["sent"] - loans.depth()
    assert loans.depth() <= done["sent"] + 2 * 10, f"at most a page of each segment: {repeated}"
    loans.switch(on=True)
    eventually(agrees(loans, traffic), "Loans' rows", deadline_seconds=PATIENCE_SECONDS)
