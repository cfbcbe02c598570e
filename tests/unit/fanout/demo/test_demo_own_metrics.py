"""Adding up what a function says of itself."""

import json

from fanout.demo.witnesses import sums


def blob(**values):
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    directive = {"Namespace": "CustomerStatusFanout", "Dimensions": [["deployment", "service"]]}
    return json.dumps(
        {"_aws": {"CloudWatchMetrics": [directive | {"Metrics": metrics}]}, "other": 5} | values
    )


def test_the_blobs_of_all_batches_are_added_up():
    lines = [blob(EventsApplied=[3.0], EventsStale=[1.0]), blob(EventsApplied=[2.0, 4.0])]
    assert sums(lines) == {"EventsApplied": 9, "EventsStale": 1}


def test_a_plain_number_counts_as_well_as_a_list():
    assert sums([blob(EventsApplied=3)]) == {"EventsApplied": 3}


def test_lines_of_another_kind_are_passed_over():
    lines = ["START RequestId: 1", '{"message": "batch consumed"}', '{"_aws" broken', '["_aws"]']
    assert sums(lines) == {}


def test_nothing_in_the_log_is_nothing_measured():
    assert not sums([])
