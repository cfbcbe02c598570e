"""`make bench`: what publisher and consumer cost, beside what one would write first.

Nothing fails on a figure. Exit code 1 only where the sides do not do the same work.
"""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from bench.figures import SMALL, Figure, Sizes, figures
from bench.same_outcome import NotTheSame, check
from rich.console import Console

_CHECKED = 40


def main() -> int:
    options = _options()
    sizes = SMALL if options.small else Sizes(records=options.records, rounds=options.rounds)
    console = Console(stderr=True, highlight=False)
    with console.status("do both sides do the same?") as status:
        try:
            check(_CHECKED)
        except NotTheSame as reason:
            console.print(f"Nothing can be compared: {reason}.")
            return 1
        found = list(figures(sizes, status.update))
    about = machine()
    if options.json:
        document = {**about, "figures": [one.to_document() for one in found]}
        print(json.dumps(document, indent=2))
    else:
        print(table(found, about))
    return 0


def machine() -> dict[str, Any]:
    """Where and when."""
    names = ("botocore", "boto3", "aws-lambda-powertools", "pydantic")
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in names},
    }


def table(found: list[Figure], about: dict[str, Any]) -> str:
    """The figures in Markdown, as `docs/performance.md` has them."""
    rows = [
        ("", "ours", "baseline", "ratio", "spread", "goal"),
        ("---", *["---:"] * 5),
        *map(_row, found),
    ]
    lines = [" | ".join(["", *cells, ""]).strip() for cells in rows]
    versions = ", ".join(f"{name} {one}" for name, one in about["versions"].items())
    where = f"{about['machine']}, {about['processors']} processors, Python {about['python']}"
    return "\n".join([*lines, "", f"{about['at']}, {where}, {versions}"])


# Private functions


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--records", type=int, default=Sizes.records, help="of a CPU figure")
    parser.add_argument("--rounds", type=int, default=Sizes.rounds, help="of a figure")
    parser.add_argument("--small", action="store_true", help="a minute, to see that it runs")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser.parse_args()


def _row(one: Figure) -> tuple[str, ...]:
    digits = 2 if one.unit in ("s", "MiB") else 0
    return (
        one.name,
        f"{one.ours:,.{digits}f} {one.unit}",
        "" if one.baseline is None else f"{one.baseline:,.{digits}f} {one.unit}",
        "" if one.ratio is None else f"{one.ratio:.3f}",
        "" if one.spread is None else f"{one.spread[0]:.3f} to {one.spread[1]:.3f}",
        "" if one.goal is None else f"≤ {one.goal:g}",
    )


if __name__ == "__main__":
    sys.exit(main())
