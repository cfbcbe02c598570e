"""`make seed-at-scale [CUSTOMERS=n]`: a seed with live changes, a kill and a resume, and the rows.

Exit codes: 0 every row is right; 1 something did not hold.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from seed_at_scale.run import run
from seed_at_scale.watching import Settings


def main() -> int:
    options = _options()
    console = Console(stderr=True, highlight=False)
    settings = Settings(
        customers=options.customers,
        changes_per_second=options.changes,
        depth_max=options.max_depth,
    )
    with (
        console.status("starting") as status,
        tempfile.TemporaryDirectory(prefix="fanout-seed-") as folder,
    ):
        report = run(settings, Path(folder), status.update)
    report.print(console)
    if options.report:
        options.report.write_text(report.to_json() + "\n", encoding="utf-8")
    return 1 if report.broken else 0


# Private functions


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make seed-at-scale", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--changes", type=float, default=20, help="live changes a second")
    parser.add_argument("--max-depth", type=int, default=1_000, help="as of fanout backfill")
    parser.add_argument("--report", type=Path, help="a file for the findings, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
