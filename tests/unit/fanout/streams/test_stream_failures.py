import json
import re
from unittest.mock import Mock

from aws_lambda_powertools.utilities.parser.models import (
    DynamoDBStreamLambdaOnFailureDestinationModel,
)

from fanout.streams.mapping import RECORD_AGE_EXCEEDED, Batch, MappingSettings
from fanout.streams.poller import store_discarded
from fanout.streams.records import StreamRecord

SHARD = "shardId-00000001-abcdef"
SETTINGS = MappingSettings(
    mapping_id="5f7", function_arn="function", stream_arn="stream", failure_bucket="failures"
)
BATCH = Batch(
    lane=0,
    records=(
        StreamRecord(sequence="99", key="a", created_at=1793588600.0, body='{"eventID": "1"}'),
        StreamRecord(sequence="100", key="b", created_at=1793588601.0, body='{"eventID": "2"}'),
    ),
    invoke_count=4,
    function_error="Unhandled",
    discard_reason=RECORD_AGE_EXCEEDED,
)


def put(batch):
    s3 = Mock()
    store_discarded(s3, SETTINGS, batch, shard_id=SHARD, now=1793588645.25)
    return [call.kwargs for call in s3.put_object.call_args_list]


def test_a_bucket_gets_the_whole_invocation_record_under_the_key_that_lambda_chooses():
    [stored] = put(BATCH)
    assert stored["Bucket"] == "failures"
    assert re.fullmatch(
        rf"aws/lambda/5f7/{SHARD}/2026/11/02/2026-11-02T03\.04\.05-[0-9a-f-]{{36}}", stored["Key"]
    )
    document = json.loads(stored["Body"])
    DynamoDBStreamLambdaOnFailureDestinationModel.model_validate(document)
    assert json.loads(document["payload"]) == {"Records": [{"eventID": "1"}, {"eventID": "2"}]}
    assert document["DDBStreamBatchInfo"] == {
        "shardId": SHARD,
        "startSequenceNumber": "99",
        "endSequenceNumber": "100",
        "approximateArrivalOfFirstRecord": "2026-11-02T03:03:20.000Z",
        "approximateArrivalOfLastRecord": "2026-11-02T03:03:21.000Z",
        "batchSize": 2,
        "streamArn": "stream",
    }
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == 4
    assert document["responseContext"]["functionError"] == "Unhandled"


def test_a_batch_that_expired_unsent_says_that_the_function_never_answered():
    [stored] = put(Batch(lane=0, records=BATCH.records, discard_reason=RECORD_AGE_EXCEEDED))
    document = json.loads(stored["Body"])
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == 0
    assert document["responseContext"] == {"statusCode": 0, "executedVersion": "$LATEST"}
