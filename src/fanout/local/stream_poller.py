"""Drives a function from a DynamoDB stream the way its event source mapping says.

The embedded AWS does not follow the rules of a stream mapping, so the mapping is deployed disabled
there, and this poller reads its settings and stands in for Lambda, through the public APIs alone.
The rules themselves are in `stream_mapping`; here are the clock, the reading and the bookkeeping.
"""

import logging
import threading
import time
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from fanout.local.stream_failures import OnFailureDestination
from fanout.local.stream_invocation import error_name
from fanout.local.stream_mapping import (
    Discard,
    Failed,
    MappingSettings,
    NotInvoked,
    PartlyFailed,
    ShardMapping,
)
from fanout.local.stream_records import take_record
from fanout.local.stream_shards import (
    POLL_SECONDS_MAX,
    MappedShard,
    ShardReader,
    Stream,
    describe,
    readable_shards,
)
from fanout.local.stream_status import PollerStatus
from fanout.local.stream_workers import Report, Workers

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
