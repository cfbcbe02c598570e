"""A stack of the smoke test's own on AWS: made under a random prefix, and gone at the end.

Everything that it deletes is in this stack, or is the bucket of packages that it made for it.
"""

import json
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from fanout.aws import AwsTarget
from fanout.errors import Refused
from fanout.local.stack import load_template, services, with_code_at
from fanout.packaging.build import build_package

ARCH = "arm64"
_KEY_PENDING_DAYS = 7
_PAGE = 500


def random_prefix() -> str:
    """Short, as it is in the name of a bucket."""
    return f"smoke-{secrets.token_hex(4)}"


def ephemeral(template: dict[str, Any]) -> dict[str, Any]:
    """The template with nothing that outlives its stack; the input's resources are changed."""
    for resource in template["Resources"].values():
        resource["DeletionPolicy"] = "Delete"
        resource["UpdateReplacePolicy"] = "Delete"
        if resource["Type"] == "AWS::KMS::Key":
            resource["Properties"]["PendingWindowInDays"] = _KEY_PENDING_DAYS
    return template


@contextmanager
def deployed(target: AwsTarget, tell: Callable[[str], None]) -> Iterator[None]:
    """The system under the target's prefix, for the length of a `with` block.

    Raises:
        Refused: the stack could not be made, or not be deleted; says where to look.
    """
    account = target.client("sts").get_caller_identity()["Account"]
    region = target.client("cloudformation").meta.region_name
    bucket = f"{target.prefix}-packages-{account}"
    tell(f"bucket of packages: {bucket}")
    _create_bucket(target.client("s3"), bucket, region)
    try:
        _create_stack(target, bucket, tell)
        yield
    finally:
        _tear_down(target, bucket, tell)


# Private functions


def _create_bucket(s3: Any, bucket: str, region: str) -> None:
    if region == "us-east-1":
        s3.create_bucket(Bucket=bucket)
    else:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})


def _create_stack(target: AwsTarget, bucket: str, tell: Callable[[str], None]) -> None:
    s3 = target.client("s3")
    template = load_template()
    keys = {}
    with tempfile.TemporaryDirectory(prefix="fanout-smoke-") as folder:
        for service in services(template):
            tell(f"package: {service} for {ARCH}")
            path = build_package(service, arch=ARCH, output=Path(folder))
            keys[service] = path.name
            s3.put_object(Bucket=bucket, Key=path.name, Body=path.read_bytes())
    document = ephemeral(with_code_at(template, bucket, keys))
    s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(document).encode())
    parameters = {
        "Prefix": target.prefix,
        "Architecture": ARCH,
        "TableDeletionProtection": "false",
        "LogRetentionDays": "7",
    }
    tell(f"stack: {target.prefix} (some minutes)")
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "template.json"}
    ).partition("?")[0]
    cloudformation = target.client("cloudformation")
    cloudformation.create_stack(
        StackName=target.prefix,
        TemplateURL=url,
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        OnFailure="DELETE",
    )
    try:
        cloudformation.get_waiter("stack_create_complete").wait(StackName=target.prefix)
    except WaiterError as error:
        raise Refused(
            f"The stack {target.prefix} was not made ({error}); its events in CloudFormation, "
            "under deleted stacks, say which resource refused."
        ) from None


def _tear_down(target: AwsTarget, bucket: str, tell: Callable[[str], None]) -> None:
    """Delete the stack with what it made, then the bucket of packages."""
    s3, cloudformation = target.client("s3"), target.client("cloudformation")
    tell("tearing down")
    try:
        for name in _buckets(cloudformation, target.prefix):
            _empty(s3, name)
        cloudformation.delete_stack(StackName=target.prefix)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=target.prefix)
    except (ClientError, WaiterError) as error:
        raise Refused(
            f"The stack {target.prefix} was not deleted ({error}): delete it in CloudFormation, "
            f"and then the bucket {bucket}."
        ) from None
    _empty(s3, bucket)
    s3.delete_bucket(Bucket=bucket)


def _buckets(cloudformation: Any, stack: str) -> list[str]:
    try:
        pages = list(cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack))
    except cloudformation.exceptions.ClientError:
        return []  # no stack was made
    return [
        one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
        if one["ResourceType"] == "AWS::S3::Bucket" and one.get("PhysicalResourceId")
    ]


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        doomed = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        for start in range(0, len(doomed), _PAGE):
            s3.delete_objects(
                Bucket=bucket, Delete={"Objects": doomed[start : start + _PAGE], "Quiet": True}
            )
