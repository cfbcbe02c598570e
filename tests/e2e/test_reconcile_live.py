"""Reconcile on the embedded AWS takes no change in flight for drift; `drift.md` is walked too."""

import random
from types import SimpleNamespace

import pytest

from e2e.fanout_command import Fanout
from e2e.second_subscriber import subscribed
from e2e.traffic import STATUSES, Traffic
from seed_at_scale.watching import looks
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployment")]

CUSTOMERS = 60
PATIENCE_SECONDS = 180
RULE = "payments_consumer.standing:attributes"


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


def drifted(fanout):
    arguments = ("--rule", RULE, "--read-units", "0", "--grace-seconds", "3")
    return fanout("reconcile", "risk", *arguments)["drifted"]


def settled(seeded):
    def check():
        truth, statuses = seeded.traffic.truth(), seeded.risk.statuses()
        return seeded.risk.depth() == 0 and all(
            statuses.get(one, "REMOVED") == truth.get(one, "REMOVED") for one in seeded.traffic.ids
        )

    return check


def test_nothing_is_found_while_changes_flow_at_speed(seeded, fanout):
    eventually(settled(seeded), "the rows before", deadline_seconds=PATIENCE_SECONDS)
    before = seeded.traffic.written
    with seeded.traffic.flowing(pause_seconds=0.005):
        eventually(lambda: seeded.traffic.written > before + 50, "changes before the comparison")
        began = seeded.traffic.written
        found = drifted(fanout)
        assert seeded.traffic.written > began, "customers change during the comparison"
    assert found == 0


@pytest.mark.parametrize("changes", [100, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_a_subscriber_that_was_down_catches_up_by_itself(seeded, fanout, changes):
    eventually(settled(seeded), "the rows before", deadline_seconds=PATIENCE_SECONDS)
    seeded.risk.switch(on=False)
    change(seeded.traffic, changes)
    as_long_as_it_gets_on(seeded.risk, lambda depth: depth >= changes)
    seeded.risk.switch(on=True)
    as_long_as_it_gets_on(seeded.risk, lambda depth: depth == 0)
    eventually(settled(seeded), "every row", deadline_seconds=PATIENCE_SECONDS)
    assert drifted(fanout) == 0


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
