import json
import re

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    DynamoDBStreamLambdaOnFailureDestinationModel,
)

from fanout.errors import WrongUse
from fanout.streams.poller import OnFailureDestination
from fanout.streams.records import Batch, Discard, DiscardReason, MappingSettings, StreamRecord

SHARD = "shardId-00000001-abcdef"
NOW = 1793588645.25
BATCH = Batch(
    lane=0,
    records=(
        StreamRecord(sequence="99", key="a", created_at=1793588600.0, body='{"eventID": "1"}'),
        StreamRecord(sequence="100", key="b", created_at=1793588601.0, body='{"eventID": "2"}'),
    ),
    invoke_count=4,
    function_error="Unhandled",
)
DISCARD = Discard(batch=BATCH, reason=DiscardReason.RETRY_ATTEMPTS_EXHAUSTED)


class Recorder:
    """Any client: keeps the calls, answers what GetQueueUrl answers."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, operation):
        def call(**arguments):
            self.calls.append((operation, arguments))
            return {"QueueUrl": "https://queue"}

        return call


def deliver(arn, discard=DISCARD):
    settings = MappingSettings(
        mapping_id="5f7", function_arn="function", stream_arn="stream", on_failure_arn=arn
    )
    recorder = Recorder()
    destination = OnFailureDestination(settings, s3=recorder, sqs=recorder, sns=recorder)
    destination.deliver(discard, shard_id=SHARD, now=NOW)
    return recorder.calls


def test_a_bucket_gets_the_whole_invocation_record_under_the_key_that_lambda_chooses():
    ((operation, put),) = deliver("arn:aws:s3:::failures")
    assert (operation, put["Bucket"]) == ("put_object", "failures")
    assert re.fullmatch(
        rf"aws/lambda/5f7/{SHARD}/2026/11/02/2026-11-02T03\.04\.05-[0-9a-f-]{{36}}", put["Key"]
    )
    document = json.loads(put["Body"])
    assert json.loads(document["payload"]) == {"Records": [{"eventID": "1"}, {"eventID": "2"}]}
    DynamoDBStreamLambdaOnFailureDestinationModel.model_validate(document)


def test_a_queue_gets_the_metadata_alone():
    _, (operation, sent) = deliver("arn:aws:sqs:eu-west-1:123456789012:failures")
    document = json.loads(sent["MessageBody"])
    assert (operation, sent["QueueUrl"]) == ("send_message", "https://queue")
    assert document.keys() == {
        "requestContext",
        "responseContext",
        "version",
        "timestamp",
        "DDBStreamBatchInfo",
    }
    assert document["DDBStreamBatchInfo"] == {
        "shardId": SHARD,
        "startSequenceNumber": "99",
        "endSequenceNumber": "100",
        "approximateArrivalOfFirstRecord": "2026-11-02T03:03:20.000Z",
        "approximateArrivalOfLastRecord": "2026-11-02T03:03:21.000Z",
        "batchSize": 2,
        "streamArn": "stream",
    }
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["requestContext"]["approximateInvokeCount"] == 4
    assert document["responseContext"]["functionError"] == "Unhandled"


def test_a_topic_gets_the_metadata_alone():
    arn = "arn:aws:sns:eu-west-1:123456789012:failures"
    ((operation, sent),) = deliver(arn)
    assert (operation, sent["TopicArn"]) == ("publish", arn)
    assert "payload" not in json.loads(sent["Message"])


def test_a_batch_that_expired_unsent_says_that_the_function_never_answered():
    batch = Batch(lane=0, records=BATCH.records)
    discard = Discard(batch=batch, reason=DiscardReason.RECORD_AGE_EXCEEDED)
    ((_, put),) = deliver("arn:aws:s3:::failures", discard)
    document = json.loads(put["Body"])
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == 0
    assert document["responseContext"] == {"statusCode": 0, "executedVersion": "$LATEST"}


def test_without_a_destination_nothing_is_written():
    assert deliver(None) == []


@pytest.mark.parametrize("arn", ["kafka://brokers", "arn:aws:sns:eu-west-1:123456789012:failures"])
def test_a_destination_that_can_not_be_written_to_is_refused_at_once(arn):
    settings = MappingSettings(
        mapping_id="5f7", function_arn="function", stream_arn="stream", on_failure_arn=arn
    )
    with pytest.raises(WrongUse, match="on-failure destination"):
        OnFailureDestination(settings, s3=Recorder(), sqs=Recorder())
