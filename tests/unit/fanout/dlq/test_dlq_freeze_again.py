"""A selection that was killed while it read is made again, and misses nothing that is hidden."""

import pytest

from fanout.runs.operation import Selecting
from unit.fanout.dlq.dlq_bench import HOLD, WHO, Bench
from unit.fanout.dlq.dlq_fakes import dead


@pytest.mark.parametrize(("again", "selected"), [(True, 7), (False, 0)])
def test_what_a_killed_reader_still_hides_is_waited_for(tmp_path, monkeypatch, again, selected):
    bench = Bench(tmp_path, monkeypatch)
    bench.fill(*(dead(number) for number in range(1, 8)))
    bench.dlq.receive(hold_seconds=HOLD, thorough=False)
    options = {"selection": {}, "limit": None, "hold_seconds": HOLD}
    with bench.store.create("dlq edit", subject={}, options=options, operator=WHO) as run:
        bench.operation.select(run, Selecting(again=again))
        assert run.ledger.count() == selected
        assert any("hidden just now" in remark for remark in run.ledger.left_out)
