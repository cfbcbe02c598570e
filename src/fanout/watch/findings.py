"""What is wrong: one shape, whoever finds it."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape
from rich.padding import Padding

from fanout.console import OUT

T = TypeVar("T")


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


@dataclass(slots=True)
class Asking:
    """Asks AWS, and notes what it refuses to say, so that one refusal hides nothing else."""

    _unread: dict[str, None] = field(default_factory=dict)

    def ask(self, what: str, call: Callable[[], T], otherwise: T) -> T:
        """The answer; `otherwise` where AWS refuses. `what` is the subject of a sentence."""
        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            answer: Any = getattr(error, "response", {})
            code = answer.get("Error", {}).get("Code") or type(error).__name__
            self._unread[f"{what} can't be read ({code})."] = None
            return otherwise

    def findings(self) -> list[Finding]:
        """What was not seen may be wrong, so it is no good news."""
        fix = "Give your role that permission."
        about = partial(Finding, severity=Severity.WRONG, subject="this command", fix=fix)
        return [about(what=what) for what in self._unread]


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
