"""Drives a function from a DynamoDB stream the way its event source mapping says.

The embedded AWS does not follow the rules of a stream mapping, so the mapping is deployed disabled
there, and this poller reads its settings and stands in for Lambda, through the public APIs alone.
The rules are in `mapping`; here are the clock, the reading, the calls and the bookkeeping.
"""

import json
import logging
import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from fanout.aws import code_of
from fanout.streams.mapping import (
    Batch,
    Done,
    Failed,
    MappingSettings,
    NotInvoked,
    Result,
    ShardMapping,
    read_answer,
)
from fanout.streams.records import payload_of, take_record
from fanout.streams.shards import ShardReader, Stream, describe, readable_shards

_LOG = logging.getLogger(__name__)
_AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
_ERROR_SECONDS = 0.5
_DESCRIBE_SECONDS = 10.0
_DRAIN_SECONDS = 2.0
# Lambda polls a shard 4 times a second; here that delay would be most of the latency shown. After
# records the next look comes when their batch is done; a shard that stays quiet is looked at ever
# more rarely, until as rarely as by Lambda. So a change that follows another within two seconds
# waits 10 ms at the median. Looking more often costs more than the sixth of a core that this takes.
_POLL_SECONDS_MIN = 0.02
_POLL_SECONDS_MAX = 0.25
_POLL_SHARE_OF_QUIET = 0.01
_COUNTS = ("pending_records", "records_read", "records_succeeded", "records_discarded")


# The calls: an invocation of the function, and the on-failure record of a batch that is given up


def invoke(lambda_client: Any, settings: MappingSettings, batch: Batch) -> Result:
    """Call the function with a batch and read what became of it.

    Any error of the call itself (a throttle, no permission, no connection, a timeout of the client)
    passes through: the function may not have run, so it spends no attempt and loses nothing.
    """
    answer = lambda_client.invoke(
        FunctionName=settings.function_arn,
        InvocationType="RequestResponse",
        Payload=payload_of(batch.records).encode(),
    )
    body = answer["Payload"].read()
    function_error = answer.get("FunctionError")
    try:
        decoded = json.loads(body or b"null")
    except ValueError:
        decoded = None if function_error else "not JSON"
    if function_error:
        kind = decoded.get("errorType") if isinstance(decoded, dict) else None
        name = kind if isinstance(kind, str) else "unknown"
        return Failed(error=f"{function_error}: {name}", function_error=function_error)
    return read_answer(decoded, sequences={each.sequence for each in batch.records})


def error_name(error: Exception) -> str:
    """Which call failed with which code; an answer's message may echo what was sent."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {code_of(error)}"
    return type(error).__name__


def store_discarded(
    s3: Any, settings: MappingSettings, batch: Batch, *, shard_id: str, now: float
) -> None:
    """Write the on-failure record of a discarded batch, with its records, as Lambda does.

    The key is `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>`, in UTC.
    """
    at, first, last = datetime.fromtimestamp(now, UTC), batch.records[0], batch.records[-1]
    error = {"functionError": batch.function_error} if batch.function_error else {}
    document = {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": settings.function_arn,
            "condition": str(batch.discard_reason),
            "approximateInvokeCount": batch.invoke_count,
        },
        # With status 0 for a batch that expired unsent: the function never answered.
        "responseContext": {
            "statusCode": 200 if batch.invoke_count else 0,
            "executedVersion": "$LATEST",
            **error,
        },
        "version": "1.0",
        "timestamp": _iso(now),
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": _iso(first.created_at),
            "approximateArrivalOfLastRecord": _iso(last.created_at),
            "batchSize": len(batch.records),
            "streamArn": settings.stream_arn,
        },
        "payload": payload_of(batch.records),
    }
    s3.put_object(
        Bucket=settings.failure_bucket,
        Key=f"aws/lambda/{settings.mapping_id}/{shard_id}/{at:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid4()}",
        Body=json.dumps(document).encode(),
        ContentType="application/json",
    )


def _iso(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class PollerStatus:
    """What the poller has done so far, and how far it is.

    Attributes:
        is_caught_up: The last read of every shard was empty and nothing is buffered. How many
            records are still on the stream, nobody can ask DynamoDB.
        pending_records: Records that were read and are not done.
        oldest_pending_at: When the oldest pending record was created, in seconds since the epoch.
        records_succeeded: Records that the function took.
        last_error: The latest error, of the function or of a service; never a payload.
    """

    is_caught_up: bool = False
    pending_records: int = 0
    oldest_pending_at: float | None = None
    records_read: int = 0
    records_succeeded: int = 0
    records_discarded: int = 0
    last_error: str | None = None

    def lag_seconds(self, now: float) -> float | None:
        """The age of the oldest record that was read and is not done.

        0 where all are done; None (unknown) where the stream has not been read to its end.
        """
        if self.oldest_pending_at is not None:
            return max(0.0, now - self.oldest_pending_at)
        return 0.0 if self.is_caught_up else None


def merged(statuses: Sequence[PollerStatus]) -> PollerStatus:
    """What several pollers have done."""
    oldest = [at for status in statuses if (at := status.oldest_pending_at) is not None]
    return PollerStatus(
        is_caught_up=all(status.is_caught_up for status in statuses),
        oldest_pending_at=min(oldest, default=None),
        last_error=next((it.last_error for it in statuses if it.last_error), None),
        **{name: sum(getattr(status, name) for status in statuses) for name in _COUNTS},
    )


class _Shard:
    """A shard that is being read: its position, its lanes, and when to look again."""

    def __init__(self, reader: ShardReader, settings: MappingSettings) -> None:
        self.reader = reader
        self.mapping = ShardMapping(settings)
        self.read_at = 0.0
        self.was_empty = False
        self._quiet_since = 0.0

    def may_be_read(self) -> bool:
        """Whether there is more to come, and room for it."""
        return not self.reader.is_ended and self.mapping.wants_records

    def wake_at(self) -> float:
        """When there is something to do, if no report comes in before."""
        read_at = self.read_at if self.may_be_read() else math.inf
        return min(self.mapping.due_at(), read_at)

    def has_read(self, *, records: int, now: float) -> None:
        """Look again soon while records come, and ever more rarely while none do."""
        self.was_empty = records == 0
        if records:
            self._quiet_since = now
            self.read_at = now + _POLL_SECONDS_MIN
        else:
            wait = (now - self._quiet_since) * _POLL_SHARE_OF_QUIET
            self.read_at = now + min(max(wait, _POLL_SECONDS_MIN), _POLL_SECONDS_MAX)


class StreamPoller:
    """Stands in for Lambda on one DynamoDB stream mapping, enabled or not.

    It keeps its position in memory: a new poller starts where the mapping says. Each batch under
    way has a daemon thread, at most one for each lane, so that a function that hangs can't keep
    the process from ending.

    Args:
        lambda_client: boto3 client; one that retries little notices the end of the emulator soon.

    Raises:
        WrongUse: the mapping uses what is not known here; see `MappingSettings.from_answer`.
        ClientError: the mapping does not exist.
    """

    def __init__(
        self, *, dynamodbstreams: Any, lambda_client: Any, s3: Any, mapping_id: str
    ) -> None:
        self._streams, self._lambda, self._s3 = dynamodbstreams, lambda_client, s3
        self._settings = MappingSettings.from_answer(
            lambda_client.get_event_source_mapping(UUID=mapping_id)
        )
        self._reports: queue.SimpleQueue[tuple[str, Batch, Result]] = queue.SimpleQueue()
        self._under_way = 0
        self._stream: Stream | None = None
        self._describe_at = 0.0
        self._shards: dict[str, _Shard] = {}
        self._finished: set[str] = set()
        self._stop = threading.Event()
        self._counts: Counter[str] = Counter()
        self._last_error: str | None = None
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
                for batch in shard.mapping.next_batches(now=now):
                    self._under_way += 1
                    threading.Thread(target=self._work, args=[shard_id, batch], daemon=True).start()
            wake_at = min(map(_Shard.wake_at, self._shards.values()), default=self._describe_at)
            pause_seconds = min(max(wake_at - time.time(), 0.001), _POLL_SECONDS_MAX)
            self._take_report(wait_seconds=pause_seconds)
            for shard_id, shard in list(self._shards.items()):
                if shard.reader.is_ended and not shard.mapping.pending:  # its children may start
                    del self._shards[shard_id]
                    self._finished.add(shard_id)
                    self._describe_at = 0.0
            self._refresh_status()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._under_way and (left := deadline - time.monotonic()) > 0:
            self._take_report(wait_seconds=left)
        self._refresh_status()

    # Private functions

    def _discover(self, now: float) -> None:
        try:
            stream = describe(self._streams, self._settings.stream_arn)
        except _AWS_ERRORS as error:
            self._describe_at = now + _ERROR_SECONDS
            self._note_error(error_name(error))
            return
        self._stream = stream
        self._describe_at = now + _DESCRIBE_SECONDS
        self._finished &= stream.shards.keys()
        for shard_id in readable_shards(stream.shards, finished=self._finished):
            if shard_id not in self._shards:
                reader = ShardReader(
                    self._streams, stream_arn=self._settings.stream_arn, shard_id=shard_id
                )
                self._shards[shard_id] = _Shard(reader, self._settings)

    def _read(self, shard: _Shard, now: float) -> None:
        if now < shard.read_at or not shard.may_be_read() or self._stream is None:
            return
        try:
            page = shard.reader.read()
        except _AWS_ERRORS as error:
            shard.read_at, shard.was_empty = now + _ERROR_SECONDS, False
            self._note_error(error_name(error))
            return
        arn, key = self._settings.stream_arn, self._stream.partition_key
        records = [take_record(raw, stream_arn=arn, partition_key=key) for raw in page]
        shard.mapping.add(records, now=now)
        shard.has_read(records=len(page), now=now)
        self._counts["records_read"] += len(page)

    def _work(self, shard_id: str, batch: Batch) -> None:
        """Invoke the function with a batch, or discard it, and report; runs in its own thread."""
        result: Result = Done()
        try:
            if batch.discard_reason is None:
                result = invoke(self._lambda, self._settings, batch)
            else:
                store_discarded(self._s3, self._settings, batch, shard_id=shard_id, now=time.time())
        except Exception as error:  # noqa: BLE001 - whatever it was, the batch is tried again
            result = NotInvoked(error=error_name(error))
        self._reports.put((shard_id, batch, result))

    def _take_report(self, *, wait_seconds: float) -> None:
        """Take one that has come in, or comes in within `wait_seconds`."""
        try:
            shard_id, batch, result = self._reports.get(timeout=wait_seconds)
        except queue.Empty:
            return
        self._under_way -= 1
        shard = self._shards[shard_id]
        if isinstance(result, Failed | NotInvoked):
            self._note_error(result.error)
        done = len(shard.mapping.report(batch, result, now=time.time()))
        self._counts["records_discarded" if batch.discard_reason else "records_succeeded"] += done
        if not shard.mapping.pending:
            shard.read_at = 0.0

    def _refresh_status(self) -> None:
        shards = self._shards.values()
        oldest = [shard.mapping.oldest_pending_at for shard in shards]
        is_quiet = all(shard.was_empty and not shard.mapping.pending for shard in shards)
        self._status = PollerStatus(
            is_caught_up=self._describe_at > 0 and is_quiet,
            pending_records=sum(shard.mapping.pending for shard in shards),
            oldest_pending_at=min((at for at in oldest if at is not None), default=None),
            last_error=self._last_error,
            **self._counts,
        )

    def _note_error(self, error: str) -> None:
        """What fails while everything is being taken down is no news."""
        if not self._stop.is_set():
            if error != self._last_error:
                _LOG.warning("stream poller: %s", error)
            self._last_error = error
