"""Whatever the function answers, nothing is skipped, and no failed record is left behind."""

import math
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout.streams import mapping as rules
from fanout.streams.mapping import (
    Done,
    Failed,
    MappingSettings,
    NotInvoked,
    ShardMapping,
    read_answer,
)
from fanout.streams.records import StreamRecord

BASE = MappingSettings(
    mapping_id="mapping", function_arn="function", stream_arn="stream", retry_seconds_first=1
)
MAPPINGS = st.builds(
    lambda **changes: replace(BASE, **changes),
    batch_size=st.integers(1, 7),
    lanes=st.integers(1, 3),
    record_age_seconds_max=st.sampled_from([math.inf, 60, 600]),
    window_seconds=st.sampled_from([0, 3]),
)
RECORDS = st.lists(st.sampled_from("abcde"), max_size=30)
ANSWERS = st.sampled_from(
    ["success", "empty", "partial", "partial", "last", "unknown", "misnamed", "null", "error",
     "throttle"]
)  # fmt: skip


class Function:
    """Answers as told; once the script has ended it succeeds, so that every run can end."""

    def __init__(self, script):
        self.script = iter(script)

    def result(self, batch):
        identifiers = {
            "success": None,
            "empty": [],
            "partial": [batch.records[len(batch.records) // 2].sequence],
            "last": [record.sequence for record in batch.records[-2:]],
            "unknown": ["1" * 40],
            "null": [None],
        }
        match answer := next(self.script, "success"):
            case "error":
                return Failed(error="Unhandled: ValueError", function_error="Unhandled")
            case "throttle":
                return NotInvoked(error="Invoke: TooManyRequestsException")
            case "misnamed":
                response = {"batchItemFailures": [{"id": batch.records[0].sequence}]}
            case "success":
                response = None
            case _:
                found = identifiers[answer]
                response = {"batchItemFailures": [{"itemIdentifier": one} for one in found]}
        return read_answer(response, sequences={each.sequence for each in batch.records})


class Run:
    """Drives a mapping to its end with a clock of its own, and keeps a ledger beside it."""

    def __init__(self, mapping_settings, records, script):
        self.mapping = ShardMapping(mapping_settings)
        self.function = Function(script)
        self.settings = mapping_settings
        self.now = 0.0
        self.records = [
            StreamRecord(sequence=str(95 + n), key=key, created_at=0.0, body="{}")
            for n, key in enumerate(records)
        ]
        self.succeeded, self.discarded, self.delivered = [], [], defaultdict(list)

    def to_the_end(self):
        for start in range(0, len(self.records), 9):
            self.mapping.add(self.records[start : start + 9], now=self.now)
            self.turn()
        while self.mapping.pending:
            due_at = self.mapping.due_at()
            assert due_at < math.inf, "records are left, and nothing is to be done with them"
            self.now = max(self.now, due_at)
            self.turn()

    def turn(self):
        for batch in reversed(self.mapping.next_batches(now=self.now)):
            self.report_on(batch)
            self.check_the_checkpoint()

    def report_on(self, batch):
        assert 0 < len(batch.records) <= self.settings.batch_size
        if batch.discard_reason:
            self.discarded += batch.records
            self.mapping.report(batch, Done(), now=self.now)
            return
        for record in batch.records:
            self.delivered[record.key].append(record.number)
        result = self.function.result(batch)
        self.mapping.report(batch, result, now=self.now)
        # Counted from the function's own answer, not from what the mapping says is done.
        if isinstance(result, Done):
            self.succeeded += [one for one in batch.records if one.number < result.before]

    def check_the_checkpoint(self):
        done = {record.number for record in [*self.succeeded, *self.discarded]}
        checkpoint = int(self.mapping.checkpoint or 0)
        assert all(record.number in done for record in self.records if record.number <= checkpoint)


@settings(max_examples=300, deadline=None)
@given(MAPPINGS, RECORDS, st.lists(ANSWERS, max_size=60))
def test_every_record_ends_as_succeeded_or_discarded_and_none_is_skipped(
    mapping_settings, records, script
):
    run = Run(mapping_settings, records, script)
    run.to_the_end()
    ended = sorted(record.number for record in [*run.succeeded, *run.discarded])
    assert ended == [record.number for record in run.records]
    assert run.mapping.pending == 0
    if run.records:
        assert run.mapping.checkpoint == run.records[-1].sequence
    if mapping_settings.record_age_seconds_max == math.inf:
        assert run.discarded == []


@settings(max_examples=300, deadline=None)
@given(MAPPINGS, RECORDS, st.lists(ANSWERS, max_size=60))
def test_a_key_is_first_delivered_in_order_and_goes_back_only_to_retry(
    mapping_settings, records, script
):
    run = Run(mapping_settings, records, script)
    run.to_the_end()
    discarded = {record.number for record in run.discarded}
    for key, numbers in run.delivered.items():
        first_deliveries = list(dict.fromkeys(numbers))
        assert first_deliveries == sorted(first_deliveries)
        sent = [one.number for one in run.records if one.key == key]
        assert set(sent) - discarded <= set(first_deliveries) <= set(sent)


@pytest.mark.parametrize(
    ("kind", "broken"),
    [(Done, lambda batch: (batch.records, [])), (Failed, lambda _: ((), []))],
    ids=["ignores a partial failure", "drops a failed batch"],
)
def test_the_checks_catch_a_mapping_that_loses_records(monkeypatch, kind, broken):
    split = rules.split
    monkeypatch.setattr(
        *(rules, "split"),
        lambda batch, result: broken(batch) if type(result) is kind else split(batch, result),
    )
    run = Run(replace(BASE, batch_size=4), ["a"] * 8, ["partial", "error"])
    with pytest.raises(AssertionError):
        run.to_the_end()
