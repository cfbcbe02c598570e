"""A range of the stream, as a person names it on the command line."""

import re

from fanout.errors import WrongUse
from fanout.failures.deployment import Deployment
from fanout.failures.documents import StreamRange

_SEQUENCE = re.compile(r"[0-9]{21,40}", re.ASCII)
_SHARD = re.compile(r"[ -~]{28,65}", re.ASCII)
"""The lengths that DynamoDB Streams' API reference gives (GetShardIterator)."""


def stream_range(
    deployment: Deployment,
    shard: str | None,
    first: str | None,
    last: str | None,
    *,
    from_stream: bool,
) -> StreamRange | None:
    """The range that the options state, or None where they state none.

    Raises:
        WrongUse: it is named in part, or not by numbers.
    """
    if shard is None and first is None and last is None:
        return None
    if not from_stream or shard is None or first is None or last is None:
        raise WrongUse(
            "A range needs all of --from-stream, --shard, --from-sequence and --to-sequence."
        )
    if not (_SEQUENCE.fullmatch(first) and _SEQUENCE.fullmatch(last) and int(first) <= int(last)):
        raise WrongUse(
            "--from-sequence and --to-sequence: expected 21 to 40 digits each, the lower one first."
        )
    if not _SHARD.fullmatch(shard):
        raise WrongUse(f"--shard {shard!r}: expected an id such as shardId-000…, 28 to 65 long.")
    return StreamRange(
        stream_arn=deployment.publisher.stream_arn, shard_id=shard, first=first, last=last
    )
