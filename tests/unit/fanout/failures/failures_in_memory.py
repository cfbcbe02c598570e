"""A failure store in memory, the real publisher on a fake bus, and recoveries on both."""

import io
import json
from dataclasses import asdict
from types import SimpleNamespace

from botocore.exceptions import ClientError

from fanout.failures.recover import FailuresRecover
from fanout.failures.store import Deployment, ObjectStore
from fanout.runs.operation import Selecting, Work
from fanout.runs.report import make_report
from fanout.runs.store import RunStore
from sentinel.pace import Pace
from unit.fanout.dlq.dlq_bench import WHO
from unit.publisher.publisher_fakes import FakeBus, FakeContext, Rig
from unit.publisher.stream_record_samples import ARN

BUCKET = "failures"


class FakeS3:
    """As much of a boto3 client as the store uses."""

    def __init__(self, objects=None):
        self.objects = {key: json.dumps(one).encode() for key, one in (objects or {}).items()}

    def get_paginator(self, _name):
        return self

    def paginate(self, *, Bucket, Prefix, PaginationConfig):  # noqa: N803 - the SDK's names
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        return [{"Contents": [{"Key": key} for key in keys[: PaginationConfig["MaxItems"]]]}, {}]

    def get_object(self, *, Bucket, Key):  # noqa: N803
        return {"Body": io.BytesIO(self._held(Key, "NoSuchKey"))}

    def copy_object(self, *, Bucket, Key, CopySource):  # noqa: N803
        self.objects[Key] = self._held(CopySource["Key"], "NoSuchKey")

    def delete_object(self, *, Bucket, Key):  # noqa: N803
        self.objects.pop(Key, None)

    def _held(self, key, code):
        if key not in self.objects:
            raise ClientError({"Error": {"Code": code}}, "GetObject")
        return self.objects[key]


class FakeLambda:
    """A Lambda client whose function is a publisher on a fake bus."""

    exceptions = SimpleNamespace(ResourceNotFoundException=KeyError)

    def __init__(self, bus=None, **rig):
        self.rig = Rig(bus=bus or FakeBus(), **rig)
        self.calls = []

    def invoke(self, *, FunctionName, InvocationType, Payload):  # noqa: N803
        event = json.loads(Payload)
        if numbers := [int(one["dynamodb"]["SequenceNumber"]) for one in event["Records"]]:
            self.calls.append(numbers)
        answer = self.rig.handler(event, FakeContext())
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


class Bench:
    """Plans and works on recoveries, each in a new `Run`, as processes do."""

    def __init__(self, folder, objects, *, bus=None, read_range=None, **rig):
        self.runs = RunStore(folder)
        self.s3 = FakeS3(objects)
        self.aws_lambda = FakeLambda(bus, **rig)
        self.read_range = read_range

    @property
    def published(self):
        """Event ids in the order in which the bus took them."""
        return [one.event_id for one in self.aws_lambda.rig.bus.published]

    def operation(self):
        bench = self

        class OnTheBench(Deployment):
            def records_of(self, failure, *, from_stream=False):
                if from_stream and failure.records is None:
                    return bench.read_range(failure.stream_range)
                return super().records_of(failure, from_stream=from_stream)

        session = SimpleNamespace(client=lambda *_, **__: self.aws_lambda)
        deployment = OnTheBench(
            target=SimpleNamespace(session=session, endpoint_url=None),
            publisher=SimpleNamespace(function_name="publisher", stream_arn=ARN),
            store=ObjectStore(self.s3, BUCKET),
            rules=self.aws_lambda.rig.publisher.rules,
        )
        return FailuresRecover(deployment)

    def plan(self, *, limit=None, named=None, from_stream=False, **wanted):
        options = {
            "wanted": {"reason": None, "key": None, "customer": None} | wanted,
            "limit": limit,
            "from_stream": from_stream,
            "range": named and asdict(named),
        }
        command = FailuresRecover.command
        with self.runs.create(command, subject={}, options=options, operator=WHO) as run:
            self.operation().select(run, Selecting())
            return run.run_id

    def work(self, run_id, *, stop=lambda: False, pace=None):
        """One stretch; how it ended."""
        with self.runs.open(run_id) as run:
            run.start(WHO)
            return self.operation().steps(run)(
                Work(
                    stopping=SimpleNamespace(asked=stop),
                    keep_lock=lambda: None,
                    pace=pace or Pace(None, wait=lambda _seconds: None),
                    progress=lambda _done: None,
                    say=print,
                )
            )

    def report(self, run_id):
        return make_report(self.runs.find(run_id).path)


def parked_object(record, reason="BusKeepsFailing", **more):
    """What the publisher leaves of a record."""
    return {
        "reason": reason,
        "expected": "x",
        "parked_at": "2026-11-23T09:30:00Z",
        "event_source_arn": ARN,
        "record": record,
        **more,
    }


def batch_object(records, condition="RecordAgeExceeded", *, as_text=True, **more):
    """What Lambda leaves of a batch; `records` None: only where it is in the stream."""
    document = {
        "requestContext": {"condition": condition},
        "timestamp": "2026-11-23T09:30:00.123Z",
        "DDBStreamBatchInfo": {
            "shardId": "shard-1",
            "startSequenceNumber": "820400000000000001192334",
            "endSequenceNumber": "820400000000000001192344",
            "approximateArrivalOfFirstRecord": "2026-11-23T09:20:00.000Z",
            "batchSize": len(records or ()),
            "streamArn": ARN,
        },
        **more,
    }
    if records is not None:
        payload = {"Records": records}
        document["payload"] = json.dumps(payload) if as_text else payload
    return document
