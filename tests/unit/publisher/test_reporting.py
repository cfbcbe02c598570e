import json
from uuid import uuid4

import pytest

from publisher.batch_result import BatchResult
from publisher.reasons import UnknownStatus
from publisher.reporting import BatchReporter
from publisher.stream_records import StreamRecord
from unit.publisher.stream_record_samples import FIRST_SEQUENCE_NUMBER, record

NOW_SECONDS = 1_795_426_202.5


@pytest.fixture
def report(capsys):
    """Reports a batch; the log line and the metrics blob."""

    def reported(records, **result):
        service = f"publisher-{uuid4()}"
        reporter = BatchReporter(
            service=service, deployment="blue", namespace="CustomerStatusFanout"
        )
        capsys.readouterr()
        result = BatchResult(records=[StreamRecord(one) for one in records], **result)
        reporter.report(result, request_id="r-1", now_seconds=NOW_SECONDS)
        output = capsys.readouterr()
        lines = [json.loads(line) for line in (output.out + output.err).splitlines()]
        assert len(lines) == 2
        (blob,) = (line for line in lines if "_aws" in line)
        (line,) = (line for line in lines if "_aws" not in line)
        assert blob["service"] == line["service"] == service
        return line, blob

    return reported


def test_a_batch_leaves_one_line_and_one_blob(report):
    records = [record("ACTIVE", "CLOSED", number=number) for number in range(3)]
    line, blob = report(records, transitions=3, published=6)
    assert line["level"] == "INFO"
    assert (line["records"], line["transitions"], line["published"]) == (3, 3, 6)
    assert line["function_request_id"] == "r-1"
    assert line["first_sequence_number"] == str(FIRST_SEQUENCE_NUMBER)
    assert line["last_sequence_number"] == str(FIRST_SEQUENCE_NUMBER + 2)
    assert not {"parked", "failed", "bus_faults", "reasons_left_out"} & line.keys()
    metrics = blob["_aws"]["CloudWatchMetrics"][0]
    assert metrics["Namespace"] == "CustomerStatusFanout"
    assert metrics["Dimensions"] == [["deployment", "service"]]
    assert blob["deployment"] == "blue"
    assert {name: blob[name] for name in ("StreamRecords", "StatusTransitions")} == {
        "StreamRecords": [3.0],
        "StatusTransitions": [3.0],
    }
    assert blob["EventsPublished"] == [6.0]
    assert blob["StreamLagMilliseconds"] == [2500.0]
    assert {metric["Name"]: metric["Unit"] for metric in metrics["Metrics"]} == {
        "StreamRecords": "Count",
        "StatusTransitions": "Count",
        "RecordsWithoutTransition": "Count",
        "CustomerRecords": "Count",
        "EventsPublished": "Count",
        "RecordsParked": "Count",
        "RecordsFailed": "Count",
        "RecordsHeld": "Count",
        "BusFaults": "Count",
        "StreamLagMilliseconds": "Milliseconds",
    }


def test_an_empty_batch_reports_zeros_and_no_lag(report):
    line, blob = report([])
    assert blob["StreamRecords"] == blob["RecordsParked"] == blob["BusFaults"] == [0.0]
    assert "StreamLagMilliseconds" not in blob
    assert "first_sequence_number" not in line


def test_what_was_parked_and_what_failed_is_told_by_reason_and_bounded_ids(report):
    records = [record("ACTIVE", "CLOSED", number=number) for number in range(100)]
    line, blob = report(
        records,
        reasons_left_out=2,
        bus_faults=7,
        parked=dict.fromkeys(range(50), UnknownStatus("one of those")),
        failed=dict.fromkeys(range(50, 100), "Throttled"),
    )
    assert line["level"] == "WARNING"
    assert (line["parked"], line["failed"]) == ({"UnknownStatus": 50}, {"Throttled": 50})
    assert (line["bus_faults"], line["reasons_left_out"]) == (7, 2)
    assert line["parked_event_ids"][0] == records[0]["eventID"]
    assert line["failed_sequence_numbers"][0] == records[50]["dynamodb"]["SequenceNumber"]
    assert len(line["parked_event_ids"]) == 20
    assert len(line["failed_sequence_numbers"]) == 20
    assert (blob["RecordsParked"], blob["RecordsFailed"], blob["BusFaults"]) == (
        [50.0],
        [50.0],
        [7.0],
    )


def test_a_clock_behind_the_streams_reports_no_negative_lag(report):
    ahead = record("ACTIVE", "CLOSED")
    ahead["dynamodb"]["ApproximateCreationDateTime"] = NOW_SECONDS + 60
    _, blob = report([ahead])
    assert blob["StreamLagMilliseconds"] == [0.0]


def test_the_lag_is_that_of_the_oldest_change_of_the_batch(report):
    records = [record("ACTIVE", "CLOSED", number=number) for number in range(3)]
    for number, one in enumerate(records):
        one["dynamodb"]["ApproximateCreationDateTime"] = int(NOW_SECONDS) - 3_000 + number * 1_000
    line, blob = report(records)
    assert (line["stream_lag_milliseconds"], blob["StreamLagMilliseconds"]) == (
        3_000_500,
        [3_000_500.0],
    )


def test_unexpected_exceptions_are_told_with_bounded_ids(report):
    records = [record("ACTIVE", "CLOSED", number=number) for number in range(100)]
    line, _ = report(records, unexpected=dict.fromkeys(range(100), "KeyError at a:1"))
    assert len(line["unexpected"]) == 20
    assert line["unexpected"][0] == {"event_id": records[0]["eventID"], "raised": "KeyError at a:1"}


def test_the_traces_of_the_changes_are_logged_once_each_and_bounded(report):
    line, _ = report([], traces=["00-a-01", "00-b-01", "00-a-01"])
    assert line["traces"] == ["00-a-01", "00-b-01"]
    line, _ = report([], traces=[f"00-{number}-01" for number in range(10_000)])
    assert len(line["traces"]) == 100
