"""Adding up what a function says of itself."""

from fanout.demo.witnesses import sums


def blob(**values):
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    directive = {"Namespace": "CustomerStatusFanout", "Dimensions": [["deployment", "service"]]}
    return {"_aws": {"CloudWatchMetrics": [directive | {"Metrics": metrics}]}, "other": 5} | values


def test_the_blobs_of_all_batches_are_added_up():
    lines = [blob(EventsApplied=[3.0], EventsStale=1), blob(EventsApplied=[2.0, 4.0])]
    assert sums(lines) == {"EventsApplied": 9, "EventsStale": 1}


def test_lines_of_another_kind_are_passed_over():
    assert sums([{"message": "batch consumed"}]) == {}
