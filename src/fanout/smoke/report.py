"""What a smoke test found: a table for a person, one document for a program."""

from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from fanout.console import OUT, table
from fanout.smoke.drills import Finding
from fanout.smoke.questions import Answer

_MARKS = {True: "[green]good[/]", False: "[bold red]FAILED[/]", None: "[yellow]not asked[/]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run: where it was, what the drills saw, what the questions were answered."""

    prefix: str
    local: bool
    findings: list[Finding]
    answers: list[Answer]

    @property
    def is_good(self) -> bool:
        """Whether no drill failed; a question has no wrong answer."""
        return all(one.good is not False for one in self.findings)

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "prefix": self.prefix,
            "where": "the embedded AWS" if self.local else "AWS",
            "good": self.is_good,
            "drills": [one.to_document() for one in self.findings],
            "questions": [one.to_document() for one in self.answers],
        }


def print_report(report: Report) -> None:
    """Two tables."""
    where = "the embedded AWS" if report.local else "AWS"
    drills = table(f"Drills of {report.prefix} on {where}", "drill", "", "seconds", "what was seen")
    for one in report.findings:
        drills.add_row(one.drill, _MARKS[one.good], f"{one.seconds:.1f}", escape(one.saw))
    OUT.print(drills)
    questions = table("What the documentation leaves open", "question", "expected", "answer")
    for answer in report.answers:
        said = answer.answer or "not asked"
        remark = f" ({answer.remark})" if answer.remark else ""
        questions.add_row(escape(answer.question), escape(answer.expected), escape(said + remark))
    OUT.print(questions)
