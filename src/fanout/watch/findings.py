"""Findings for a person at a terminal."""

from collections import Counter
from collections.abc import Iterable

from rich.markup import escape
from rich.padding import Padding

from fanout.console import OUT
from sentinel.findings import Finding, Severity

_MARKS = {
    Severity.WRONG: "[bold red]✗[/]",
    Severity.WARNING: "[yellow]![/]",
    Severity.NOTE: "[dim]·[/]",
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
    """Print each: what it is, what follows, and what to do."""
    for finding in findings:
        subject, what = escape(finding.subject), escape(finding.what)
        OUT.print(f"{_MARKS[finding.severity]} [bold]{subject}[/]: {what}", soft_wrap=False)
        for text, style in ((finding.harm, ""), (finding.fix and f"→ {finding.fix}", "cyan")):
            if text:
                below = Padding(escape(text), (0, 0, 0, 4), expand=False)
                OUT.print(below, style=style, soft_wrap=False)
