"""`make simulate SEEDS=N [SEED=n] [SIMULATE=--help]`: play fresh histories on every core."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from secrets import randbits

from rich.console import Console
from rich.progress import Progress

from simulation.faults import EVERY, Faults, only
from simulation.generate import generate
from simulation.play import explain, failing_seeds
from simulation.schedule import dump
from simulation.variants import VARIANTS, seeds_until_caught

_CHUNK = 20
_FAILURES_SHOWN_MAX = 3


def main() -> int:
    options = _options()
    console = Console(stderr=True)
    if options.variants:
        return _prove_checkers(console)
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
    return 1 if failing else 0


# Private functions


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--seed", type=int, help="the first one; a random one by default")
    parser.add_argument("--faults", default="every", help="names of faults, separated by commas")
    parser.add_argument("--variants", action="store_true", help="prove the checkers instead")
    parser.add_argument("--keep", help="a folder for the shrunk schedules of failures")
    return parser.parse_args()


def _play_all(first: int, count: int, faults: Faults, console: Console) -> Iterator[int]:
    """The seeds that break a guarantee."""
    chunks = [
        (range(start, min(start + _CHUNK, first + count)), faults)
        for start in range(first, first + count, _CHUNK)
    ]
    with (
        get_context("spawn").Pool(os.cpu_count()) as pool,
        Progress(console=console) as progress,
    ):
        task = progress.add_task("playing", total=count)
        for (seeds, _), failed in zip(chunks, pool.imap(failing_seeds, chunks), strict=True):
            progress.advance(task, len(seeds))
            for seed in failed:
                progress.console.print(f"seed {seed} breaks a guarantee")
                yield seed


def _prove_checkers(console: Console) -> int:
    escaped = 0
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        counts = pool.imap(seeds_until_caught, range(len(VARIANTS)))
        for variant, count in zip(VARIANTS, counts, strict=True):
            escaped += count is None
            console.print(f"{count or 'escaped':>7}  {variant.caught_by:<24} {variant.name}")
    console.print(f"{len(VARIANTS)} broken variants, {escaped} not caught")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
