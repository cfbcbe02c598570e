"""`make bench`: what publisher and consumer cost, beside what one would write first.

And what an operator's replay and backfill cost, of few messages and of many; how long a change
takes on the embedded AWS; and which code takes the time.

Nothing fails on a figure. Exit code 1 only where the sides do not do the same work, or where the
published table is to be written on a machine that is not quiet.
"""

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from bench.end_to_end import end_to_end_figures
from bench.figures import SMALL, Figure, Profiles, Sizes, figures, profiles
from bench.goals import why
from bench.layers import BOTOCORE, HTTP, LAYERS, REST
from bench.operators import operator_figures
from bench.plot import picture
from bench.running import ROOT
from bench.same_outcome import NotTheSame, check
from bench.sides import CONSUMER, NAIVE, OURS, PUBLISHER
from rich.console import Console

_CHECKED = 40
_LOAD_MAX = 1.0
_PAGE = ROOT / "docs" / "performance.md"
_PICTURE = ROOT / "docs" / "images" / "performance.svg"
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
            *end_to_end_figures(sizes, status.update),
        ]
        profile = profiles(sizes, status.update)
    about = machine(load)
    text = "\n\n".join(
        [table(found), _where(about), "### Profile", profile_table(profile), *missed(found)]
    )
    if options.write:
        page = _PAGE.read_text(encoding="utf-8")
        page = _TABLE.sub(lambda kept: f"{kept[1]}{text}\n{kept[2]}", page)
        _PAGE.write_text(page, encoding="utf-8")
        _PICTURE.write_text(picture(found), encoding="utf-8")
    if options.json:
        document = {
            **about,
            "figures": [one.to_document() for one in found],
            "profile": {", ".join(key): layers for key, layers in profile.items()},
        }
        print(json.dumps(document, indent=2))
    else:
        print(text)
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


def table(found: Sequence[Figure]) -> str:
    """The figures in Markdown, as `docs/performance.md` has them."""
    head = ("", "ours", "baseline", "ratio", "spread", "goal")
    return _markdown([head, *map(_row, found)])


def profile_table(found: Profiles) -> str:
    """Microseconds by layer, and the ratio if there were nothing but botocore and HTTP."""
    keys = [(which, side) for which in (PUBLISHER, CONSUMER) for side in (OURS, NAIVE)]
    rows = [
        ("µs of CPU in batches of 100, by layer", *(", ".join(key) for key in keys)),
        *((name, *(f"{found[key].get(name, 0):,.0f}" for key in keys)) for name in (*LAYERS, REST)),
    ]
    floors = []
    for which in (PUBLISHER, CONSUMER):
        calls = sum(found[which, OURS].get(name, 0) for name in (BOTOCORE, HTTP))
        floors += [f"{calls / sum(found[which, NAIVE].values()):.3f}", ""]
    return _markdown([*rows, ("ratio of botocore and HTTP alone to all of naive", *floors)])


def missed(found: Sequence[Figure]) -> list[str]:
    """The goals that this run missed, each with its reason."""
    names: dict[str, list[str]] = {}
    for one in found:
        if not one.is_reached:
            names.setdefault(why(one.name), []).append(f"**{one.name}** ({_goal(one)})")
    if not names:
        return ["All goals are reached."]
    return [
        "### Goals missed",
        "\n".join(f"- {'; '.join(which)}: {text}" for text, which in names.items()),
    ]


# Private functions


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--records", type=int, default=Sizes.records, help="of a CPU figure")
    parser.add_argument("--messages", type=int, help="of a large replay, and of a large backfill")
    parser.add_argument("--rounds", type=int, default=Sizes.rounds, help="of a figure")
    parser.add_argument("--small", action="store_true", help="some minutes, to see that it runs")
    parser.add_argument("--plain-http", action="store_true", help="without TLS")
    parser.add_argument("--write", action="store_true", help=f"the table into {_PAGE.name} as well")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser.parse_args()


def _where(about: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {one}" for name, one in about["versions"].items())
    return (
        f"{about['at']}, {about['machine']}, {about['processors']} processors, load "
        f"{about['load_before']} before and {about['load_after']} after, Python {about['python']}, "
        f"{versions}"
    )


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the head; all columns but the first are numbers."""
    under = ("---", *["---:"] * (len(rows[0]) - 1))
    return "\n".join(" | ".join(["", *cells, ""]).strip() for cells in (rows[0], under, *rows[1:]))


def _row(one: Figure) -> tuple[str, ...]:
    digits = 2 if one.unit in ("s", "MiB") else 0
    return (
        one.name,
        f"{one.ours:,.{digits}f} {one.unit}",
        "" if one.baseline is None else f"{one.baseline:,.{digits}f} {one.unit}",
        "" if one.ratio is None else f"{one.ratio:.3f}",
        "" if one.spread is None else f"{one.spread[0]:.3f} to {one.spread[1]:.3f}",
        _goal(one),
    )


def _goal(one: Figure) -> str:
    if one.goal is None or one.ratio is None:
        return ""
    by = "reached" if one.is_reached else f"missed by {one.ratio / one.goal - 1:.1%}"
    return f"≤ {one.goal:g}: {by}"


if __name__ == "__main__":
    sys.exit(main())
