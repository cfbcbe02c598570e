"""A copy of a journal in S3, for another machine to read and to resume from.

S3 can't append, so the whole file goes up again: once its selection is frozen, where its work
stops, and every few seconds in between. Resuming from a copy that lags can repeat what the missing
lines say was done, and lose nothing: the DLQ itself still shows what is left.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fanout.aws import AwsTarget
from fanout.console import warn
from fanout.errors import WrongUse

LAG_SECONDS = 5.0
"""How old a copy becomes at least; `SHARE` of the time of a run is spent on copying at most."""
SHARE = 0.05
_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.ASCII)


class JournalCopy:
    """Puts a journal into a bucket, under its own name below `prefix`.

    Where S3 refuses, a person is warned once, and the run continues without its copy.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        prefix: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._monotonic = monotonic
        self._due_at = monotonic() + LAG_SECONDS
        self._warned = False
        self._copied_bytes = 0

    def update(self, path: Path, *, at_once: bool = False) -> None:
        """Copy the file, if it has grown and it is time to."""
        began, size_bytes = self._monotonic(), path.stat().st_size
        if size_bytes == self._copied_bytes or (began < self._due_at and not at_once):
            return
        try:
            with path.open("rb") as file:
                key = f"{self._prefix}{path.name}"
                self._client.put_object(Bucket=self._bucket, Key=key, Body=file)
            self._copied_bytes = size_bytes
        except (BotoCoreError, ClientError) as error:
            if not self._warned:
                warn(f"The journal's copy in s3://{self._bucket} is not kept: {error}")
            self._warned = True
        ended = self._monotonic()
        self._due_at = ended + max(LAG_SECONDS, (ended - began) / SHARE)


def copy_for(target: AwsTarget, uri: str) -> JournalCopy:
    """Raises: WrongUse: it is no `s3://bucket/prefix`."""
    return JournalCopy(target.client("s3"), *_split(uri))


def fetch(target: AwsTarget, uri: str, run_id: str, folder: Path) -> None:
    """Bring a run's journal from its copy into a folder of journals, where that has less of it.

    What the folder had stays beside it, as `RUN.older`.
    Earlier releases copied a journal in parts, `RUN/000000000001.jsonl` and so on.

    Raises:
        WrongUse: there is no copy of such a run.
    """
    bucket, prefix = _split(uri)
    client = target.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + run_id)
    listed = {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}
    whole = f"{prefix}{run_id}.jsonl"
    of_run = sorted(key for key in listed if key.startswith(f"{prefix}{run_id}/"))
    parts = [whole] if whole in listed else of_run
    path = folder / f"{run_id}.jsonl"
    if path.exists() and path.stat().st_size >= sum(listed[part] for part in parts):
        return
    if not parts:
        raise WrongUse(f"No run {run_id!r} under {uri}.")
    folder.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".part").open("wb") as file:
        for part in parts:
            copyfileobj(client.get_object(Bucket=bucket, Key=part)["Body"], file)
    if path.exists():
        path.replace(path.with_suffix(".older"))
    path.with_suffix(".part").replace(path)


# Private functions


def _split(uri: str) -> tuple[str, str]:
    match = _URI.fullmatch(uri)
    if match is None:
        raise WrongUse(f"--journal {uri!r}: expected s3://bucket/prefix.")
    prefix = (match[2] or "").strip("/")
    return match[1], f"{prefix}/" if prefix else ""
