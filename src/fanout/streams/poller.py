"""Drives a function from a DynamoDB stream the way its event source mapping says.

The embedded AWS does not follow the rules of a stream mapping, so the mapping is deployed disabled
there, and this poller reads its settings and stands in for Lambda, through the public APIs alone.
The rules themselves are in `stream_mapping`; here are the clock, the reading and the bookkeeping.
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from fanout.errors import WrongUse
from fanout.streams.mapping import (
    Action,
    Failed,
    InvocationResult,
    Invoke,
    NotInvoked,
    PartlyFailed,
    ShardMapping,
    Succeeded,
    read_answer,
)
from fanout.streams.records import Batch, Discard, MappingSettings, payload_of, take_record
from fanout.streams.shards import (
    POLL_SECONDS_MAX,
    MappedShard,
    ShardReader,
    Stream,
    describe,
    readable_shards,
)

# On-failure records: what Lambda leaves behind of a batch that it gives up


class OnFailureDestination:
    """Where a mapping's discarded batches go; without a destination they are dropped, as on AWS."""

    def __init__(self, settings: MappingSettings, *, s3: Any, sqs: Any, sns: Any = None) -> None:
        self._settings = settings
        self._s3, self._sqs, self._sns = s3, sqs, sns
        self._arn = settings.on_failure_arn or ""
        parts = self._arn.split(":", 5)
        self._service = parts[2] if len(parts) == 6 else ""  # noqa: PLR2004 - an ARN's parts
        clients = {"s3": s3, "sqs": sqs, "sns": sns}
        if self._arn and clients.get(self._service) is None:
            raise WrongUse(
                f"Event source mapping {settings.mapping_id}: the poller can't write to the "
                f"on-failure destination {self._arn}; it knows S3 and SQS, and SNS with a client."
            )

    def deliver(self, discard: Discard, *, shard_id: str, now: float) -> None:
        """Write the batch's on-failure record; any error of the client passes through."""
        at = datetime.fromtimestamp(now, UTC)
        document = failure_record(discard, self._settings, shard_id=shard_id, at=at)
        if self._service == "s3":
            document["payload"] = payload_of(discard.batch.records)
            self._s3.put_object(
                Bucket=self._arn.rpartition(":")[2],
                Key=failure_key(self._settings.mapping_id, shard_id=shard_id, at=at),
                Body=json.dumps(document).encode(),
                ContentType="application/json",
            )
        elif self._service == "sqs":
            url = self._sqs.get_queue_url(QueueName=self._arn.rpartition(":")[2])["QueueUrl"]
            self._sqs.send_message(QueueUrl=url, MessageBody=json.dumps(document))
        elif self._service == "sns":
            self._sns.publish(TopicArn=self._arn, Message=json.dumps(document))


def failure_key(mapping_id: str, *, shard_id: str, at: datetime) -> str:
    """`aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>`, in UTC."""
    return f"aws/lambda/{mapping_id}/{shard_id}/{at:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid4()}"


def failure_record(
    discard: Discard, settings: MappingSettings, *, shard_id: str, at: datetime
) -> dict[str, Any]:
    """The metadata of a discarded batch: enough to read it again for as long as the stream lasts.

    A batch that expired unsent has `responseContext` with status 0: the function never answered.
    """
    batch = discard.batch
    first, last = batch.records[0], batch.records[-1]
    response: dict[str, Any] = {
        "statusCode": 200 if batch.invoke_count else 0,
        "executedVersion": "$LATEST",
    }
    if batch.function_error:
        response["functionError"] = batch.function_error
    return {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": settings.function_arn,
            "condition": str(discard.reason),
            "approximateInvokeCount": batch.invoke_count,
        },
        "responseContext": response,
        "version": "1.0",
        "timestamp": _iso(at),
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": _iso(datetime.fromtimestamp(first.created_at, UTC)),
            "approximateArrivalOfLastRecord": _iso(datetime.fromtimestamp(last.created_at, UTC)),
            "batchSize": len(batch.records),
            "streamArn": settings.stream_arn,
        },
    }


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# One synchronous invocation of the mapped function with a batch


def invoke(lambda_client: Any, settings: MappingSettings, batch: Batch) -> InvocationResult:
    """Call the function and read what became of it; never raises.

    An error of the call itself (a throttle, no permission, no connection, a timeout of the client)
    counts as not invoked, so that it spends no attempt and loses nothing.
    """
    try:
        answer = lambda_client.invoke(
            FunctionName=settings.function_arn,
            InvocationType="RequestResponse",
            Payload=payload_of(batch.records).encode(),
        )
        body = answer["Payload"].read()
    except Exception as error:  # noqa: BLE001 - whatever it was, the batch has to be tried again
        return NotInvoked(error=error_name(error))
    function_error = answer.get("FunctionError")
    if function_error:
        kind = _error_type(body)
        return Failed(error=f"{function_error}: {kind}", function_error=function_error)
    if not settings.report_item_failures:
        return Succeeded()
    try:
        decoded = json.loads(body or b"null")
    except ValueError:
        return Failed(error="the answer is not JSON")
    return read_answer(decoded, sequences=batch.sequences)


def error_name(error: Exception) -> str:
    """Which call failed with which code; an answer's message may echo what was sent."""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "unknown error")
        return f"{error.operation_name}: {code}"
    return type(error).__name__


def _error_type(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return "unknown"
    found = document.get("errorType") if isinstance(document, dict) else None
    return found if isinstance(found, str) else "unknown"


# What a stream poller reports about itself


@dataclass(frozen=True, slots=True, kw_only=True)
class PollerStatus:
    """What the poller has done so far, and how far it is.

    Attributes:
        checkpoints: Sequence number up to which everything is done with, by shard.
        is_caught_up: The last read of every shard was empty and nothing is buffered. How many
            records are still on the stream, nobody can ask DynamoDB.
        pending_records: Records that were read and are not done with.
        oldest_pending_at: When the oldest pending record was created, in seconds since the epoch.
        records_succeeded: Records that the function took.
        deliveries_dropped: Batches that the on-failure destination refused to the end.
        trims: How often records had left the stream before they were read.
        last_error: The latest error, of the function or of a service; never a payload.
    """

    checkpoints: Mapping[str, str] = field(default_factory=dict)
    is_caught_up: bool = False
    pending_records: int = 0
    oldest_pending_at: float | None = None
    invocations: int = 0
    invocations_failed: int = 0
    records_read: int = 0
    records_succeeded: int = 0
    records_discarded: int = 0
    batches_discarded: int = 0
    deliveries_dropped: int = 0
    trims: int = 0
    last_error: str | None = None


# The threads that carry out what a mapping says: invocations and on-failure deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of an action: the result of an invocation, or the error of a delivery (or None)."""

    shard_id: str
    action: Action
    result: InvocationResult | None = None
    error: str | None = None


class Workers:
    """One daemon thread for each action under way, so as many as there are lanes at most.

    Daemons, so that a function that hangs can't keep the process from ending.
    """

    def __init__(
        self, settings: MappingSettings, *, lambda_client: Any, destination: OnFailureDestination
    ) -> None:
        self._settings = settings
        self._lambda = lambda_client
        self._destination = destination
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._under_way = 0

    @property
    def are_busy(self) -> bool:
        """Whether a report is still to come."""
        return self._under_way > 0

    def start(self, shard_id: str, action: Action) -> None:
        """Carry the action out in a thread of its own; its report comes out of `reports`."""
        self._under_way += 1
        threading.Thread(
            target=self._carry_out, args=[shard_id, action], name="stream-worker", daemon=True
        ).start()

    def reports(self, *, wait_seconds: float) -> Iterator[Report]:
        """What has come in: waits for the first report only, and for no longer than told."""
        try:
            report = self._reports.get(timeout=max(wait_seconds, 0.001))
            while True:
                self._under_way -= 1
                yield report
                report = self._reports.get_nowait()
        except queue.Empty:
            return

    # Private functions

    def _carry_out(self, shard_id: str, action: Action) -> None:
        if isinstance(action, Invoke):
            result = invoke(self._lambda, self._settings, action.batch)
            self._reports.put(Report(shard_id=shard_id, action=action, result=result))
            return
        error = None
        try:
            self._destination.deliver(action, shard_id=shard_id, now=time.time())
        except Exception as failure:  # noqa: BLE001 - whatever it was, the lane must hear of it
            error = error_name(failure)
        self._reports.put(Report(shard_id=shard_id, action=action, error=error))


_LOG = logging.getLogger(__name__)
_AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
_ERROR_SECONDS = 0.5
_DESCRIBE_SECONDS = 10.0
_DRAIN_SECONDS = 2.0
# After that many refusals Lambda's way is taken: the batch is dropped, and counted.
_DELIVERIES_MAX = 5


class StreamPoller:
    """Stands in for Lambda on one DynamoDB stream mapping, enabled or not.

    It keeps its position in memory: a new poller starts where the mapping says.

    Args:
        lambda_client: boto3 client; one that retries little notices the end of the emulator soon.
        sns: Needed only where the on-failure destination is a topic.

    Raises:
        WrongUse: the mapping uses a filter, or a destination that is not known here.
        ClientError: the mapping does not exist.
    """

    def __init__(
        self,
        *,
        dynamodbstreams: Any,
        lambda_client: Any,
        s3: Any,
        sqs: Any,
        mapping_id: str,
        sns: Any = None,
    ) -> None:
        self._streams = dynamodbstreams
        self._settings = MappingSettings.from_answer(
            lambda_client.get_event_source_mapping(UUID=mapping_id)
        )
        self._workers = Workers(
            self._settings,
            lambda_client=lambda_client,
            destination=OnFailureDestination(self._settings, s3=s3, sqs=sqs, sns=sns),
        )
        self._stream: Stream | None = None
        self._describe_at = 0.0
        self._shards: dict[str, MappedShard] = {}
        self._finished: set[str] = set()
        self._stop = threading.Event()
        self._status = PollerStatus()

    def status(self) -> PollerStatus:
        """How far it is; may be called from any thread."""
        return self._status

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set; then wait shortly for what is under way, and return.

        Errors of the services are noted in the status and tried again.
        """
        self._stop = stop
        while not stop.is_set():
            now = time.time()
            if now >= self._describe_at:
                self._discover(now)
            for shard_id, shard in self._shards.items():
                self._read(shard, now)
                for action in shard.mapping.next_actions(now=now):
                    self._workers.start(shard_id, action)
            self._take_reports(wait_seconds=self._pause_seconds())
            self._retire_finished_shards()
            self._refresh_status()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._workers.are_busy and (left := deadline - time.monotonic()) > 0:
            self._take_reports(wait_seconds=left)
        self._refresh_status()

    # Private functions

    def _discover(self, now: float) -> None:
        is_first = self._stream is None
        try:
            stream = describe(self._streams, self._settings.stream_arn)
        except _AWS_ERRORS as error:
            self._describe_at = now + _ERROR_SECONDS
            self._note_error(error_name(error))
            return
        self._stream = stream
        self._describe_at = now + _DESCRIBE_SECONDS
        self._finished &= stream.shards.keys()
        start = self._settings.starting_position if is_first else "TRIM_HORIZON"
        if start == "LATEST":
            # A shard with children is closed: it has nothing later, and they must not wait for it.
            self._finished |= {parent for parent in stream.shards.values() if parent}
        for shard_id in readable_shards(stream.shards, finished=self._finished):
            if shard_id not in self._shards:
                reader = ShardReader(
                    self._streams,
                    stream_arn=self._settings.stream_arn,
                    shard_id=shard_id,
                    start=start,
                )
                self._shards[shard_id] = MappedShard(reader, self._settings)

    def _read(self, shard: MappedShard, now: float) -> None:
        if now < shard.read_at or not shard.may_be_read or self._stream is None:
            return
        trims = shard.reader.trims
        try:
            page = shard.reader.read(after=shard.mapping.read_to)
        except _AWS_ERRORS as error:
            shard.read_at, shard.was_empty = now + _ERROR_SECONDS, False
            self._note_error(error_name(error))
            return
        taken = [
            take_record(
                raw,
                stream_arn=self._settings.stream_arn,
                partition_key=self._stream.partition_key,
            )
            for raw in page
        ]
        shard.mapping.add(taken, now=now)
        shard.has_read(records=len(page), now=now)
        self._count(
            records_read=len(page),
            trims=shard.reader.trims - trims,
        )

    def _pause_seconds(self) -> float:
        times = [shard.wake_at for shard in self._shards.values()]
        wake_at = min((at for at in times if at is not None), default=self._describe_at)
        return min(max(wake_at - time.time(), 0.0), POLL_SECONDS_MAX)

    def _take_reports(self, *, wait_seconds: float) -> None:
        for report in self._workers.reports(wait_seconds=wait_seconds):
            mapping = self._shards[report.shard_id].mapping
            if isinstance(report.action, Discard):
                self._take_delivery(mapping, report)
            else:
                self._take_invocation(mapping, report)

    def _take_invocation(self, mapping: ShardMapping, report: Report) -> None:
        batch, result, now = report.action.batch, report.result, time.time()
        assert result is not None
        succeeded = mapping.invoked(batch, result, now=now)
        self._count(invocations=1, records_succeeded=succeeded)
        if isinstance(result, Failed | NotInvoked):
            self._note_error(result.error)
        if isinstance(result, Failed | PartlyFailed):
            self._count(invocations_failed=1)

    def _take_delivery(self, mapping: ShardMapping, report: Report) -> None:
        batch = report.action.batch
        if report.error is not None:
            self._note_error(report.error)
            if batch.deliveries_failed + 1 < _DELIVERIES_MAX:
                mapping.discard_failed(batch, now=time.time())
                return
            self._count(deliveries_dropped=1)
        self._count(batches_discarded=1, records_discarded=mapping.discarded(batch))

    def _retire_finished_shards(self) -> None:
        for shard_id in [one for one, shard in self._shards.items() if shard.is_finished]:
            del self._shards[shard_id]
            self._finished.add(shard_id)
            self._describe_at = 0.0

    def _refresh_status(self) -> None:
        shards = self._shards
        oldest = [shard.mapping.oldest_pending_at for shard in shards.values()]
        self._status = replace(
            self._status,
            checkpoints={
                one: shard.mapping.checkpoint
                for one, shard in shards.items()
                if shard.mapping.checkpoint is not None
            },
            is_caught_up=self._describe_at > 0
            and all(shard.was_empty and shard.mapping.is_drained for shard in shards.values()),
            pending_records=sum(shard.mapping.pending for shard in shards.values()),
            oldest_pending_at=min((at for at in oldest if at is not None), default=None),
        )

    def _count(self, **added: int) -> None:
        changed = {name: getattr(self._status, name) + more for name, more in added.items()}
        self._status = replace(self._status, **changed)

    def _note_error(self, error: str) -> None:
        if self._stop.is_set():
            # What fails while everything is being taken down is no news.
            return
        if error != self._status.last_error:
            _LOG.warning("stream poller: %s", error)
        self._status = replace(self._status, last_error=error)
