"""The rules of an EventBridge bus in the simulated world, beyond what an emulator is asked."""

from random import Random

import pytest

from simulation.bus import EventBus, matches
from simulation.calls import Calls, Invocation
from simulation.clock import VirtualClock
from simulation.schedule import CallFault

EVENT = {"detail-type": "Changed", "detail": {"status": "ACTIVE", "before": None}}


@pytest.mark.parametrize(
    ("pattern", "selects"),
    [
        ({"detail-type": ["Changed", "Other"]}, True),
        ({"detail-type": ["Other"]}, False),
        ({"detail": {"status": [{"prefix": "ACT"}]}}, True),
        ({"detail": {"status": [{"suffix": "ACT"}]}}, False),
        ({"detail": {"status": [{"anything-but": ["ACTIVE"]}]}}, False),
        ({"detail": {"before": [None]}}, True),
        ({"detail": {"missing": [None]}}, False),
        ({"detail": {"missing": [{"exists": False}]}}, True),
        ({"detail": {"$or": [{"status": ["CLOSED"]}, {"before": [None]}]}}, True),
        ({"detail": {"$or": [{"status": ["CLOSED"]}, {"before": ["X"]}]}}, False),
        ({"source": {"deeper": ["x"]}}, False),
    ],
)
def test_a_pattern_ands_its_fields_and_ors_their_values(pattern, selects):
    assert matches(pattern, EVENT) is selects


@pytest.mark.parametrize(
    ("kind", "entries", "failed"),
    [("entry_fails", 2, 1), ("missing", 1, 0), ("missing_done", 1, 0)],
)
def test_answers_stand_by_place_so_that_one_that_is_missing_shifts_the_rest(kind, entries, failed):
    calls = Calls(VirtualClock())
    fault = CallFault(call=0, kind=kind)
    calls.enter(Invocation(ends_at=float("inf"), random=Random(1), faults=(fault,)))
    bus = EventBus(calls, VirtualClock(), watch=lambda *_: None)
    entry = {"Source": "s", "DetailType": "t", "Detail": '{"subject": "c"}'}
    answer = bus.put_events(Entries=[entry, entry])
    assert (len(answer["Entries"]), answer["FailedEntryCount"]) == (entries, failed)
