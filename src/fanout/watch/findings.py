"""What is wrong: one shape, whoever finds it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rich.markup import escape
from rich.padding import Padding

from fanout.console import OUT


class Severity(StrEnum):
    """How bad a finding is; in the order in which they are shown."""

    WRONG = "wrong"
    """Something is lost, late or will be: act."""
    WARNING = "warning"
    """It works, but one more fault would hurt."""
    NOTE = "note"
    """Nothing is wrong; a person should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a person should know.

    Attributes:
        subject: what it is about: the publisher, a subscriber, an alarm.
        what: what is the case, in one sentence.
        harm: what follows from it; "" where the sentence says so.
        fix: what to do, or to type.
    """

    severity: Severity
    subject: str
    what: str
    harm: str = ""
    fix: str = ""

    def to_document(self) -> dict[str, Any]:
        """One JSON object with every field."""
        return asdict(self)


_MARKS = {
    Severity.WRONG: "[bold red]✗[/]",
    Severity.WARNING: "[yellow]![/]",
    Severity.NOTE: "[dim]·[/]",
}


def sort(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first, else in their order."""
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def verdict(findings: Iterable[Finding]) -> str:
    """How many things are wrong, in a few words."""
    wrong = sum(finding.severity is Severity.WRONG for finding in findings)
    if not wrong:
        return "[bold green]nothing is wrong[/]"
    return f"[bold red]{wrong} thing{' is' if wrong == 1 else 's are'} wrong[/]"


def show(findings: Iterable[Finding]) -> None:
    """Print each: what it is, what follows, and what to do."""
    for finding in findings:
        subject, what = escape(finding.subject), escape(finding.what)
        OUT.print(f"{_MARKS[finding.severity]} [bold]{subject}[/]: {what}", soft_wrap=False)
        for text, style in ((finding.harm, ""), (finding.fix and f"→ {finding.fix}", "cyan")):
            if text:
                below = Padding(escape(text), (0, 0, 0, 4), expand=False)
                OUT.print(below, style=style, soft_wrap=False)
