"""What the roles of the functions may do, and why: each action with the source that asks for it.

The embedded AWS proves the statements in `PROVED`. What it can't check stands here with its source:
MiniStack 1.5.33 looks for permissions on a stream, on a log group, for PartiQL and through another
service under names of its own, so there it refuses what AWS allows, and X-Ray it does not have.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A statement: its resources, and what each of its actions is for.

    `on` holds the ends of the resources' ARNs. `source` names the page of AWS that asks for the
    permission.
    """

    on: tuple[str, ...]
    actions: dict[str, str]
    source: str
    condition: str = ""


_KEY = (":key/Key",)
_LOGS = Need(
    on=(),
    actions={
        "logs:CreateLogStream": "Lambda begins a stream for each environment",
        "logs:PutLogEvents": "Lambda writes what the function prints, metrics among it",
    },
    source="Lambda developer guide, Sending Lambda function logs to CloudWatch Logs",
)
_TRACES = Need(
    on=("*",),
    actions={
        "xray:PutTelemetryRecords": "Lambda sends what it counted of the tracing itself",
        "xray:PutTraceSegments": "Lambda sends the segments",
    },
    source="Lambda developer guide, Visualize Lambda function invocations using AWS X-Ray",
)


def _logs(function: str) -> Need:
    return Need(
        on=(f":log-group:/aws/lambda/{function}:*",), actions=_LOGS.actions, source=_LOGS.source
    )


NEEDS = {
    "PublisherRole": {
        "ReadTheStream": Need(
            on=(":table/fanout-accounts/stream/2026-01-01T00:00:00.000",),
            actions={
                "dynamodb:DescribeStream": "Lambda finds the stream's shards",
                "dynamodb:GetRecords": "Lambda reads them",
                "dynamodb:GetShardIterator": "Lambda begins where it stopped",
                "dynamodb:ListStreams": "Lambda finds the table's stream",
            },
            source="Lambda developer guide, Process DynamoDB records with Lambda",
        ),
        "Publish": Need(
            on=(":fanout-customer-status",),
            actions={"sns:Publish": "PublishBatch asks for it, once for a call"},
            source="Service authorization reference, Amazon SNS",
        ),
        "KeepFailures": Need(
            on=("/parked/*", "/aws/lambda/*"),
            actions={"s3:PutObject": "the publisher parks, and Lambda gives up with this role"},
            source="Lambda developer guide, Retain discarded records for a DynamoDB event source",
        ),
        "LambdaChecksTheFailureStore": Need(
            on=(":::fanout-failures-123456789012-eu-west-1",),
            actions={"s3:ListBucket": "Lambda looks for the destination of what it gives up"},
            source="Lambda developer guide, Retain discarded records for a DynamoDB event source",
        ),
        "UseTheKey": Need(
            on=_KEY,
            actions={
                "kms:Decrypt": "publish to the topic, read the environment and the stream",
                "kms:DescribeKey": "read the stream of a table with a key of one's own",
                "kms:GenerateDataKey": "publish to the topic, put into the failure store",
            },
            source=(
                "SNS developer guide, Managing Amazon SNS encryption keys and costs; S3 user "
                "guide, Using server-side encryption with AWS KMS keys; DynamoDB developer guide, "
                "Encryption at rest: how it works"
            ),
        ),
        "WriteItsOwnLogs": _logs("fanout-publisher"),
        "SendTraces": _TRACES,
    },
    "ConsumerRole": {
        "ReceiveEvents": Need(
            on=(":fanout-payments",),
            actions={
                "sqs:ChangeMessageVisibility": "the consumer lets failed messages come back later",
                "sqs:DeleteMessage": "Lambda deletes what is done",
                "sqs:GetQueueAttributes": "Lambda asks for the visibility timeout and the backlog",
                "sqs:ReceiveMessage": "Lambda receives",
            },
            source="Lambda developer guide, Using Lambda with Amazon SQS",
        ),
        "ParkPoison": Need(
            on=(":fanout-payments-dlq",),
            actions={"sqs:SendMessage": "SendMessageBatch asks for it: poison goes to the DLQ"},
            source="Service authorization reference, Amazon SQS",
        ),
        "WriteStandings": Need(
            on=(":table/fanout-payments",),
            actions={
                "dynamodb:UpdateItem": "the conditional write of a row, without a read before"
            },
            source="Service authorization reference, Amazon DynamoDB",
        ),
        "WriteStandingsInBatches": Need(
            on=(":table/fanout-payments",),
            actions={
                "dynamodb:PartiQLInsert": "a row of a batch, where there is none yet",
                "dynamodb:PartiQLUpdate": "a row of a batch, where there is one",
            },
            source="DynamoDB developer guide, IAM security policies with PartiQL for DynamoDB",
        ),
        "UseTheKey": Need(
            on=_KEY,
            actions={
                "kms:Decrypt": "receive from the queue, read the environment, send to the DLQ",
                "kms:GenerateDataKey": "send to the DLQ",
            },
            source="SQS developer guide, Key management",
        ),
        "UseTheKeyThroughTheTable": Need(
            on=_KEY,
            actions={
                "kms:Decrypt": "open the table's key",
                "kms:DescribeKey": "look at the table's key",
                "kms:Encrypt": "wrap the table's key",
                "kms:GenerateDataKey": "make the table's key",
                "kms:ReEncryptFrom": "wrap the table's key anew",
                "kms:ReEncryptTo": "wrap the table's key anew",
            },
            source="DynamoDB developer guide, DynamoDB encryption at rest usage notes",
            condition="dynamodb.eu-west-1.amazonaws.com",
        ),
        "WriteItsOwnLogs": _logs("fanout-payments-consumer"),
        "SendTraces": _TRACES,
    },
    "SentinelRole": {
        "FindTheDeployment": Need(
            on=(":parameter/fanout/*",),
            actions={
                "ssm:GetParameter": "read /fanout/bus and /fanout/publisher",
                "ssm:GetParametersByPath": "read every subscriber, and what is paused",
            },
            source="Service authorization reference, AWS Systems Manager",
        ),
        "ReadBothTables": Need(
            on=(":table/fanout-accounts", ":table/fanout-*"),
            actions={
                "dynamodb:BatchGetItem": "look a customer up on the other side",
                "dynamodb:DescribeTable": "ask for the key, the size and the stream",
                "dynamodb:Query": "look a customer up where the table has a sort key",
                "dynamodb:Scan": "read the slice that is due",
            },
            source="Service authorization reference, Amazon DynamoDB",
        ),
        "UseTheKey": Need(
            on=_KEY,
            actions={
                "kms:Decrypt": "read the environment and the tables",
                "kms:DescribeKey": "look at the tables' key",
            },
            source="DynamoDB developer guide, DynamoDB encryption at rest usage notes",
        ),
        "LookAtQueues": Need(
            on=(":fanout-*",),
            actions={"sqs:GetQueueAttributes": "redrive, retention, policy, encryption"},
            source="Service authorization reference, Amazon SQS",
        ),
        "LookAtFunctions": Need(
            on=(":function:fanout-*",),
            actions={"lambda:GetFunctionConfiguration": "runtime, timeout, role"},
            source="Service authorization reference, AWS Lambda",
        ),
        "LookAtMappings": Need(
            on=(":event-source-mapping:*",),
            actions={"lambda:GetEventSourceMapping": "what a mapping does with a failure"},
            source="Service authorization reference, AWS Lambda",
            condition=":function:fanout-*",
        ),
        "LookAtTheTopic": Need(
            on=(":fanout-customer-status",),
            actions={
                "sns:GetTopicAttributes": "the topic's encryption",
                "sns:ListSubscriptionsByTopic": "what delivers to a queue",
            },
            source="Service authorization reference, Amazon SNS",
        ),
        "LookAtSubscriptions": Need(
            on=("*",),
            actions={"sns:GetSubscriptionAttributes": "a subscription's filter and DLQ"},
            source="Service authorization reference, Amazon SNS: it has no resource for it",
        ),
        "LookAtTheFailureStore": Need(
            on=(":::fanout-failures-123456789012-eu-west-1",),
            actions={
                "s3:GetBucketVersioning": "whether it keeps versions",
                "s3:GetEncryptionConfiguration": "whether it is encrypted",
            },
            source="Service authorization reference, Amazon S3",
        ),
        "LookAtAlarms": Need(
            on=(":alarm:*",),
            actions={"cloudwatch:DescribeAlarms": "whether an alarm notifies somebody"},
            source="Service authorization reference, Amazon CloudWatch",
        ),
        "LookAtRoles": Need(
            on=(":role/fanout-*",),
            actions={"iam:SimulatePrincipalPolicy": "whether a role still may do what it has to"},
            source="Service authorization reference, AWS Identity and Access Management",
        ),
        "WriteItsOwnLogs": _logs("fanout-sentinel"),
        "SendTraces": _TRACES,
    },
}
"""By the role's logical id in the template and the statement's Sid."""

PROVED = {
    "PublisherRole": {"Publish", "KeepFailures", "LambdaChecksTheFailureStore", "UseTheKey"},
    "ConsumerRole": {"ReceiveEvents", "ParkPoison", "WriteStandings", "UseTheKey"},
}
"""Statements that the embedded AWS checks, by role."""
