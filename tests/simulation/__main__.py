"""`make simulate SEEDS=N [SEED=n] [SIMULATE=--help]`: play fresh histories on every core."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from secrets import randbits

from rich.console import Console
from rich.progress import Progress

from simulation import alarm_page, outages
from simulation.faults import EVERY, Faults, only
from simulation.generate import generate
from simulation.play import explain, failing_seeds
from simulation.schedule import dump
from simulation.variants import VARIANTS, alarms, seeds_until_caught
from simulation.variants.alarms import BROKEN_SETS

_CHUNK = 20
_FAILURES_SHOWN_MAX = 3
_HISTORIES_A_OUTAGE = 10
"""A history of hours, for the alarms, costs as much as so many others."""


def main() -> int:
    options = _options()
    console = Console(stderr=True)
    if options.variants:
        return _prove_checkers(console)
    if options.drill:
        drills = {one.name: outages.drill(one) for one in outages.OUTAGES}
        alarm_page.PAGE.write_text(alarm_page.render(drills), encoding="utf-8")
        return 0
    faults = EVERY if options.faults == "every" else only(*options.faults.split(","))
    first = options.seed if options.seed is not None else randbits(40)
    console.print(f"{options.seeds} seeds from {first} (SEED={first} plays the same ones)")
    began = time.monotonic()
    failing = list(_play_all(first, options.seeds, faults, console))
    minutes = (time.monotonic() - began) / 60
    console.print(
        f"{options.seeds / minutes:,.0f} seeds a minute; {len(failing)} broke a guarantee"
    )
    for seed in sorted(failing)[:_FAILURES_SHOWN_MAX]:
        explanation = explain(generate(seed, faults))
        console.rule(f"seed {seed}")
        sys.stdout.write(explanation.text + "\n")
        if options.keep:
            path = Path(options.keep) / f"seed-{seed}.json"
            path.write_text(dump(explanation.schedule), encoding="utf-8")
            console.print(f"kept as {path}")
    silent = _play_outages(first, max(1, options.seeds // _HISTORIES_A_OUTAGE), console)
    return 1 if failing or silent else 0


# Private functions


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--seed", type=int, help="the first one; a random one by default")
    parser.add_argument("--faults", default="every", help="names of faults, separated by commas")
    parser.add_argument("--variants", action="store_true", help="prove the checkers instead")
    parser.add_argument("--drill", action="store_true", help="write the page of the alarms instead")
    parser.add_argument("--keep", help="a folder for the shrunk schedules of failures")
    return parser.parse_args()


def _workers() -> Pool:
    """A process for each core; what the system logs in them is not shown."""
    log_nowhere = partial(logging.basicConfig, handlers=[logging.NullHandler()])
    return get_context("spawn").Pool(os.cpu_count(), initializer=log_nowhere)


def _play_all(first: int, count: int, faults: Faults, console: Console) -> Iterator[int]:
    """The seeds that break a guarantee."""
    chunks = [
        (range(start, min(start + _CHUNK, first + count)), faults)
        for start in range(first, first + count, _CHUNK)
    ]
    with _workers() as pool, Progress(console=console) as progress:
        task = progress.add_task("playing", total=count)
        for (seeds, _), failed in zip(chunks, pool.imap(failing_seeds, chunks), strict=True):
            progress.advance(task, len(seeds))
            for seed in failed:
                progress.console.print(f"seed {seed} breaks a guarantee")
                yield seed


def _play_outages(first: int, count: int, console: Console) -> int:
    """Whether each failure raises an alarm, and calm none; how many histories break that."""
    chunks = [
        range(start, min(start + 5, first + count)) for start in range(first, first + count, 5)
    ]
    broken = 0
    with _workers() as pool, Progress(console=console) as progress:
        task = progress.add_task("playing outages", total=count)
        for chunk, found in zip(chunks, pool.imap(outages.seeds_broken, chunks), strict=True):
            progress.advance(task, len(chunk))
            broken += len(found)
            for seed, sentence in found:
                progress.console.print(f"outage {seed}: {sentence}")
    console.print(f"{count} histories of hours; {broken} with a silent failure or a false alarm")
    return broken


def _prove_checkers(console: Console) -> int:
    escaped = 0
    broken = [*VARIANTS, *BROKEN_SETS]
    with _workers() as pool:
        counts = [
            *pool.imap(seeds_until_caught, range(len(VARIANTS))),
            *pool.imap(alarms.seeds_until_caught, range(len(BROKEN_SETS))),
        ]
    for variant, count in zip(broken, counts, strict=True):
        escaped += count is None
        console.print(f"{count or 'escaped':>7}  {variant.caught_by:<24} {variant.name}")
    console.print(f"{len(broken)} broken variants, {escaped} not caught")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
