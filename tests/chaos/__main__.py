"""`make chaos MINUTES=N [SEED=n] [RATE=n]`: chaos on the embedded AWS, and then the checkers.

Exit codes: 0 every guarantee held; 1 one did not; 2 this machine can't run it.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from secrets import randbits

from rich.console import Console

from chaos.run import Settings, run
from chaos.workers import is_possible_here
from fanout.demo.witnesses import Counts


def main() -> int:
    options = _options()
    console = Console(stderr=True, highlight=False)
    if not is_possible_here():
        console.print("make chaos needs Linux: it finds the workers to kill through /proc.")
        return 2
    settings = Settings(
        seed=options.seed if options.seed is not None else randbits(32),
        chaos_seconds=options.minutes * 60,
        rate=options.rate,
        customers=options.customers,
    )
    console.print(
        f"{options.minutes:g} minutes of chaos at {settings.rate:g} writes a second, "
        f"seed {settings.seed}"
    )
    with (
        console.status("starting") as status,
        tempfile.TemporaryDirectory(prefix="fanout-chaos-") as folder,
    ):

        def show(what: str, counts: Counts) -> None:
            done = (f"{name} {done:,} of {total:,}" for name, (done, total) in counts.items())
            status.update(f"{what}: {', '.join(done)}")

        report = run(settings, Path(folder), show)
    report.print(console)
    if options.report:
        options.report.write_text(report.to_json() + "\n", encoding="utf-8")
    return 1 if report.broken else 0


# Private functions


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, help="a random one by default")
    parser.add_argument("--rate", type=float, default=110, help="writes a second")
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--report", type=Path, help="a file for the findings, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
