"""Reconcile on the embedded AWS: it finds and mends ten planted drifts, and no change in flight."""

import random
from types import SimpleNamespace

import pytest

from e2e.fanout_command import Fanout
from e2e.second_subscriber import subscribed
from e2e.traffic import STATUSES, Traffic
from seed_at_scale.watching import looks
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("accounts-alone")]

CUSTOMERS = 60
PATIENCE_SECONDS = 180
RULE = "payments_consumer.standing:attributes"
STRAY = "nobody-knows"


@pytest.fixture(scope="module")
def deployment(untouched_deployment):
    """One in which every customer of Accounts can be compared."""
    return untouched_deployment


@pytest.fixture(scope="module")
def fanout(deployment, tmp_path_factory):
    return Fanout(deployment=deployment, state=tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def seeded(deployment, fanout):
    """A subscriber with every row right, and customers of its own."""
    traffic = Traffic(deployment, "drift", CUSTOMERS, seed=5)
    with subscribed(deployment, "risk") as risk:
        traffic.write_all()
        fanout("backfill", "risk", "--no-wait", "--execute", "--read-units", "0")
        yield SimpleNamespace(risk=risk, traffic=traffic)


def reconcile(fanout, *arguments, expect=0):
    return fanout(
        *("reconcile", "risk", "--reveal", "--rule", RULE),
        *("--read-units", "0", "--grace-seconds", "3"),
        *arguments,
        expect=expect,
    )


def settled(seeded):
    def check():
        truth, statuses = seeded.traffic.truth(), seeded.risk.statuses()
        return seeded.risk.depth() == 0 and all(
            statuses.get(one, "REMOVED") == truth.get(one, "REMOVED") for one in seeded.traffic.ids
        )

    return check


def plant(seeded):
    """Ten drifts, one for each way in which a row goes wrong; answers the kinds by customer."""
    risk, traffic = seeded.risk, seeded.traffic
    ids = iter(traffic.ids)

    def next_with(status):
        customer_id = next(ids)
        traffic.write(customer_id, status)
        return customer_id

    active = [next_with("ACTIVE") for _ in range(5)]
    closed = [next_with("CLOSED") for _ in range(2)]
    gone = [next_with("SUSPENDED") for _ in range(2)]
    return SimpleNamespace(active=active, closed=closed, gone=gone, risk=risk)


def tamper(planted):
    risk, (a, b, c, d, e), (f, g), (h, i) = (
        planted.risk,
        planted.active,
        planted.closed,
        planted.gone,
    )
    risk.delete_row(a)
    risk.delete_row(f)
    risk.tamper(b, status="SUSPENDED", payments="BLOCKED")
    risk.tamper(g, status="PENDING", payments="BLOCKED")
    risk.tamper(c, payments="BLOCKED")
    risk.tamper(d, status="CLOSED")
    risk.tamper(e, occurred_at="yesterday")
    risk.tamper(h, status="ACTIVE", payments="ALLOWED")
    risk.tamper(i, payments="ALLOWED")
    risk.tamper(STRAY, status="ACTIVE", payments="ALLOWED")
    return {
        a: "missing",
        f: "missing",
        b: "stale",
        g: "stale",
        c: "changed by hand",
        d: "changed by hand",
        e: "changed by hand",
        h: "extra",
        i: "changed by hand",
        STRAY: "extra",
    }


def test_ten_planted_drifts_are_found_and_repaired(seeded, fanout):
    planted = plant(seeded)
    eventually(settled(seeded), "the rows before", deadline_seconds=PATIENCE_SECONDS)
    for customer_id in planted.gone:
        seeded.traffic.remove(customer_id)
    eventually(settled(seeded), "the removals", deadline_seconds=PATIENCE_SECONDS)
    expected = tamper(planted)
    found = reconcile(fanout, expect=1)
    assert {one["customer_id"]: one["drift"] for one in found["differences"]} == expected
    assert found["drifted"] == 10
    assert seeded.risk.depth() == 0, "comparing sends nothing"

    unreadable = planted.active[4]
    repaired = reconcile(fanout, "--repair", "--execute", "--metric", expect=1)
    assert repaired["repairs"] == {"sent": 9, "agrees by now": 0, "can't be repaired": 1}
    assert repaired["left"] == 1
    seeded.risk.delete_row(unreadable)
    assert reconcile(fanout, "--repair", "--execute")["left"] == 0
    assert reconcile(fanout)["drifted"] == 0
    rows = seeded.risk.rows()
    assert rows[STRAY]["status"]["S"] == rows[planted.gone[0]]["status"]["S"] == "REMOVED"
    assert rows[planted.active[1]]["payments"]["S"] == "ALLOWED"


def test_nothing_is_found_while_changes_flow_at_speed(seeded, fanout):
    eventually(settled(seeded), "the rows before", deadline_seconds=PATIENCE_SECONDS)
    before = seeded.traffic.written
    with seeded.traffic.flowing(pause_seconds=0.005):
        eventually(lambda: seeded.traffic.written > before + 50, "changes before the comparison")
        began = seeded.traffic.written
        found = reconcile(fanout)
        assert seeded.traffic.written > began, "customers change during the comparison"
    assert found["drifted"] == 0


@pytest.mark.parametrize("changes", [100, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_a_subscriber_that_was_down_catches_up_by_itself(seeded, fanout, changes):
    eventually(settled(seeded), "the rows before", deadline_seconds=PATIENCE_SECONDS)
    seeded.risk.switch(on=False)
    change(seeded.traffic, changes)
    as_long_as_it_gets_on(seeded.risk, lambda depth: depth >= changes)
    seeded.risk.switch(on=True)
    as_long_as_it_gets_on(seeded.risk, lambda depth: depth == 0)
    eventually(settled(seeded), "every row", deadline_seconds=PATIENCE_SECONDS)
    assert reconcile(fanout)["drifted"] == 0


def as_long_as_it_gets_on(risk, is_so):
    """Await a depth of the queue, for as long as that may take on a busy machine."""
    next(depth for depth in looks(risk.depth) if is_so(depth))


def change(traffic, count):
    """So many changes of status, each of which is an event: none writes the status it finds."""
    chance = random.Random(6)
    truth = traffic.truth()
    for _ in range(count):
        customer_id = chance.choice(traffic.ids)
        status = chance.choice([one for one in (*STATUSES, None) if one != truth.get(customer_id)])
        if status is None:
            traffic.remove(customer_id)
            del truth[customer_id]
        else:
            traffic.write(customer_id, status)
            truth[customer_id] = status
