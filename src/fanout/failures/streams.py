"""Do a record's numbers go on in the stream that the publisher reads now? Pure.

The publisher puts its own epoch before the number that it finds in a record. A stream that was made
anew, with a restored table, counts anew, and the epoch was raised for it. A record of the stream
before it would get the new epoch before an old, larger number, and lead every later change.
"""

from collections.abc import Iterable

from fanout.failures.documents import Record

EARLIER = (
    "of an earlier stream, whose numbers do not go on in today's: bring the rows up to date with "
    "`fanout reconcile SUBSCRIBER --repair`, then discard it with --even-if-current"
)


def why_earlier(records: Iterable[Record], stream_arn: str) -> str:
    """Why an object is not to be published again; "" where all of it is of today's stream.

    A record that does not say where it comes from counts as today's.
    """
    arns = {one.get("eventSourceARN") or stream_arn for one in records if isinstance(one, dict)}
    return EARLIER if arns - {stream_arn} else ""
