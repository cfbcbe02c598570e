"""A selection that was killed while it read is made again, and misses nothing that is hidden."""

import pytest

from customer_events.decoder import from_document
from fanout.dlq import replay as module
from fanout.dlq.replay import freeze
from fanout.dlq.selection import Selection
from fanout.runs.store import Operator, RunStore
from fanout.sqs.scan import Sweep
from unit.fanout.dlq.dlq_fakes import Clock, FakeQueue, dead

OPERATOR = Operator(user="jo", host="here", pid=1, identity="arn:jo", account="1")


@pytest.fixture
def run(tmp_path):
    store = RunStore(tmp_path)
    with store.create("dlq edit", subject={}, options={}, operator=OPERATOR) as made:
        yield made


@pytest.fixture
def killed(monkeypatch):
    """A DLQ whose messages a killed reader hides for five seconds more."""
    clock = Clock()
    queue = FakeQueue([dead(number) for number in range(1, 8)], clock=clock)
    queue.receive(hold_seconds=5, thorough=False)

    def sweep(dlq, **options):
        return Sweep(dlq, **options, monotonic=clock, sleep=clock.sleep)

    monkeypatch.setattr(module, "Sweep", sweep)
    return queue


@pytest.mark.parametrize(("patience_seconds", "selected"), [(10, 7), (0, 0)])
def test_what_a_killed_reader_still_hides_is_waited_for(run, killed, patience_seconds, selected):
    found = freeze(
        killed,
        Selection(),
        run,
        reader=from_document,
        limit=None,
        hold_seconds=5,
        stop=lambda: False,
        patience_seconds=patience_seconds,
    )
    assert found.selected == selected
    assert bool([one for one in found.remarks if "hidden just now" in one])
