"""The functions' roles on a running deployment: what they may call, and how that is taken away."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from fanout.local.deployment import LocalDeployment
from fanout.local.stack import BATCH_ACTIONS

ROLES = {"PublisherRole": "publisher", "ConsumerRole": "payments-consumer"}
Call = Callable[[Any, LocalDeployment, str], Any]
# A call that needs the action: the role's clients, the deployment and its key's ARN are given.
CALLS: dict[tuple[str, str, str], Call] = {
    ("PublisherRole", "Publish", "sns:Publish"): lambda client, up, _: client("sns").publish_batch(
        TopicArn=up.topic_arn, PublishBatchRequestEntries=[{"Id": "0", "Message": "{}"}]
    ),
    ("PublisherRole", "KeepFailures", "s3:PutObject"): lambda client, up, _: [
        client("s3").put_object(Bucket=up.failure_bucket, Key=key, Body=b"")
        for key in ("parked/of-the-test", "aws/lambda/of-the-test")
    ],
    ("PublisherRole", "LambdaChecksTheFailureStore", "s3:ListBucket"): lambda client, up, _: client(
        "s3"
    ).list_objects_v2(Bucket=up.failure_bucket),
    ("PublisherRole", "UseTheKey", "kms:DescribeKey"): lambda client, _, key: client(
        "kms"
    ).describe_key(KeyId=key),
    ("ConsumerRole", "ReceiveEvents", "sqs:ReceiveMessage"): lambda client, up, _: client(
        "sqs"
    ).receive_message(QueueUrl=up.queue_url),
    ("ConsumerRole", "ReceiveEvents", "sqs:GetQueueAttributes"): lambda client, up, _: client(
        "sqs"
    ).get_queue_attributes(QueueUrl=up.queue_url, AttributeNames=["VisibilityTimeout"]),
    ("ConsumerRole", "ReceiveEvents", "sqs:DeleteMessage"): lambda client, up, _: client(
        "sqs"
    ).delete_message(QueueUrl=up.queue_url, ReceiptHandle="of-the-test"),
    ("ConsumerRole", "ReceiveEvents", "sqs:ChangeMessageVisibility"): lambda client, up, _: client(
        "sqs"
    ).change_message_visibility(
        QueueUrl=up.queue_url, ReceiptHandle="of-the-test", VisibilityTimeout=0
    ),
    ("ConsumerRole", "ParkPoison", "sqs:SendMessage"): lambda client, up, _: client(
        "sqs"
    ).send_message(QueueUrl=up.dlq_url, MessageBody="{}"),
    ("ConsumerRole", "WriteStandings", "dynamodb:UpdateItem"): lambda client, up, _: client(
        "dynamodb"
    ).update_item(TableName=up.payments_table, Key={"customer_id": {"S": "of-the-test"}}),
}
for _role in ROLES:
    CALLS[_role, "UseTheKey", "kms:GenerateDataKey"] = lambda client, _, key: client(
        "kms"
    ).generate_data_key(KeyId=key, KeySpec="AES_256")
    CALLS[_role, "UseTheKey", "kms:Decrypt"] = lambda client, up, key: client("kms").decrypt(
        KeyId=key,
        CiphertextBlob=up.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A function's role on the running deployment, with the policy that it was deployed with."""

    up: LocalDeployment
    name: str
    policy_name: str
    document: dict[str, Any]

    @classmethod
    def of(cls, up: LocalDeployment, logical_id: str) -> "Role":
        """The role of the template's function."""
        name = f"{up.prefix}-{ROLES[logical_id]}-{up.region}"
        iam = up.client("iam")
        [policy_name] = iam.list_role_policies(RoleName=name)["PolicyNames"]
        found = iam.get_role_policy(RoleName=name, PolicyName=policy_name)
        return cls(up=up, name=name, policy_name=policy_name, document=found["PolicyDocument"])

    @property
    def key_arn(self) -> str:
        """The key of the deployment."""
        [arn] = {one["Resource"] for one in self.document["Statement"] if one["Sid"] == "UseTheKey"}
        return str(arn)

    def client(self, service: str) -> Any:
        """A client that may do what the role may."""
        sts, iam = self.up.client("sts"), self.up.client("iam")
        arn = iam.get_role(RoleName=self.name)["Role"]["Arn"]
        given = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.up.endpoint_url,
            region_name=self.up.region,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            config=Config(proxies={}, s3={"addressing_style": "path"}),
        )

    @contextmanager
    def without(self, sid: str, action: str | None = None) -> Iterator[None]:
        """Take a statement away, or one action of it; give it back in the end."""
        taken = {action, BATCH_ACTIONS.get(action or "")}
        less = [
            {**one, "Action": [name for name in one["Action"] if action and name not in taken]}
            if one["Sid"] == sid
            else one
            for one in self._listed()
        ]
        self._put([one for one in less if one["Action"]])
        try:
            yield
        finally:
            self._put(self.document["Statement"])

    def _listed(self) -> list[dict[str, Any]]:
        return [
            {**one, "Action": [one["Action"]] if isinstance(one["Action"], str) else one["Action"]}
            for one in self.document["Statement"]
        ]

    def _put(self, statements: list[dict[str, Any]]) -> None:
        self.up.client("iam").put_role_policy(
            RoleName=self.name,
            PolicyName=self.policy_name,
            PolicyDocument=json.dumps({**self.document, "Statement": statements}),
        )
