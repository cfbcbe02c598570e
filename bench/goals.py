"""Why a goal can be missed: what a run that misses it says."""

WHY = {
    "publisher, CPU per record, on all processors": """
Twenty threads share one interpreter lock. Where a second processor is free they wander between the
two, which costs a quarter to a third more than on one (the rows before). Fewer workers, longer
turns and a lock of our own changed little.
""",
    "publisher, CPU": """
botocore, HTTP and TLS set a floor: the last row of the profile. A PublishBatch of ten events takes
some 900 µs of CPU in them (HTTP and TLS 365, signing 125, reading the XML answer 95, encoding 85;
endpoint, hooks and headers the rest), so 90 a record; reading the record, writing the event and
reporting take 30. A plain `http.client` call with a signature of its own takes 150 instead of 900,
and gives up proxies, FIPS endpoints and retry modes.
""",
    "publisher, wall": """
Five turns of 20 calls wait 75 ms; the rest is CPU time, of which one thread at a time has some.
""",
    "publisher, cold start": """
Counted in instructions (valgrind), which other processes do not disturb, the ratio is 0.52. Five
sixths of ours are imports and the making of the client. Three rounds of CPU time can't tell 0.50
from 0.53.
""",
    "consumer, CPU": """
botocore, HTTP and TLS set a floor: the last row of the profile, for four calls of 25 rows. In a
batch of ten their fixed cost is shared by ten messages instead of 25.
""",
    "end to end, a change alone": """
Bare handlers leave out validation, the order guard, the log line and the metrics. The rest of the
time is the embedded AWS's own, with its pollers.
""",
    "end to end": """
The embedded AWS is one Python process, and three quarters of our time are its own CPU time. What
our functions take is less than a second for a thousand changes.
""",
    "replay": """
What can't be moved before its hold runs out is received again. SQLite's caches grow by up to 2 MiB
each, and then no more.
""",
}
"""By how the figures' names begin; the first that fits."""


def why(name: str) -> str:
    """In one paragraph."""
    found = (text for start, text in WHY.items() if name.startswith(start))
    return " ".join(next(found, "The cause is not known.").split())
