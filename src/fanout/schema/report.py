"""The gate's verdict, as tables and documents for a person and as one document for a program."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from fanout.console import table
from fanout.schema.compatibility import NO_EXAMPLE, Checked, Finding, Hit, State

INSTEAD = (
    "What is published may only gain what is compatible. Make this a new major version beside the "
    "old one: docs/howto/change-the-contract.md."
)
_STYLES = {State.BROKEN: "bold red", State.NEW: "cyan", State.COMPATIBLE: "green"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was compared, and what came of it.

    Attributes:
        unrecorded: Schemas whose frozen record is not up to date; empty where the comparison was
            with something else than the frozen versions.
        recorded_in: The file that the record was just written to.
    """

    against: str
    checked: Sequence[Checked]
    unrecorded: Sequence[str] = ()
    recorded_in: str | None = None

    @property
    def passes(self) -> bool:
        """Whether nothing breaks."""
        return all(one.state is not State.BROKEN for one in self.checked)


def as_document(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "against": report.against,
        "passes": report.passes,
        "schemas": [_schema_document(one) for one in report.checked],
        "unrecorded": list(report.unrecorded),
        "recorded_in": report.recorded_in,
    }


def show(report: Report, out: Console) -> None:
    """Print the report for a person."""
    out.print(f"Compared with {escape(report.against)}:")
    for one in report.checked:
        style = _STYLES.get(one.state, "default")
        out.print(f"  [{style}]{one.state.value:<10}[/] {escape(one.name)}")
    for one in report.checked:
        if one.findings:
            _show_findings(f"{one.name}: needs a new major version", one.findings, out)
            out.print(one.order.advice)
    if not report.passes:
        out.print(f"\n[bold red]Fails.[/] {INSTEAD}")
    elif report.recorded_in:
        out.print(f"\nRecorded in {escape(report.recorded_in)}.")
    elif report.unrecorded:
        names = escape(", ".join(report.unrecorded))
        out.print(
            f"\n[green]Passes.[/] Not recorded as published yet: {names}. "
            "Record it, in the same change: fanout schema check --record"
        )
    else:
        out.print("\n[green]Passes.[/]")


def _show_findings(title: str, findings: Sequence[Finding], out: Console) -> None:
    shown = table(f"\n{escape(title)}", "", "path", "rule", "direction", "subscribers hit", "why")
    for column in shown.columns[:4]:
        column.no_wrap = True
    for number, one in enumerate(findings, start=1):
        hits = ", ".join(_hit_text(hit) for hit in one.hits) or "none registered"
        shown.add_row(
            str(number),
            escape(one.path),
            one.rule,
            one.direction.value,
            escape(hits),
            escape(one.says),
        )
    out.print(shown)
    for number, one in enumerate(findings, start=1):
        if one.example is not NO_EXAMPLE:
            text = json.dumps(one.example, ensure_ascii=False)
            out.print(f"  {number}. for example: {escape(text)}")


def _hit_text(hit: Hit) -> str:
    if hit.relies_on:
        return f"{hit.subscriber} (relies on {', '.join(hit.relies_on)})"
    return hit.subscriber


def _schema_document(one: Checked) -> dict[str, Any]:
    return {
        "schema": one.name,
        "state": one.state.value,
        "roll_out": one.order.value,
        "findings": [_finding_document(each) for each in one.findings],
    }


def _finding_document(one: Finding) -> dict[str, Any]:
    document = {
        "path": one.path,
        "rule": one.rule,
        "direction": one.direction.value,
        "breaks": one.direction.breaks,
        "says": one.says,
        "subscribers": [
            {"name": hit.subscriber, "relies_on": list(hit.relies_on)} for hit in one.hits
        ],
    }
    return document if one.example is NO_EXAMPLE else {**document, "example": one.example}
