"""The stack of `smoke_aws.py smoke --execute`, on the embedded AWS: made whole, deleted whole."""

import zipfile
from types import SimpleNamespace

import pytest

import smoke_aws
from aws_parts import create_table
from bare_emulator import emulator_in
from fanout.local import stack

pytestmark = pytest.mark.slow
PREFIX = "smoke-0a1b2c3d"


@pytest.fixture
def target(tmp_path, monkeypatch):
    """An emulator with a table that is not the smoke test's."""
    loaded = smoke_aws.load_template

    def what_the_emulator_takes():
        return stack.for_emulator(loaded(), {})

    def empty_package(service, *, arch, output):
        path = output / f"{service}-{arch}.zip"
        with zipfile.ZipFile(path, "w") as package:
            package.writestr("nothing.py", "")
        return SimpleNamespace(path=path)

    monkeypatch.setattr(smoke_aws, "load_template", what_the_emulator_takes)
    monkeypatch.setattr(smoke_aws, "build_package", empty_package)
    with emulator_in(tmp_path / "state") as target:
        monkeypatch.setattr(target, "prefix", PREFIX)
        create_table(target.client("dynamodb"), "not-ours", "id")
        yield target


def what_is_there(target):
    return {
        *target.client("dynamodb").list_tables()["TableNames"],
        *(one["Name"] for one in target.client("s3").list_buckets()["Buckets"]),
        *target.client("sqs").list_queues().get("QueueUrls", []),
        *(one["FunctionName"] for one in target.client("lambda").list_functions()["Functions"]),
        *(one["TopicArn"] for one in target.client("sns").list_topics()["Topics"]),
    }


def test_everything_it_makes_is_gone_with_data_in_it_and_nothing_else_is(target):
    with smoke_aws.deployed(target, lambda _: None):
        there = what_is_there(target)
        assert len([one for one in there if PREFIX in one]) == 11
        failures = next(one for one in there if one.startswith(f"{PREFIX}-failures"))
        target.client("s3").put_object(Bucket=failures, Key="parked/one", Body=b"{}")
        target.client("dynamodb").put_item(
            TableName=f"{PREFIX}-accounts", Item={"customer_id": {"S": "c-1"}}
        )
    assert what_is_there(target) == {"not-ours"}
