"""A copy of a journal in S3, for another machine to read and to go on with.

S3 can't append, so the lines go up in parts: `<prefix>/<run id>/<number of the first line>.jsonl`.
The copy lags by a few seconds. Going on from a copy that lags can repeat what the missing lines
say was done, and lose nothing: the DLQ itself still shows what is left.
"""

import json
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fanout.aws import AwsTarget
from fanout.errors import WrongUse
from fanout.runs.journal import Record
from fanout.runs.store import CopyTo

LINES_MAX = 2000
LAG_SECONDS = 5.0
_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.ASCII)
_DIGITS = 12


class S3Copy:
    """The port `Copy`: gathers lines and puts them into the bucket, in parts.

    Args:
        client: a boto3 S3 client.
        bucket: its name.
        folder: the key up to the parts, with a slash at the end.
        warn: called with a sentence once, where S3 refuses: the run goes on without its copy.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        folder: str,
        *,
        warn: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._folder = folder
        self._warn = warn
        self._monotonic = monotonic
        self._lines: list[Record] = []
        self._flushed_at = monotonic()
        self._warned = False

    def offer(self, lines: Iterable[Record]) -> None:
        """See `Copy.offer`."""
        for line in lines:
            self._lines.append(line)
            if len(self._lines) >= LINES_MAX:
                self.flush()
        if self._monotonic() - self._flushed_at >= LAG_SECONDS:
            self.flush()

    def flush(self) -> None:
        """See `Copy.flush`."""
        self._flushed_at = self._monotonic()
        if not self._lines:
            return
        body = "".join(json.dumps(line.to_document()) + "\n" for line in self._lines).encode()
        key = f"{self._folder}{self._lines[0].n:0{_DIGITS}}.jsonl"
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
        except (BotoCoreError, ClientError) as error:
            if not self._warned:
                self._warn(f"The journal's copy in s3://{self._bucket} is not kept: {error}")
            self._warned = True
            if len(self._lines) < LINES_MAX:
                return  # they go with the next part; beyond that, only the file has them
        self._lines = []

    def catch_up(self, records: Iterable[Record]) -> None:
        """Bring the lines that an earlier process wrote and did not copy."""
        parts = _parts(self._client, self._bucket, self._folder)
        known = 0
        if parts:
            found = self._client.get_object(Bucket=self._bucket, Key=parts[-1])["Body"].read()
            known = int(parts[-1][-_DIGITS - 6 : -6]) + found.count(b"\n") - 1
        self.offer(record for record in records if record.n > known)
        self.flush()


def copy_for(target: AwsTarget, uri: str | None, warn: Callable[[str], None]) -> CopyTo | None:
    """What makes the copy of a run by its id; None where no URI is given.

    Raises:
        WrongUse: it is no `s3://bucket/prefix`.
    """
    if uri is None:
        return None
    bucket, prefix = _split(uri)
    client = target.client("s3")
    return lambda run_id: S3Copy(client, bucket, f"{prefix}{run_id}/", warn=warn)


def fetch(target: AwsTarget, uri: str, run_id: str, folder: Path) -> Path:
    """Bring a run's journal from its copy into a folder of journals, which has it not.

    Raises:
        WrongUse: the copy holds no such run, or a part of it is missing.
    """
    bucket, prefix = _split(uri)
    client = target.client("s3")
    parts = _parts(client, bucket, f"{prefix}{run_id}/")
    if not parts:
        raise WrongUse(f"No run {run_id!r} under {uri}.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run_id}.jsonl"
    with path.with_suffix(".part").open("wb") as file:
        for part in parts:
            body = client.get_object(Bucket=bucket, Key=part)["Body"]
            for chunk in body.iter_chunks():
                file.write(chunk)
    path.with_suffix(".part").replace(path)
    return path


# Private functions


def _split(uri: str) -> tuple[str, str]:
    found = _URI.fullmatch(uri)
    if found is None:
        raise WrongUse(f"--journal {uri!r}: expected s3://bucket/prefix.")
    prefix = (found[2] or "").strip("/")
    return found[1], f"{prefix}/" if prefix else ""


def _parts(client: Any, bucket: str, folder: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
    return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))
