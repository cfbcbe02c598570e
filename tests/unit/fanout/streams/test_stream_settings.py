import math

import pytest

from fanout.errors import WrongUse
from fanout.streams.mapping import MappingSettings

ANSWER = {
    "UUID": "5f7",
    "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:publisher",
    "EventSourceArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/accounts/stream/1",
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
}


def test_every_setting_of_the_mapping_is_read():
    settings = MappingSettings.from_answer(
        ANSWER
        | {
            "BatchSize": 1000,
            "MaximumBatchingWindowInSeconds": 2,
            "ParallelizationFactor": 3,
            "MaximumRetryAttempts": -1,
            "MaximumRecordAgeInSeconds": 43200,
            "FilterCriteria": {"Filters": []},
            "StartingPosition": "TRIM_HORIZON",
        }
    )
    assert (settings.batch_size, settings.window_seconds, settings.lanes) == (1000, 2.0, 3)
    assert settings.record_age_seconds_max == 43200
    assert settings.failure_bucket == "failures"


def test_what_is_left_out_takes_the_default_of_lambda():
    settings = MappingSettings.from_answer(ANSWER)
    assert (settings.batch_size, settings.window_seconds, settings.lanes) == (100, 0.0, 1)
    assert settings.record_age_seconds_max == math.inf


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"StartingPosition": "LATEST"}, "'LATEST', expected 'TRIM_HORIZON'"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "FilterCriteria "),
        ({"BisectBatchOnFunctionError": False}, "BisectBatchOnFunctionError False"),
        ({"MaximumRetryAttempts": 0}, "MaximumRetryAttempts 0, expected -1"),
        ({"FunctionResponseTypes": []}, "FunctionResponseTypes "),
        ({"DestinationConfig": None}, "no bucket"),
        *(
            ({"DestinationConfig": {"OnFailure": {"Destination": arn}}}, "no bucket")
            for arn in (
                "kafka://brokers",
                "arn:aws:sns:eu-west-1:123456789012:failures",
                "arn:aws:sqs:eu-west-1:123456789012:failures",
            )
        ),
    ],
)
def test_a_setting_that_the_local_poller_does_not_follow_is_refused(answer, sentence):
    with pytest.raises(WrongUse, match=f"Mapping 5f7.*{sentence}"):
        MappingSettings.from_answer(ANSWER | answer)
