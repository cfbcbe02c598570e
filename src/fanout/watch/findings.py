"""Findings for a person at a terminal."""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from textwrap import fill

from rich.text import Text

from fanout.console import OUT
from sentinel.findings import Finding, Severity

_MARKS = {
    Severity.WRONG: ("✗", "bold red"),
    Severity.WARNING: ("!", "yellow"),
    Severity.NOTE: ("·", "dim"),
}


def verdict(findings: Iterable[Finding]) -> str:
    """How many things are wrong, in a few words."""
    found = Counter(finding.severity for finding in findings)
    wrong, warnings = found[Severity.WRONG], found[Severity.WARNING]
    many = f"; warnings: {warnings}" if warnings else ""
    if not wrong:
        return f"[bold green]nothing is wrong[/]{many}"
    return f"[bold red]{wrong} thing{' is' if wrong == 1 else 's are'} wrong[/]{many}"


def show(findings: Iterable[Finding]) -> None:
    """Print each: what it is, what follows, and what to do; a name or an ARN stays in one piece."""
    width = OUT.options.max_width
    wrap = partial(fill, width=width, break_long_words=False, break_on_hyphens=False)
    for finding in findings:
        mark, style = _MARKS[finding.severity]
        head = f"{mark} {finding.subject}: {finding.what}"
        text = Text(wrap(head, subsequent_indent="  "))
        text.stylize(style, 0, 1)
        text.stylize("bold", 2, 2 + len(finding.subject))
        OUT.print(text)
        for below, colour in ((finding.harm, ""), (finding.fix and f"→ {finding.fix}", "cyan")):
            if below:
                lines = wrap(below, initial_indent="    ", subsequent_indent="      ")
                OUT.print(Text(lines, style=colour))
