import traceback
from dataclasses import replace

import pytest

from publisher.handlers import RESERVES, BatchFailed
from unit.publisher.publisher_fakes import FakeClock, FakeContext, FakeFailureStore, Rig
from unit.publisher.stream_record_samples import record


@pytest.mark.parametrize("event", [{}, {"Records": None}, {"Records": {}}, [], None, "x"])
def test_what_is_no_stream_batch_fails_as_a_whole(event):
    with pytest.raises(BatchFailed, match="Records"):
        Rig().handler(event, FakeContext())


def test_a_failed_record_without_a_number_fails_the_whole_batch_after_it_was_reported():
    rig = Rig(store=FakeFailureStore(lambda _parked: "SlowDown"))
    nameless = record("ACTIVE", "CLOSED")
    del nameless["dynamodb"]["SequenceNumber"]
    with pytest.raises(BatchFailed, match="no SequenceNumber"):
        rig.handle([nameless])
    assert len(rig.reporter.results) == 1


def test_a_bug_fails_the_whole_batch_by_its_type_and_never_by_its_text():
    class Breaks:
        def report(self, result, *, request_id, now_seconds):
            raise ZeroDivisionError(f"secret {result.records}")

    handler = replace(Rig().handler, reporter=Breaks())
    line = Breaks.report.__code__.co_firstlineno + 1
    told = f"a ZeroDivisionError at publisher/test_stream_handler.py:{line} < publisher/handlers"
    with pytest.raises(BatchFailed, match=told) as failed:
        handler({"Records": [record("ACTIVE", "CLOSED")]}, FakeContext())
    assert "secret" not in "".join(traceback.format_exception(failed.value))
    assert failed.value.__context__ is None


@pytest.mark.parametrize(
    ("milliseconds", "work", "parking"),
    [(60_000, 39.0, 49.0), (10_000, 5.0, 7.5), (900_000, 879.0, 889.0)],
)
def test_time_is_kept_back_for_a_call_that_is_under_way_and_for_parking(
    milliseconds, work, parking
):
    kept = RESERVES.deadlines(FakeContext(milliseconds), FakeClock())
    assert kept.work.seconds_left() == pytest.approx(work)
    assert kept.parking.seconds_left() == pytest.approx(parking)
