"""One side of one comparison, in a fresh process: `python -m bench.worker '{...}'`.

Prints one JSON object: CPU of this process alone, wall time, the most that was ever resident.
Whatever a handler prints is thrown away, after it has been made.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple


class Job(NamedTuple):
    """`warm`: one batch goes before what is measured. `quiet`: no record changes a status. `bound`:
    to one processor, as a function with less than 1,769 MB has less than one. `profile`: sample
    what takes the time instead.
    """

    which: str
    side: str
    records: int
    batch_size: int
    per_customer: int = 1
    warm: bool = True
    quiet: bool = False
    bound: bool = True
    profile: bool = False


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    if job.bound:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    out = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from bench.sides import Context, build

    samples: Counter[str] = Counter()
    measured: Callable[[], AbstractContextManager[None]] = nullcontext
    if job.profile:
        from bench import layers

        layers.without_threads()
        measured = partial(layers.sampling, samples)
    handler = build(job.which, job.side)
    if job.warm:
        for batch in _batches(job, job.batch_size):
            handler(batch, Context())
    batches = _batches(job, job.records)
    cpu = wall = 0.0
    for batch in batches:
        with measured():
            cpu_before, wall_before = time.process_time(), time.perf_counter()
            answer = handler(batch, Context())
            cpu += time.process_time() - cpu_before
            wall += time.perf_counter() - wall_before
        assert answer == {"batchItemFailures": []}, answer
    found = {
        "cpu_seconds": cpu,
        "cpu_seconds_since_start": time.process_time(),
        "wall_seconds": wall,
        "peak_bytes": _peak_bytes(),
        "samples": samples,
    }
    out.write(json.dumps(found) + "\n")


# Private functions


def _batches(job: Job, count: int) -> Iterator[dict[str, Any]]:
    from bench import samples

    if job.which == "publisher":
        return samples.stream_batches(count, size=job.batch_size, quiet=job.quiet)
    return samples.queue_batches(count, size=job.batch_size, per_customer=job.per_customer)


def _peak_bytes() -> int:
    """The most that was ever resident. By `getrusage` it would hold the parent's memory as well,
    whose copy this process was before it became Python.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not tell the memory of a process")


if __name__ == "__main__":
    main()
