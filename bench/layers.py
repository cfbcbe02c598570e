"""Where the CPU time of a batch goes: by samples of the call stack, as many as the kernel takes.

A sample counts for the innermost code that belongs to a layer; what the standard library does for
it (hashing, say) counts along. Threads are left out: calls go one after the other here.
"""

import concurrent.futures
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

OWN, BOTOCORE, HTTP = "own code", "botocore and boto3", "HTTP and TLS"
LAYERS = {
    BOTOCORE: ("/botocore/", "/boto3/"),
    HTTP: ("/urllib3/", "/http/", "/ssl.py", "/email/"),
    "json": ("/json/",),
    "Powertools and logging": ("/aws_lambda_powertools/", "/logging/"),
    "pydantic": ("/pydantic/",),
    OWN: ("/src/", "/bench/baseline/"),
}
REST = "the rest"


def without_threads() -> None:
    """Before a handler is built: samples are taken in the main thread alone."""

    class Inline:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.map = map

    concurrent.futures.ThreadPoolExecutor = Inline  # type: ignore[assignment, misc]


@contextmanager
def sampling(counts: Counter[str]) -> Iterator[None]:
    """Count samples by layer while the block runs."""

    def take(_signal: int, frame: FrameType | None) -> None:
        while frame is not None and not (layer := _layer(frame.f_code.co_filename)):
            frame = frame.f_back
        counts[layer if frame else REST] += 1

    signal.signal(signal.SIGPROF, take)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


# Private functions


@cache
def _layer(path: str) -> str:
    return next((name for name, parts in LAYERS.items() if any(part in path for part in parts)), "")
