"""A run's report as one page of HTML that needs nothing else: no script, no font, no network."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from customer_events.instants import to_wire
from fanout.runs.report import Report

LISTED_MAX = 1000
"""Items that the page lists one by one."""
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
       color: #1c2430; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dde3ea;
         vertical-align: top; overflow-wrap: anywhere; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.well { color: #14713d; } .badly { color: #b3261e; } .open { color: #8a5a00; }
.status { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; background: #eef2f6; }
svg { width: 100%; height: 90px; } rect { fill: #3b6ea5; }
@media (prefers-color-scheme: dark) {
  body { color: #e3e8ee; background: #14181d; } th, td { border-color: #323a44; }
  .well { color: #6fcf97; } .badly { color: #ff8a80; } .open { color: #f2c94c; }
  .status { background: #28303a; } rect { fill: #7fb1e5; } }
"""


def html_page(
    report: Report,
    *,
    meanings: Mapping[str, str],
    well: Iterable[str],
    left: Iterable[Mapping[str, Any]],
) -> str:
    """The page.

    Args:
        report: the run in numbers.
        meanings: a sentence for each fate that needs one.
        well: the fates that are good ends.
        left: items that did not end well, as `report.item_document` makes them, `LISTED_MAX` at
            most.
    """
    good = frozenset(well)
    title = f"{report.header['command']} {report.header['run_id']}"
    sections = [
        _head(report, title),
        _fates(report, meanings, good),
        _reasons(report, good),
        _bars(report),
        _timeline(report),
        _listed(list(left)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(one for one in sections if one)
        + "\n</body>\n</html>\n"
    )


# Private functions


def _head(report: Report, title: str) -> str:
    who = report.header["operator"]
    subject = ", ".join(f"{name} {value}" for name, value in report.header["subject"].items())
    options = ", ".join(
        f"{name} {value}"
        for name, value in report.header["options"].items()
        if value not in (None, {}, "")
    )
    rows = {
        "Status": f'<span class="status">{escape(report.status)}</span>',
        "Who": escape(f"{who['user']}@{who['host']} ({who['identity']})"),
        "On": escape(subject),
        "How": escape(options),
        "From, to (UTC)": f"{to_wire(report.began_at)}, {to_wire(report.last_at)}",
        "Cut-off": escape(report.cut_off or "-"),
    }
    if report.left_out:
        rows["Not seen"] = "<br>".join(map(escape, report.left_out))
    body = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    return f"<h1>{escape(title)}</h1>\n<table>{body}</table>"


def _fates(report: Report, meanings: Mapping[str, str], good: frozenset[str]) -> str:
    rows = "".join(
        f'<tr><td class="{_class(fate, good)}">{escape(fate)}</td><td class="n">{count:,}</td>'
        f"<td>{escape(meanings.get(fate, ''))}</td></tr>"
        for fate, count in report.fates.items()
    )
    total = sum(report.fates.values())
    twice = (
        f"<p>{report.perhaps_twice:,} may have been done twice: the process ended between a step "
        "and its confirmation. Order guard and ids make the second one a DUPLICATE.</p>"
        if report.perhaps_twice
        else ""
    )
    return (
        f"<h2>What became of {report.selected:,} selected</h2>\n<table>{rows}"
        f'<tr><th>all</th><td class="n"><b>{total:,}</b></td><td></td></tr></table>{twice}'
    )


def _reasons(report: Report, good: frozenset[str]) -> str:
    fates = list(report.fates)
    head = "".join(f'<th class="{_class(one, good)}">{escape(one)}</th>' for one in fates)
    rows = "".join(
        f"<tr><td>{escape(reason)}</td>"
        + "".join(f'<td class="n">{counts.get(one, 0):,}</td>' for one in fates)
        + f'<td class="n">{sum(counts.values()):,}</td></tr>'
        for reason, counts in report.by_reason.items()
    )
    return f"<h2>By cause</h2>\n<table><tr><th>cause</th>{head}<th>all</th></tr>{rows}</table>"


def _bars(report: Report) -> str:
    if not report.bars:
        return ""
    most, width = max(report.bars), 1000 / len(report.bars)
    bars = "".join(
        f'<rect x="{index * width:.1f}" y="{80 - 80 * count / most:.1f}" '
        f'width="{max(width - 1, 1):.1f}" height="{80 * count / most:.1f}">'
        f"<title>{count:,}</title></rect>"
        for index, count in enumerate(report.bars)
    )
    return (
        f"<h2>Ended, per {report.bar_seconds} s from {to_wire(report.bars_from)} "
        f"(at most {most:,})</h2>\n"
        f'<svg viewBox="0 0 1000 80" preserveAspectRatio="none" role="img">{bars}</svg>'
    )


def _timeline(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{to_wire(one.at)}</td><td>{escape(one.text)}</td></tr>" for one in report.timeline
    )
    return f"<h2>Timeline</h2>\n<table>{rows}</table>"


def _listed(left: list[Mapping[str, Any]]) -> str:
    if not left:
        return ""
    rows = "".join(
        f"<tr><td>{escape(str(one['id']))}</td><td>{escape(str(one.get('reason', '')))}</td>"
        f"<td>{escape(str(one['fate']))}</td>"
        f"<td>{escape(str(one.get('why', '')))} {escape(str(one.get('where', '')))}</td></tr>"
        for one in left
    )
    cut = f" (the first {LISTED_MAX:,})" if len(left) >= LISTED_MAX else ""
    return (
        f"<h2>Did not end well{cut}</h2>\n"
        f"<table><tr><th>id</th><th>cause</th><th>fate</th><th>why</th></tr>{rows}</table>"
    )


def _class(fate: str, good: frozenset[str]) -> str:
    if fate in good:
        return "well"
    return "badly" if fate.isupper() or fate.endswith("failed") else "open"
