import pytest

from fanout.errors import WrongUse
from fanout.streams.mapping import MappingSettings

ANSWER = {
    "UUID": "5f7",
    "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:publisher",
    "EventSourceArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/accounts/stream/1",
}


def test_every_setting_of_the_mapping_is_read():
    settings = MappingSettings.from_answer(
        ANSWER
        | {
            "BatchSize": 1000,
            "MaximumBatchingWindowInSeconds": 2,
            "ParallelizationFactor": 3,
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": 0,
            "MaximumRecordAgeInSeconds": 43200,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": {"Filters": []},
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
            "StartingPosition": "LATEST",
        }
    )
    assert (settings.batch_size, settings.window_seconds, settings.lanes) == (1000, 2.0, 3)
    assert settings.bisect
    assert (settings.retry_attempts_max, settings.record_age_seconds_max) == (0, 43200)
    assert settings.report_item_failures
    assert settings.failure_bucket == "failures"
    assert settings.starting_position == "LATEST"


def test_what_is_left_out_takes_the_default_of_lambda():
    settings = MappingSettings.from_answer(ANSWER)
    assert (settings.batch_size, settings.window_seconds, settings.lanes) == (100, 0.0, 1)
    assert (settings.retry_attempts_max, settings.record_age_seconds_max) == (-1, -1)
    assert not settings.bisect
    assert not settings.report_item_failures
    assert settings.failure_bucket is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"StartingPosition": "AT_TIMESTAMP"}, "StartingPosition 'AT_TIMESTAMP' does not exist"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "has a filter"),
        *(
            ({"DestinationConfig": {"OnFailure": {"Destination": arn}}}, f"destination {arn}: only")
            for arn in (
                "kafka://brokers",
                "arn:aws:sns:eu-west-1:123456789012:failures",
                "arn:aws:sqs:eu-west-1:123456789012:failures",
            )
        ),
    ],
)
def test_a_setting_that_the_local_poller_does_not_follow_is_refused(answer, sentence):
    with pytest.raises(WrongUse, match=f"mapping 5f7.*{sentence}"):
        MappingSettings.from_answer(ANSWER | answer)
