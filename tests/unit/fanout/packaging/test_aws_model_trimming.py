import json
from importlib.metadata import files
from pathlib import Path

import botocore
import pytest
from botocore.regions import EndpointResolver

from fanout.packaging import aws_models

NAMES = [file.as_posix() for file in files("botocore") if "__pycache__" not in file.parts]
SITE = Path(botocore.__file__).parents[1]


def test_only_the_used_services_and_the_shared_files_are_kept():
    kept = aws_models.keep(NAMES, frozenset({"sqs", "dynamodb"}))
    assert {name.split("/")[2] for name in kept} == {
        "_retry.json",
        "dynamodb",
        "endpoints.json",
        "partitions.json",
        "sdk-default-configuration.json",
        "sqs",
    }
    assert not [name for name in kept if "examples-" in name]


def test_only_the_newest_version_of_a_service_is_kept():
    names = [
        f"botocore/data/cloudfront/{version}/service-2.json"
        for version in ("2019-03-26", "2020-05-31")
    ]
    assert aws_models.keep(names, frozenset({"cloudfront"})) == {names[1]}


def test_botocore_knows_the_services_that_its_files_describe():
    assert {"sns", "sqs", "s3", "dynamodb", "events"} <= aws_models.known_services(NAMES)


@pytest.fixture(scope="module")
def endpoints():
    """The endpoints of botocore before and after the cut, for five services."""
    services = frozenset({"sns", "sqs", "s3", "dynamodb", "events", "cloudwatch"})
    kept = aws_models.keep(NAMES, services)
    contents = {name: (SITE / name).read_bytes() for name in kept}
    cut = aws_models.cut_endpoints(contents, services)
    name = "botocore/data/endpoints.json"
    return json.loads(contents[name]), json.loads(cut[name])


def test_a_used_service_has_the_same_endpoint_in_every_region(endpoints):
    whole, cut = endpoints
    regions = [region for partition in whole["partitions"] for region in partition["regions"]]
    for prefix in ("sns", "sqs", "s3", "dynamodb", "events", "monitoring"):
        for region in [*regions, "aws-global", "eu-future-9"]:
            expected = EndpointResolver(whole).construct_endpoint(prefix, region)
            assert EndpointResolver(cut).construct_endpoint(prefix, region) == expected


def test_every_partition_and_region_stays_and_unused_services_go(endpoints):
    whole, cut = endpoints
    assert [one["regions"] for one in cut["partitions"]] == [
        one["regions"] for one in whole["partitions"]
    ]
    assert len(json.dumps(cut)) < len(json.dumps(whole)) / 5
