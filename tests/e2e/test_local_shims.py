"""The faults of the emulator that `fanout.local.stack` works around.

Each test shows a fault as it is. One that fails tells good news: take its shim out.
"""

import asyncio
import json
import tempfile
import time
import uuid
import zipfile
from copy import copy
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen

import boto3
import pytest
from botocore.exceptions import ClientError
from hypercorn.asyncio import serve
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from ministack.core.lambda_runtime import Worker
from ministack.services import cloudwatch_logs as emulated_logs
from ministack.services import dynamodb as emulated
from ministack.services import lambda_svc
from ministack.services import sqs as queues

from aws_parts import create_table
from fanout.demo.witnesses import StreamTap
from fanout.local import emulator, stack
from fanout.local.ministack_main import shorten_long_queues, stay_open, unpack_once
from waiting import eventually

pytestmark = pytest.mark.slow

LOSING_HANDLER = """
def lambda_handler(event, context):
    records = event["Records"]
    print("seen", *(one["dynamodb"]["Keys"]["customer_id"]["S"] for one in records))
    first = records[0]["dynamodb"]["SequenceNumber"]
    return {"batchItemFailures": [{"itemIdentifier": first}]}
"""
WHERE = """
import os
def lambda_handler(event, context):
    return os.path.realpath(__file__)
"""
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "shimmed"}}


def create_stack(bare_emulator, name, **template):
    cloudformation = bare_emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )

    def status():
        found = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return None if found.endswith("_IN_PROGRESS") else found

    return eventually(status, "the stack has settled")


def packed(code):
    package = BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", code)
    return package.getvalue()


def create_function(bare_emulator, name, code):
    bare_emulator.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="handler.lambda_handler",
        Code={"ZipFile": packed(code)},
    )


def test_the_shims_were_reviewed_for_the_installed_emulator():
    assert version("ministack") == stack.EMULATOR_VERSION


def test_an_alarm_on_a_metric_expression_fails_the_stack(bare_emulator):
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "Metrics": [{"Id": "e", "Expression": "1 + 1", "ReturnData": True}],
        },
    }
    assert create_stack(bare_emulator, "alarm", Resources={"Alarm": alarm}) in {
        "ROLLBACK_COMPLETE",
        "CREATE_FAILED",
    }
    kept = stack.for_emulator({"Resources": {"Alarm": alarm, "Queue": QUEUE}}, {})
    assert kept["Resources"] == {"Queue": QUEUE}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::CloudWatch::CompositeAlarm", {"AlarmRule": "TRUE"}),
        ("AWS::Logs::QueryDefinition", {"Name": "errors", "QueryString": "fields @message"}),
    ],
)
def test_a_kind_that_it_does_not_know_fails_the_stack(bare_emulator, kind, properties):
    unknown = {"Type": kind, "Properties": properties}
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        create_stack(bare_emulator, "unknown", Resources={"Unknown": unknown})
    kept = stack.for_emulator({"Resources": {"Unknown": unknown, "Queue": QUEUE}}, {})
    assert kept["Resources"] == {"Queue": QUEUE}


def test_a_policy_of_x_ray_fails_the_stack(bare_emulator):
    policy = {
        "Type": "AWS::XRay::ResourcePolicy",
        "Properties": {"PolicyName": "traces", "PolicyDocument": {"Fn::Sub": "{}"}},
    }
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        create_stack(bare_emulator, "traces", Resources={"Traces": policy})
    kept = stack.for_emulator({"Resources": {"Traces": policy, "Queue": QUEUE}}, {})
    assert kept["Resources"] == {"Queue": QUEUE}


def test_a_mappings_number_from_a_parameter_stays_a_string(bare_emulator):
    create_function(bare_emulator, "reader", LOSING_HANDLER)
    template = {
        "Parameters": {"Concurrency": {"Type": "Number", "Default": 5}},
        "Resources": {
            "Queue": QUEUE,
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "FunctionName": "reader",
                    "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                    "Enabled": False,  # enabled, it would stop the emulator's poller for all
                    "ScalingConfig": {"MaximumConcurrency": {"Ref": "Concurrency"}},
                },
            },
        },
    }
    assert create_stack(bare_emulator, "mapping", **template) == "CREATE_COMPLETE"
    # Read without boto3, which makes a number of it again.
    url = f"{bare_emulator.target.endpoint_url}/2015-03-31/event-source-mappings/"
    with urlopen(url) as answer:
        mappings = json.load(answer)["EventSourceMappings"]
    scaling = [one["ScalingConfig"] for one in mappings if "ScalingConfig" in one]
    assert scaling == [{"MaximumConcurrency": "5"}]

    shimmed = stack.for_emulator(template, {"Concurrency": "7"})
    mapping = shimmed["Resources"]["Mapping"]["Properties"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 7}


def test_the_emulators_stream_mapping_loses_what_a_partial_answer_reports(bare_emulator):
    dynamodb = bare_emulator.client("dynamodb")
    stream_arn = create_table(dynamodb, "lossy", streamed=True)
    create_function(bare_emulator, "lossy", LOSING_HANDLER)
    bare_emulator.client("lambda").create_event_source_mapping(
        FunctionName="lossy",
        EventSourceArn=stream_arn,
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )

    def seen():
        pages = bare_emulator.client("logs").get_paginator("filter_log_events")
        try:
            events = [
                event["message"]
                for page in pages.paginate(logGroupName="/aws/lambda/lossy")
                for event in page["events"]
            ]
        except bare_emulator.client("logs").exceptions.ResourceNotFoundException:
            return []
        return [line for line in events if line.startswith("seen")]

    dynamodb.put_item(TableName="lossy", Item={"customer_id": {"S": "first"}})
    eventually(lambda: seen() == ["seen first"], "the first batch was answered")
    dynamodb.put_item(TableName="lossy", Item={"customer_id": {"S": "second"}})
    eventually(lambda: len(seen()) > 1, "the second batch was answered")
    assert seen() == ["seen first", "seen second"]


def test_a_partiql_write_is_in_the_stream_only_by_our_repair(bare_emulator):
    dynamodb = bare_emulator.client("dynamodb")
    stream_arn = create_table(dynamodb, "by-statement", streamed=True)
    insert = "INSERT INTO \"by-statement\" VALUE {'customer_id': 'c-1', 'status': 'ACTIVE'}"
    update = "UPDATE \"by-statement\" SET status = 'CLOSED' WHERE customer_id = 'c-1'"
    for statement in (insert, update):
        dynamodb.batch_execute_statement(Statements=[{"Statement": statement}])
    records = StreamTap(bare_emulator.client("dynamodbstreams"), stream_arn).read()
    changes = [(each["eventName"], each["dynamodb"]["NewImage"]["status"]["S"]) for each in records]
    assert changes == [("INSERT", "ACTIVE"), ("MODIFY", "CLOSED")]

    for statement in (emulated._partiql_insert, emulated._partiql_update):
        assert "_emit_stream_event" not in statement.__code__.co_names


def test_saved_queries_are_kept_only_by_our_repair(bare_emulator):
    logs = bare_emulator.client("logs")
    saved = [
        logs.put_query_definition(name=f"prefix/{name}", queryString="fields @message")
        for name in ("errors", "slow")
    ]
    logs.delete_query_definition(queryDefinitionId=saved[0]["queryDefinitionId"])
    for prefix, names in (("prefix/", ["prefix/slow"]), ("other/", [])):
        listed = logs.describe_query_definitions(queryDefinitionNamePrefix=prefix)
        assert [each["name"] for each in listed["queryDefinitions"]] == names

    assert "QueryDefinition" not in Path(emulated_logs.__file__).read_text(encoding="utf-8")


class Watched(dict):
    """A message that counts how often it is looked at."""

    looked_at = 0

    def __getitem__(self, name):
        self.looked_at += 1
        return super().__getitem__(name)

    def get(self, *arguments):
        self.looked_at += 1
        return super().get(*arguments)


def looks_at_each_message(calls):
    """How often they look at a message of a queue of 100: ten receives, and ten deletions."""
    url = calls._act_create_queue({"QueueName": "long"}, "")["QueueUrl"]
    messages = [Watched(id=str(n), body=str(n), sent_at=time.time()) for n in range(100)]
    calls._queues[url]["messages"] = messages
    how = {"QueueUrl": url, "AttributeNames": ["All"], "MaxNumberOfMessages": 1}
    answers = [asyncio.run(calls._HANDLERS["ReceiveMessage"](how, url)) for _ in range(10)]
    received = [each for answer in answers for each in answer["Messages"]]
    assert [each["Body"] for each in received] == [str(n) for n in range(10)]
    entries = [
        {"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(received)
    ]
    by_receives = messages[-1].looked_at
    bad = {"Id": "bad", "ReceiptHandle": "nobody's"}
    delete = calls._HANDLERS["DeleteMessageBatch"]
    answer = delete({"QueueUrl": url, "Entries": [*entries[1:], bad]}, url)
    by_deletions = messages[-1].looked_at - by_receives
    assert [each["Id"] for each in answer["Successful"]] == [each["Id"] for each in entries[1:]]
    assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [
        ("bad", "ReceiptHandleIsInvalid")
    ]
    assert [each["body"] for each in calls._queues[url]["messages"]] == [
        str(n) for n in (0, *range(10, 100))
    ]
    calls._act_delete_queue({"QueueUrl": url}, url)
    return by_receives, by_deletions


def test_each_receive_and_deletion_looks_at_every_message_unless_we_repair_it(monkeypatch):
    by_receives, by_deletions = looks_at_each_message(queues)
    assert by_receives > 10
    assert by_deletions == 10

    for name in ("_collect_msgs", "_expire_retained", "_HANDLERS"):
        monkeypatch.setattr(queues, name, copy(getattr(queues, name)))
    shorten_long_queues(queues)
    by_receives, by_deletions = looks_at_each_message(queues)
    assert by_receives <= 10
    assert by_deletions == 1


def user_who_may(strict_emulator, statements):
    """Make a user with these permissions; a client of a service as they are."""
    iam, name = strict_emulator.client("iam"), f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name,
        PolicyName="policy",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return lambda service: boto3.client(
        service,
        endpoint_url=strict_emulator.target.endpoint_url,
        region_name=strict_emulator.target.region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def shimmed(statement):
    """The statements of a role that has this one, as the emulator is given them."""
    policy = {"PolicyDocument": {"Statement": [statement]}}
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}}
    deployed = stack.for_emulator({"Resources": {"Role": role}}, {})["Resources"]["Role"]
    return deployed["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]


def test_a_queues_mapping_that_was_woken_for_nothing_sleeps_unless_we_shorten_it():
    assert lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS == 0.05


def test_a_batch_call_asks_for_an_action_that_aws_does_not_have(strict_emulator):
    topic = strict_emulator.client("sns").create_topic(Name="strict")["TopicArn"]
    statement = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
    batch = {"TopicArn": topic, "PublishBatchRequestEntries": [{"Id": "1", "Message": "ten"}]}
    sns = user_who_may(strict_emulator, [statement])("sns")
    sns.publish(TopicArn=topic, Message="one")
    with pytest.raises(ClientError, match="sns:PublishBatch"):
        sns.publish_batch(**batch)
    assert shimmed(statement)[0]["Action"] == ["sns:Publish", "sns:PublishBatch"]


def test_so_does_a_batch_of_statements_and_on_everything(strict_emulator):
    dynamodb = strict_emulator.client("dynamodb")
    create_table(dynamodb, "strict-rows")
    table = dynamodb.describe_table(TableName="strict-rows")["Table"]["TableArn"]
    actions = ["dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:BatchExecuteStatement"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": table}
    insert = [{"Statement": "INSERT INTO \"strict-rows\" VALUE {'customer_id': 'c-1'}"}]
    with pytest.raises(ClientError, match="dynamodb:BatchExecuteStatement"):
        user_who_may(strict_emulator, [statement])("dynamodb").batch_execute_statement(
            Statements=insert
        )
    granted = shimmed(statement | {"Action": actions[:2]})
    dynamodb = user_who_may(strict_emulator, granted)("dynamodb")
    [answer] = dynamodb.batch_execute_statement(Statements=insert)["Responses"]
    assert "Error" not in answer


def codes_of_processes(package, count=2):
    """Where the code of each process of a function lies."""
    settings = {
        "Runtime": "python3.13",
        "Handler": "handler.lambda_handler",
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:unpacked",
    }
    workers = [Worker("unpacked", settings, package) for _ in range(count)]
    answers = [worker.invoke({}, "request") for worker in workers]
    for worker in workers:
        worker.kill()
    return {answer["result"] for answer in answers}


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the emulator's
def test_each_process_unpacks_its_package_unless_we_repair_it(tmp_path, monkeypatch):
    package = packed(WHERE)
    assert len(codes_of_processes(package)) == 2

    monkeypatch.setattr(zipfile.ZipFile, "extractall", zipfile.ZipFile.extractall)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    unpack_once()
    (code,) = codes_of_processes(package)
    assert Path(code).is_file()  # it outlives the processes
    assert code not in codes_of_processes(packed(WHERE + "# changed"))


async def _left_idle():
    """Whether a connection still answers that was idle for ten times as long as it may be."""

    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answered"})

    config, ended = Config(), asyncio.Event()
    config.bind, config.keep_alive_timeout = [f"127.0.0.1:{emulator.choose_port(None)}"], 0.05
    serving = asyncio.create_task(serve(answer, config, shutdown_trigger=ended.wait))
    host, port = config.bind[0].split(":")
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, port)
            break
        except OSError:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    try:
        return b"answered" in await reader.read()
    except ConnectionError:
        return False
    finally:
        writer.close()
        ended.set()
        await serving


def test_an_idle_connection_is_closed_whatever_comes_on_it(monkeypatch):
    assert not asyncio.run(_left_idle())
    monkeypatch.setattr(TCPServer, "_idle_timeout", stay_open)
    assert asyncio.run(_left_idle())
