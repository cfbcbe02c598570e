"""A failure store in memory, the real publisher on a fake bus, and recoveries on both."""

import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace

from botocore.exceptions import ClientError

from fanout.failures.recover import RECOVERED, Mover, PublisherFunction, Recovery, select
from fanout.failures.store import Loader, ObjectStore
from fanout.runs.journal import Journal
from fanout.runs.pace import Pace
from fanout.runs.report import make_report
from fanout.runs.store import Operator, RunStore
from unit.publisher.publisher_fakes import FakeBus, FakeContext, Rig
from unit.publisher.stream_record_samples import ARN

WHO = Operator(user="jo", host="here", pid=1, identity="arn", account="1")
BUCKET = "failures"


class Killed(BaseException):
    """The process is gone."""


class FakeS3:
    """As much of a boto3 client as the store uses. `before` is called with each change's name."""

    def __init__(self, objects=None):
        self.objects = {key: json.dumps(one).encode() for key, one in (objects or {}).items()}
        self.before = lambda _name: None

    def get_paginator(self, _name):
        return self

    def paginate(self, *, Bucket, Prefix, PaginationConfig):  # noqa: N803 - the SDK's names
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        return [{"Contents": [{"Key": key} for key in keys[: PaginationConfig["MaxItems"]]]}, {}]

    def get_object(self, *, Bucket, Key):  # noqa: N803
        return {"Body": io.BytesIO(self._held(Key, "NoSuchKey"))}

    def head_object(self, *, Bucket, Key):  # noqa: N803
        self._held(Key, "404")

    def copy_object(self, *, Bucket, Key, CopySource):  # noqa: N803
        self.before("copy")
        self.objects[Key] = self._held(CopySource["Key"], "NoSuchKey")
        self.before("copied")

    def delete_object(self, *, Bucket, Key):  # noqa: N803
        self.before("delete")
        self.objects.pop(Key, None)
        self.before("deleted")

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
        self.before = lambda: None
        self.after = lambda: None

    def invoke(self, *, FunctionName, InvocationType, Payload):  # noqa: N803
        event = json.loads(Payload)
        self.before()
        self.calls.append([int(one["dynamodb"]["SequenceNumber"]) for one in event["Records"]])
        answer = self.rig.handler(event, FakeContext())
        self.after()
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


class Bench:
    """Plans and works on runs, each in a new `Run`, as processes do."""

    def __init__(self, folder, objects, *, bus=None, read_range=None, **rig):
        self.runs = RunStore(folder)
        self.s3 = FakeS3(objects)
        self.aws_lambda = FakeLambda(bus, **rig)
        self.read_range = read_range or (lambda _wanted: [])

    @property
    def rules(self):
        return self.aws_lambda.rig.publisher.rules

    @property
    def published(self):
        """Event ids in the order in which the bus took them."""
        return [one.event_id for one in self.aws_lambda.rig.bus.published]

    def loader(self, **options):
        store = ObjectStore(self.s3, BUCKET)
        return Loader(store=store, read_range=self.read_range, **options)

    def plan(self, *, limit=None, reason=None, key=None, customer=None, **loader):
        with self.runs.create(
            "publisher failures recover", subject={}, options={}, operator=WHO
        ) as run:
            wanted = {"reason": reason, "key": key, "customer": customer}
            items, left_out = select(self.loader(**loader), wanted, self.rules, limit=limit)
            run.select(items)
            run.freeze(cut_off=datetime.now(UTC), left_out=left_out)
            return run.run_id

    def work(self, run_id, *, stop=lambda: False, pace=None, **loader):
        """One stretch; the finished `Recovery`."""
        with self.runs.open(run_id) as run:
            run.start(WHO)
            recovery = Recovery(
                run=run,
                load=self.loader(**loader).load,
                function=PublisherFunction(client=self.aws_lambda, function_name="publisher"),
                mover=Mover(
                    run=run,
                    store=ObjectStore(self.s3, BUCKET),
                    folder="recovered",
                    end=RECOVERED,
                    end_if_missing=RECOVERED,
                ),
                id_attribute="customer_id",
                keep_lock=lambda: None,
                stop=stop,
                pace=pace or Pace(None, wait=lambda _seconds: None),
            )
            recovery.work()
            return recovery

    def report(self, run_id):
        return make_report(self.runs.records(run_id))


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


def kill_at_line(monkeypatch, number, *, when):
    """Die at the journal's append of that number, before or after it is on the disk."""
    append = Journal.append
    count = 0

    def counted(journal, *entries):
        nonlocal count
        count += 1
        if count == number and when == "before":
            raise Killed
        written = append(journal, *entries)
        if count == number and when == "after":
            raise Killed
        return written

    monkeypatch.setattr(Journal, "append", counted)
