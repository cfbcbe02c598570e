"""Dead messages in a file: JSON Lines, one message each, complete, readable by you alone.

A line holds what SQS hands out: `message_id`, `body` (as it is), `attributes` (the message
attributes in the SQS API's shape, binary values in base64), `sent_at`, `first_received_at`,
`receive_count`, and where there are some `group_id`, `trace_header`, `source_arn`.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fanout.errors import WrongUse
from fanout.runs.journal import MALFORMED, PRIVATE_MODE, file_refusal, sync_folder
from fanout.sqs.message import DeadMessage, from_line, to_line


class ExportFile:
    """Appends messages; each batch is on the disk when `append` returns.

    A torn last line (of a crash) is cut off: nothing was acted upon.
    Raises: Refused: the file can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_MODE), "r+b") as file:
                file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))
            sync_folder(path.parent)
        except OSError as error:
            raise file_refusal(path, error) from None

    def append(self, messages: Sequence[DeadMessage]) -> None:
        """Write them to the disk. Raises: Refused: it won't take them; nothing may be deleted."""
        lines = "".join(
            json.dumps(to_line(message), ensure_ascii=False) + "\n" for message in messages
        )
        try:
            with self.path.open("ab") as file:
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise file_refusal(self.path, error) from None


def read(path: Path) -> Iterator[DeadMessage]:
    """The messages of a file, one by one. Raises: WrongUse: it can't be read; names the line."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    message = from_line(json.loads(line))
                except MALFORMED as error:
                    raise WrongUse(
                        f"{path}, line {number}, is no exported message ({type(error).__name__}): "
                        "expected what `fanout dlq export` writes."
                    ) from None
                yield message
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise WrongUse(f"{path} can't be read: {why}.") from None


def checksum(path: Path) -> str:
    """SHA-256 of a file. Raises: WrongUse where it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WrongUse(f"{path} can't be read: {error.strerror}.") from None
