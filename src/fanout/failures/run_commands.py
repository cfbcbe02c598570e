"""`fanout publisher failures recover`, `discard`, `resume` and `report`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from fanout.aws import AwsTarget
from fanout.console import ERR, print_json, working
from fanout.dlq import options
from fanout.errors import Found, WrongUse
from fanout.failures import discarding, streams
from fanout.failures.carrying_out import (
    DISCARD,
    RECOVER,
    carry_out,
    named_range,
    plan_document,
    print_report,
    show_plan,
    tell_result,
)
from fanout.failures.deployment import Deployment, find_deployment
from fanout.failures.endings import WELL_ENDS
from fanout.failures.freeze import Candidate, Wanted, freeze
from fanout.failures.range_option import stream_range
from fanout.runs.operator import find_operator
from fanout.runs.report import make_report
from fanout.runs.run import Run
from fanout.runs.s3_copy import copy_for
from fanout.runs.store import RunStore

Reason = Annotated[
    str | None, typer.Option(help="Only this cause: a parked reason, or Lambda's condition.")
]
Key = Annotated[str | None, typer.Option("--key", help="Only the object of this key.")]
Customer = Annotated[str | None, typer.Option(help="Only objects with a record of this customer.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Select so many objects at most.")]
Execute = Annotated[bool, typer.Option("--execute", help="Do it; without, only the plan is shown.")]


def recover(
    context: typer.Context,
    *,
    reason: Reason = None,
    key: Key = None,
    customer: Customer = None,
    limit: Limit = None,
    from_stream: Annotated[
        bool,
        typer.Option("--from-stream", help="Read records again where only their range is known."),
    ] = False,
    shard: Annotated[
        str | None, typer.Option(help="With --from-stream: this shard's range, and nothing else.")
    ] = None,
    from_sequence: Annotated[
        str | None, typer.Option(help="The range's first sequence number.")
    ] = None,
    to_sequence: Annotated[
        str | None, typer.Option(help="The range's last sequence number.")
    ] = None,
    even_if_earlier_stream: Annotated[
        bool,
        typer.Option(
            "--even-if-earlier-stream",
            help="Also records of a stream before today's: only if the same version counter goes "
            "on, and no epoch was raised since.",
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate", min=0.01, help="Records a second, each published once for each version."
        ),
    ] = None,
    execute: Execute = False,
    runs_dir: options.RunsDir = None,
    journal: options.JournalCopy = None,
    as_json: options.Json = False,
) -> None:
    """Publish again what the publisher or Lambda gave up: plan first, and with --execute do it.

    The same event ids, each customer's changes in order, through the deployed publisher function.
    Exit code 0: all ended well (or the plan was shown); 1: some did not, or are left; 2: wrong use;
    3: refused by AWS, or another operator is at it; 130: interrupted, safely.
    """
    deployment = find_deployment(context.obj)
    named = stream_range(deployment, shard, from_sequence, to_sequence, from_stream=from_stream)
    how = {
        "wanted": Wanted(reason=reason, key=key, customer=customer).to_document(),
        "limit": limit,
        "from_stream": from_stream,
        "even_if_earlier_stream": even_if_earlier_stream,
        "rate": rate,
        "range": named and {**asdict(named), "arrived_at": None},
        "journal": journal,
        "execute": execute,
    }
    store = options.run_store(context.obj, runs_dir)
    _begin(deployment, store, RECOVER, how, as_json=as_json)


def discard(
    context: typer.Context,
    *,
    because: Annotated[str, typer.Option("--reason", help="Why, for the journal.")],
    cause: Annotated[
        str | None, typer.Option("--cause", help="Only this parked reason, such as UnknownStatus.")
    ] = None,
    key: Key = None,
    customer: Customer = None,
    limit: Limit = None,
    even_if_current: Annotated[
        bool,
        typer.Option("--even-if-current", help="Also what no later change has superseded."),
    ] = False,
    execute: Execute = False,
    runs_dir: options.RunsDir = None,
    journal: options.JournalCopy = None,
    as_json: options.Json = False,
) -> None:
    """Move parked records that a later change has superseded to discarded/; nothing is deleted.

    Exit codes as of `recover`.
    """
    if not because.strip():
        raise WrongUse("--reason is empty: say why, for the journal.")
    how = {
        "wanted": Wanted(reason=cause, key=key, customer=customer).to_document(),
        "limit": limit,
        "because": because,
        "even_if_current": even_if_current,
        "from_stream": False,
        "journal": journal,
        "execute": execute,
    }
    store = options.run_store(context.obj, runs_dir)
    _begin(find_deployment(context.obj), store, DISCARD, how, as_json=as_json)


def resume(
    context: typer.Context,
    run: options.RunName,
    *,
    execute: Annotated[
        bool, typer.Option("--execute", help="Begin a run that was only planned so far.")
    ] = False,
    runs_dir: options.RunsDir = None,
    as_json: options.Json = False,
) -> None:
    """Go on with a run after a crash, an interruption or a stop; or begin one that was planned.

    What was begun with --execute goes on without it. Exit codes as of the run's own command.
    """
    target: AwsTarget = context.obj
    store = options.run_store(target, runs_dir)
    found = store.find(run)
    assert found.header is not None, "find leaves out what has no header"
    command = found.header.fields["command"]
    if command not in {RECOVER, DISCARD}:
        raise WrongUse(f"{found.run_id} is a run of `fanout {command}`: resume it there.")
    deployment = find_deployment(target)
    deployment.require_same(found.header.fields["subject"])
    copy_to = copy_for(target, found.header.fields["options"].get("journal"), _warn)
    with store.open(found.run_id, copy_to=copy_to) as opened:
        _carry_on(deployment, store, opened, execute=execute, as_json=as_json)


def report(
    context: typer.Context,
    run: options.RunName,
    *,
    runs_dir: options.RunsDir = None,
    as_json: options.Json = False,
) -> None:
    """Tell what became of each selected object. Exit code 0 where all ended well, 1 where not."""
    found = make_report(options.run_store(context.obj, runs_dir).records(run))
    if as_json:
        print_json(found.to_document())
    else:
        print_report(found)
    if any(fate not in WELL_ENDS for fate in found.fates):
        raise typer.Exit(1)


# Private functions


def _begin(
    deployment: Deployment, store: RunStore, command: str, how: dict[str, Any], *, as_json: bool
) -> None:
    target = deployment.target
    with store.create(
        command,
        subject=deployment.subject(),
        options=how,
        operator=find_operator(target),
        copy_to=copy_for(target, how["journal"], _warn),
    ) as run:
        _carry_on(deployment, store, run, execute=False, as_json=as_json)


def _carry_on(
    deployment: Deployment, store: RunStore, run: Run, *, execute: bool, as_json: bool
) -> None:
    """Select where that was not done, show the plan, and carry it out if that is wanted."""
    if not run.is_frozen:
        _select(deployment, run)
    if not run.ledger.count():
        _nothing_selected(run, as_json=as_json)
    going = execute or run.was_started or run.options["execute"]
    plan = plan_document(run)
    if not as_json:
        show_plan(plan, execute=going)
    if not going:
        if as_json:
            print_json(plan)
        return
    result = carry_out(deployment, run, find_operator(deployment.target))
    tell_result(result, run.run_id, store, as_json=as_json)


def _nothing_selected(run: Run, *, as_json: bool) -> None:
    """Leave no journal. Raises: Found; typer.Exit with 0 where nothing was asked for but all."""
    run.drop()
    for remark in run.left_out:
        _warn(remark)
    if as_json:
        print_json({"run_id": None, "selected": 0, "left_out": run.left_out})
    sentence = "Nothing is selected: `fanout publisher failures list` shows what there is."
    asked = [run.options.get("range"), *run.options["wanted"].values()]
    if run.left_out or any(asked):
        raise Found(sentence)
    _warn(sentence)
    raise typer.Exit


def _select(deployment: Deployment, run: Run) -> None:
    def is_meant(candidate: Candidate) -> str:
        if run.header["command"] == RECOVER:
            if run.options.get("even_if_earlier_stream"):
                return ""
            return streams.why_earlier(candidate.records, deployment.publisher.stream_arn)
        if run.options["even_if_current"]:
            return ""
        return discarding.why_not(candidate, deployment.rules, deployment.item_now)

    with working("reading the failure store") as read:
        freeze(
            run,
            deployment.loading(named=named_range(run), from_stream=run.options["from_stream"]),
            Wanted(**run.options["wanted"]),
            deployment.rules,
            limit=run.options["limit"],
            is_meant=is_meant,
            progress=read,
        )


def _warn(sentence: str) -> None:
    ERR.print(f"[yellow]{escape(sentence)}[/]")
