"""`fanout reconcile`: compare, explain, and with `--repair --execute` mend."""

import random
from dataclasses import replace
from typing import Annotated

import typer

from fanout.aws import AwsTarget
from fanout.console import OUT, print_json
from fanout.dlq.options import Reveal, RunsDir, run_store
from fanout.dlq.stopping import Stopping
from fanout.errors import ExitCode, Found, WrongUse
from fanout.masking import mask_customer as mask
from fanout.reconcile.difference_store import DifferenceStore
from fanout.reconcile.drift_metric import put_drifted_rows
from fanout.reconcile.report import Report, print_report
from fanout.reconcile.session import Session, find_drift, open_session, repair_drift

GRACE_DEFAULT_SECONDS = 60.0
RATE_DEFAULT = 100.0


def reconcile(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(help="The subscriber, such as payments.")],
    *,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Compare about so many customers and rows.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Compare all; the default.")] = False,
    grace_seconds: Annotated[
        float,
        typer.Option(
            "--grace-seconds", min=0, help="How long a difference stands unchanged to be drift."
        ),
    ] = GRACE_DEFAULT_SECONDS,
    rate: Annotated[
        float, typer.Option(min=0, help="Read capacity units a second; 0: as fast as it goes.")
    ] = RATE_DEFAULT,
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="The subscriber's rule, to check its own attributes; none: don't.",
        ),
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FUNCTION", help="Reads a table that the kit doesn't write."),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Plan to mend what drifted.")] = False,
    execute: Annotated[bool, typer.Option("--execute", help="Send the repairs.")] = False,
    metric: Annotated[
        bool, typer.Option("--metric", help="Write the number of drifted rows to CloudWatch.")
    ] = False,
    reveal: Reveal = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Compare Accounts with a subscriber's table; tell what drifted, for how long, and why.

    Exit code 0 where every row agrees, or does after the repair; 1 where rows have drifted; 2 for a
    wrong call, 3 where AWS refuses, 130 when interrupted.
    """
    if full and sample is not None:
        raise WrongUse("--full and --sample exclude each other.")
    if execute and not repair:
        raise WrongUse("--execute is for --repair: comparing changes nothing.")
    target: AwsTarget = context.obj
    session = open_session(
        target, subscriber, rule=rule, adapter=adapter, rate=rate or None, repair=repair
    )
    with DifferenceStore() as differences, Stopping() as stopping:
        report = find_drift(
            session,
            differences,
            sample=sample,
            chance=random.SystemRandom(),
            grace_seconds=grace_seconds,
            stopping=stopping,
        )
        if stopping.asked():
            raise typer.Exit(ExitCode.INTERRUPTED)
        if metric:
            put_drifted_rows(
                target.client("cloudwatch"),
                report.drifted,
                deployment=target.prefix,
                subscriber=subscriber,
            )
        if repair and execute and report.drifted:
            store = run_store(target, runs_dir)
            report = repair_drift(
                session,
                differences,
                report,
                store=store,
                grace_seconds=grace_seconds,
                stopping=stopping,
            )
    if not reveal:
        examples = (replace(one, customer_id=mask(one.customer_id)) for one in report.examples)
        report = replace(report, examples=tuple(examples))
    _tell(session, report, as_json=as_json, planned=repair and not execute)


# Private functions


def _tell(session: Session, report: Report, *, as_json: bool, planned: bool) -> None:
    if as_json:
        print_json(report.to_document())
    else:
        print_report(report)
        if planned and report.drifted:
            OUT.print(
                f"{report.drifted:,} repairs would go to {session.subscriber.queue_url}. Nothing "
                "was sent. Add --execute to do it."
            )
    if not report.is_good:
        left = report.drifted if report.left is None else report.left
        raise Found(f"{left:,} rows of {report.subscriber} have drifted.")
