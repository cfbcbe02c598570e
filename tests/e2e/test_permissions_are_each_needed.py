"""Each permission of the roles is needed: without it something fails, and with it everything works.

What is taken away is taken from the role on the running deployment and given back afterwards.
"""

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from e2e.outages import is_put, put
from fanout.local.deployment import LocalDeployment
from fanout.runs.function import log_texts
from infra.permission_needs import NEEDS, PROVED
from infra.permission_roles import CALLS, Call, Role
from infra.sam_template import deployed, of_type
from waiting import eventually

DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
}
# What MiniStack 1.5.33 refuses to a role that may do it.
MISTAKEN: dict[tuple[str, str], Call] = {
    ("PublisherRole", "ReadTheStream"): lambda client, up, _: client(
        "dynamodbstreams"
    ).describe_stream(StreamArn=up.stream_arn),
    ("PublisherRole", "WriteItsOwnLogs"): lambda client, up, _: client("logs").create_log_stream(
        logGroupName=f"/aws/lambda/{up.publisher_function}", logStreamName="of-the-test"
    ),
}


def _guarded(test):
    return pytest.mark.slow(pytest.mark.xdist_group("guarded")(test))


@pytest.fixture(scope="module")
def up(guarded_deployment) -> Iterator[LocalDeployment]:
    """The whole system, with permissions checked; in the end nothing is left of what is put in."""
    yield guarded_deployment
    call, bucket = guarded_deployment.client, {"Bucket": guarded_deployment.failure_bucket}
    for kept in call("s3").list_objects_v2(**bucket).get("Contents", []):
        call("s3").delete_object(**bucket, Key=kept["Key"])
    call("sqs").purge_queue(QueueUrl=guarded_deployment.dlq_url)
    row = {"customer_id": {"S": "of-the-test"}}
    call("dynamodb").delete_item(TableName=guarded_deployment.payments_table, Key=row)


# ---------------------------------------------------------------- the table of needs


@pytest.mark.parametrize("role", NEEDS)
def test_a_role_may_do_what_is_needed_and_nothing_else(role):
    [policy] = of_type(deployed(), "AWS::IAM::Role")[role]["Policies"]
    granted = {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}
    assert set(granted) == set(NEEDS[role])
    for sid, need in NEEDS[role].items():
        statement = granted[sid]
        assert set(_list(statement["Action"])) == set(need.actions), sid
        resources = _list(statement["Resource"])
        assert len(resources) == len(need.on)
        assert all(one.endswith(end) for one, end in zip(resources, need.on, strict=True)), sid
        assert need.condition in json.dumps(statement.get("Condition", ""))
        assert ("Condition" in statement) is bool(need.condition)
        assert need.source
        assert all(need.actions.values())


def test_every_statement_that_the_emulator_checks_is_taken_away_action_by_action():
    checked = {
        (role, sid, action)
        for role, sids in PROVED.items()
        for sid in sids
        for action in NEEDS[role][sid].actions
    }
    assert set(CALLS) == checked


# ---------------------------------------------------------------- call by call


@_guarded
@pytest.mark.parametrize(("logical_id", "sid", "action"), CALLS)
def test_without_an_action_its_call_is_refused(up, logical_id, sid, action):
    role, call = Role.of(up, logical_id), CALLS[logical_id, sid, action]
    assert _refusal(call, role) not in DENIED
    with role.without(sid, action):
        assert _refusal(call, role) in DENIED
    assert _refusal(call, role) not in DENIED


@_guarded
@pytest.mark.parametrize(("role", "sid"), MISTAKEN)
def test_what_the_emulator_checks_under_a_wrong_name_is_left_to_the_table(up, role, sid):
    """Fails once the emulator is right: then the statement belongs to those that are proved."""
    assert _refusal(MISTAKEN[role, sid], Role.of(up, role)) in DENIED
    assert sid not in PROVED[role]


# ---------------------------------------------------------------- what waits for a permission

# Without Publish, or the table: see test_runbooks_walked.py and test_watch_live.py.


@_guarded
def test_without_the_failure_store_a_bad_record_waits_and_is_parked_once_it_is_back(up):
    stored, parked, failed = (
        _stored(up),
        _counted(up, "RecordsParked"),
        _counted(up, "RecordsFailed"),
    )
    with Role.of(up, "PublisherRole").without("KeepFailures"):
        put(up, "keep-1", "FROZEN")
        eventually(lambda: _counted(up, "RecordsFailed") > failed, "the record fails")
        assert (_stored(up), _counted(up, "RecordsParked")) == (stored, parked)
    eventually(lambda: _stored(up) > stored, "the record is parked")
    is_put(up, "keep-1")


@_guarded
def test_without_the_dlq_poison_waits_and_is_parked_once_it_is_back(up):
    dead, retried = _dead(up), _retried(up)
    with Role.of(up, "ConsumerRole").without("ParkPoison"):
        up.client("sqs").send_message(QueueUrl=up.queue_url, MessageBody="{")
        eventually(lambda: _retried(up) > retried, "the consumer gives the message back")
        assert _dead(up) == dead
    eventually(lambda: _dead(up) > dead, "the message is in the DLQ")


# ---------------------------------------------------------------- what the tests look at


def _list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _refusal(call: Call, role: Role) -> str:
    """The code of the error that a call ends with, "" where it succeeds."""
    try:
        call(role.client, role.up, role.key_arn)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def _stored(up: LocalDeployment) -> int:
    answer = up.client("s3").list_objects_v2(Bucket=up.failure_bucket)
    return int(answer["KeyCount"])


def _dead(up: LocalDeployment) -> int:
    name = "ApproximateNumberOfMessages"
    answer = up.client("sqs").get_queue_attributes(QueueUrl=up.dlq_url, AttributeNames=[name])
    return int(answer["Attributes"][name])


def _counted(up: LocalDeployment, metric: str) -> float:
    """The sum of one of the publisher's metrics so far."""
    return _sum(up, up.publisher_function, metric)


def _retried(up: LocalDeployment) -> float:
    """Messages that the consumer has given back so far."""
    return _sum(up, up.payments_function, "MessagesRetried")


def _sum(up: LocalDeployment, function: str, metric: str) -> float:
    blobs = (
        json.loads(line) for line in log_texts(up.target(), function) if line.startswith('{"_aws"')
    )
    return float(sum(sum(blob.get(metric, [])) for blob in blobs))
