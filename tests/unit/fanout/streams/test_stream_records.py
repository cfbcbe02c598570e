import json
from datetime import UTC, datetime

from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel

from fanout.streams.records import payload_of, shape_record, take_record

ARN = "arn:aws:dynamodb:us-west-2:123456789012:table/accounts/stream/2026-11-01T00:00:00.000"
# As boto3 gives it: capitals in userIdentity, a datetime, bytes.
RAW = {
    "eventID": "c81e728d9d4c2f636f067f89cc14862c",
    "eventName": "REMOVE",
    "eventVersion": "1.1",
    "eventSource": "aws:dynamodb",
    "awsRegion": "us-west-2",
    "dynamodb": {
        "ApproximateCreationDateTime": datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC),
        "Keys": {"customer_id": {"S": "cust-1"}},
        "OldImage": {
            "customer_id": {"S": "cust-1"},
            "balance": {"N": "10.50"},
            "seal": {"B": b"\x00\xff"},
            "seals": {"BS": [b"a", b"b"]},
            "nested": {"L": [{"M": {"inner": {"B": b"c"}}}, {"NULL": True}]},
        },
        "SequenceNumber": "4421584500000000017450439091",
        "SizeBytes": 59,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
    "userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"},
}


def take(raw=RAW):
    return take_record(raw, stream_arn=ARN, partition_key="customer_id")


def test_a_record_has_the_shape_that_lambda_sends():
    stream = RAW["dynamodb"]
    image = stream["OldImage"] | {
        "seal": {"B": "AP8="},
        "seals": {"BS": ["YQ==", "Yg=="]},
        "nested": {"L": [{"M": {"inner": {"B": "Yw=="}}}, {"NULL": True}]},
    }
    assert shape_record(RAW, stream_arn=ARN) == RAW | {
        "dynamodb": stream | {"ApproximateCreationDateTime": 1793588645, "OldImage": image},
        "userIdentity": {"principalId": "dynamodb.amazonaws.com", "type": "Service"},
        "eventSourceARN": ARN,
    }


def test_a_record_without_a_service_behind_it_has_no_user_identity():
    raw = {name: value for name, value in RAW.items() if name != "userIdentity"}
    assert "userIdentity" not in shape_record(raw, stream_arn=ARN)


def test_the_payload_is_an_event_that_powertools_can_parse():
    payload = json.loads(payload_of([take(), take()]))
    assert len(DynamoDBStreamModel.model_validate(payload).Records) == 2


def test_the_mapping_gets_the_number_the_key_and_the_time_of_the_record():
    record = take()
    assert record.number == 4421584500000000017450439091
    assert json.loads(record.key) == {"S": "cust-1"}
    assert record.created_at == 1793588645.0
