"""`fanout smoke`: the whole system on AWS under a random prefix, tried, and gone again."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json
from fanout.errors import Found, WrongUse
from fanout.local import runtime
from fanout.smoke.drills import DRILLS, run_drills
from fanout.smoke.questions import QUESTIONS, ask_all
from fanout.smoke.report import Report, print_report
from fanout.smoke.site import Site
from fanout.smoke.stack import deployed, random_prefix

PATIENCE_DEFAULT_SECONDS = 180.0


def smoke(
    context: typer.Context,
    *,
    local: Annotated[
        bool, typer.Option("--local", help="On the embedded AWS, as far as that goes.")
    ] = False,
    execute: Annotated[
        bool, typer.Option("--execute", help="Deploy on AWS; without, only the plan is shown.")
    ] = False,
    patience_seconds: Annotated[
        float, typer.Option("--patience-seconds", min=1, help="How long to await each thing.")
    ] = PATIENCE_DEFAULT_SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Deploy, drill, ask what the documentation leaves open, tear down, and tell.

    The stack, its bucket of packages and all that is in them are the command's own, under a random
    prefix; nothing else is touched. Exit code 0 where no drill failed (or the plan was shown), 1
    where one did, 2 for a wrong call, 3 where AWS refuses.
    """
    if local and execute:
        raise WrongUse("--execute is for AWS; --local needs none, it runs on this machine.")
    target: AwsTarget = replace(context.obj, prefix=random_prefix(), _clients={})
    if local:
        report = _on_the_embedded_aws(target, patience_seconds)
    elif execute:
        with deployed(target, _tell):
            report = _try_out(target, patience_seconds)
    else:
        _show_plan(target, as_json=as_json)
        return
    if as_json:
        print_json(report.to_document())
    else:
        print_report(report)
    if not report.is_good:
        failed = [one.drill for one in report.findings if one.good is False]
        raise Found(f"Failed: {', '.join(failed)}.")


# Private functions


def _try_out(
    target: AwsTarget, patience_seconds: float, *, environment: dict[str, str] | None = None
) -> Report:
    local = environment is not None
    with tempfile.TemporaryDirectory(prefix="fanout-smoke-") as journals:
        site = Site.find(
            target,
            patience_seconds=patience_seconds,
            local=local,
            environment={"XDG_STATE_HOME": journals, **(environment or {})},
        )
        return Report(
            prefix=target.prefix,
            local=local,
            findings=run_drills(site, _tell),
            answers=ask_all(site, _tell),
        )


def _on_the_embedded_aws(target: AwsTarget, patience_seconds: float) -> Report:
    if target.endpoint_url is not None or target.profile is not None:
        raise WrongUse("--local brings its own AWS: leave --endpoint-url and --profile out.")
    with (
        tempfile.TemporaryDirectory(prefix="fanout-smoke-") as folder,
        runtime.running(
            Path(folder) / "state",
            prefix=target.prefix,
            region=target.region or runtime.DEFAULT_REGION,
            progress=_tell,
        ) as deployment,
    ):
        return _try_out(deployment.target(), patience_seconds, environment=deployment.environment())


def _show_plan(target: AwsTarget, *, as_json: bool) -> None:
    plan = {
        "prefix": target.prefix,
        "creates": [f"stack {target.prefix}", f"bucket {target.prefix}-packages-ACCOUNT"],
        "drills": list(DRILLS),
        "questions": [one.question for one in QUESTIONS if one.ask is not None],
        "deletes": "what it creates; the key after 7 days",
    }
    if as_json:
        print_json(plan)
        return
    for name, value in plan.items():
        OUT.print(f"{name}: {', '.join(value) if isinstance(value, list) else value}", markup=False)
    ERR.print("Nothing was deployed. Add --execute to do it, or --local to try it here.")


def _tell(step: str) -> None:
    ERR.print(f"{step} …", style="dim", markup=False)
