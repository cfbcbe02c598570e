"""`fanout doctor`: the deployment against the rules, each finding with its harm and its fix."""

from dataclasses import asdict

import typer
from rich.markup import escape

from fanout.console import OUT, print_json
from fanout.errors import ExitCode
from fanout.runs.options import Check, Json
from fanout.watch import findings as findings_module
from sentinel.examination import examine
from sentinel.findings import Asking, Severity


def doctor(context: typer.Context, *, check: Check = False, as_json: Json = False) -> None:
    """Check how everything is set up, against what has to be so that nothing is lost.

    Changes nothing. Asks IAM what the functions' roles may do.
    Exit code 0; with --check 1 where something is wrong; 2 where nothing is deployed.
    """
    found = examine(context.obj, Asking())
    if as_json:
        print_json({"findings": [asdict(finding) for finding in found]})
    else:
        prefix = escape(context.obj.prefix)
        OUT.print(f"[bold]{prefix}[/]: {findings_module.verdict(found)}")
        findings_module.show(found)
        if context.obj.is_embedded:
            OUT.print("Alarms are not available here.", style="dim")
    if check and any(each.severity is Severity.WRONG for each in found):
        raise typer.Exit(int(ExitCode.FOUND))
