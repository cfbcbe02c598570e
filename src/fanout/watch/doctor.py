"""`fanout doctor`: the deployment against the rules, each finding with its harm and its fix."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from textwrap import fill

import typer
from rich.markup import escape
from rich.text import Text

from fanout.console import OUT, Json, print_json
from fanout.errors import ExitCode
from fanout.runs.options import Check
from sentinel.discovery import is_embedded
from sentinel.examination import examine
from sentinel.findings import Asking, Finding, Severity

_MARKS = {
    Severity.WRONG: ("✗", "bold red"),
    Severity.WARNING: ("!", "yellow"),
    Severity.NOTE: ("·", "dim"),
}


def doctor(context: typer.Context, *, check: Check = False, as_json: Json = False) -> None:
    """Check how the deployment is set up, and say how to fix what is wrong.

    Changes nothing. Asks IAM what the functions' roles may do.

    Exit codes: 0, or with --check 1 if something is wrong.
    """
    found = examine(context.obj, Asking())
    if as_json:
        print_json({"findings": [asdict(finding) for finding in found]})
    else:
        OUT.print(f"[bold]{escape(context.obj.prefix)}[/]: {verdict(found)}")
        show_findings(found)
        if is_embedded(context.obj):
            OUT.print("Alarms are not available here.", style="dim")
    if check and any(each.severity is Severity.WRONG for each in found):
        raise typer.Exit(int(ExitCode.FOUND))


def verdict(findings: Iterable[Finding]) -> str:
    """How many things are wrong, in a few words."""
    found = Counter(finding.severity for finding in findings)
    wrong, warnings = found[Severity.WRONG], found[Severity.WARNING]
    many = f"; warnings: {warnings}" if warnings else ""
    if not wrong:
        return f"[bold green]nothing is wrong[/]{many}"
    return f"[bold red]{wrong} thing{' is' if wrong == 1 else 's are'} wrong[/]{many}"


def show_findings(findings: Iterable[Finding]) -> None:
    """Print each: what it is, what follows, and what to do; a name or an ARN stays in one piece."""
    width = OUT.options.max_width
    wrap = partial(fill, width=width, break_long_words=False, break_on_hyphens=False)
    for finding in findings:
        mark, style = _MARKS[finding.severity]
        text = Text(wrap(f"{mark} {finding.subject}: {finding.what}", subsequent_indent="  "))
        text.stylize(style, 0, 1)
        text.stylize("bold", 2, 2 + len(finding.subject))
        OUT.print(text)
        for below, colour in ((finding.harm, ""), (finding.fix and f"→ {finding.fix}", "cyan")):
            if below:
                lines = wrap(below, initial_indent="    ", subsequent_indent="      ")
                OUT.print(Text(lines, style=colour))
