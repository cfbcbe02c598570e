"""`make bench`: what publisher and consumer cost, beside what one would write first.

And what an operator's replay and backfill cost, of few messages and of many.

Nothing fails on a figure. Exit code 1 only where the sides do not do the same work, or where the
published table is to be written on a machine that is not quiet.
"""

import argparse
import json
import os
import platform
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from bench.figures import SMALL, Figure, Sizes, figures
from bench.operators import operator_figures
from bench.running import ROOT
from bench.same_outcome import NotTheSame, check
from rich.console import Console

_CHECKED = 40
_LOAD_MAX = 1.0
_PAGE = ROOT / "docs" / "performance.md"
_TABLE = re.compile(r"(<!-- make bench -->\n).*(<!-- until here -->\n)", re.DOTALL)


def main() -> int:
    options = _options()
    sizes = SMALL if options.small else Sizes(records=options.records, rounds=options.rounds)
    sizes = replace(sizes, tls=not options.plain_http)
    if options.messages:
        sizes = replace(sizes, messages=(sizes.messages[0], options.messages))
    console = Console(stderr=True, highlight=False)
    load = os.getloadavg()[0]
    if options.write and (load > _LOAD_MAX or options.small or options.plain_http):
        console.print(
            f"{_PAGE.relative_to(ROOT)} is left as it is: expected a whole run over TLS, and a "
            f"load of at most {_LOAD_MAX:g} before the start, not {load:.1f}. Try again on a quiet "
            "machine."
        )
        return 1
    with console.status("do both sides do the same?") as status:
        try:
            check(_CHECKED)
        except NotTheSame as reason:
            console.print(f"Nothing can be compared: {reason}.")
            return 1
        found = [
            *figures(sizes, status.update),
            *operator_figures(sizes, status.update),
        ]
    about = machine(load)
    if options.write:
        text = _TABLE.sub(
            lambda kept: f"{kept[1]}{table(found, about)}\n{kept[2]}",
            _PAGE.read_text(encoding="utf-8"),
        )
        _PAGE.write_text(text, encoding="utf-8")
    if options.json:
        document = {**about, "figures": [one.to_document() for one in found]}
        print(json.dumps(document, indent=2))
    else:
        print(table(found, about))
    return 0


def machine(load: float) -> dict[str, Any]:
    """Where and when, and how busy the machine was before the start and is now."""
    names = ("botocore", "boto3", "aws-lambda-powertools", "pydantic")
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
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
    where = (
        f"{about['machine']}, {about['processors']} processors, load {about['load_before']} before "
        f"and {about['load_after']} after, Python {about['python']}"
    )
    return "\n".join([*lines, "", f"{about['at']}, {where}, {versions}"])


# Private functions


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--records", type=int, default=Sizes.records, help="of a CPU figure")
    parser.add_argument("--messages", type=int, help="of a large replay, and of a large backfill")
    parser.add_argument("--rounds", type=int, default=Sizes.rounds, help="of a figure")
    parser.add_argument("--small", action="store_true", help="a minute, to see that it runs")
    parser.add_argument("--plain-http", action="store_true", help="without TLS")
    parser.add_argument("--write", action="store_true", help=f"the table into {_PAGE.name} as well")
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
