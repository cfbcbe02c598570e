"""`fanout backfill`: the plan, and with `--execute` the scan."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from fanout.aws import AwsTarget
from fanout.backfill.accounts_table import AccountsTable
from fanout.backfill.checkpoints import Checkpoints, Tally
from fanout.backfill.depth_bound import DepthBound
from fanout.backfill.pace import CapacityPace
from fanout.backfill.plan import Plan, make_plan, print_plan
from fanout.backfill.reading import nothing_matches
from fanout.backfill.seeding import Scope, Seeding
from fanout.backfill.snapshot_queue import SnapshotQueue
from fanout.console import ERR, OUT, print_json, progress
from fanout.dlq.options import Reveal, RunsDir, run_store
from fanout.dlq.sqs_queues import SqsQueue
from fanout.dlq.stopping import Stopping
from fanout.errors import ExitCode, Found, WrongUse
from fanout.masking import mask_customer as mask
from fanout.runs.operator import find_operator
from fanout.runs.run import Run
from fanout.runs.store import RunStore

COMMAND = "backfill"
SEGMENTS_DEFAULT = 4
SEGMENTS_MAX = 64
RATE_DEFAULT = 100.0
PAGE_SIZE_DEFAULT = 500
DEPTH_MAX_DEFAULT = 10_000


def backfill(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(help="The subscriber, such as payments.")],
    *,
    segments: Annotated[
        int, typer.Option(min=1, max=SEGMENTS_MAX, help="Parts of the table, read side by side.")
    ] = SEGMENTS_DEFAULT,
    rate: Annotated[
        float, typer.Option(min=0, help="Read capacity units a second; 0: as fast as it goes.")
    ] = RATE_DEFAULT,
    page_size: Annotated[
        int, typer.Option(min=1, max=10_000, help="Items read at a time; a kill repeats so many.")
    ] = PAGE_SIZE_DEFAULT,
    max_depth: Annotated[
        int,
        typer.Option(
            min=0, help="Pause while more messages than this wait in the queue; 0: never."
        ),
    ] = DEPTH_MAX_DEFAULT,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Don't wait for a new subscription to be in force.")
    ] = False,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run: its id, or `last`.")
    ] = None,
    execute: Annotated[bool, typer.Option("--execute", help="Do it; else only the plan.")] = False,
    reveal: Reveal = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Send today's state of every customer to one subscriber's queue, and to nobody else's.

    Exit code 0 when done, 1 where items of Accounts can't be read as a customer, 2 for a wrong
    call, 3 where AWS refuses, 130 when interrupted; what is left is then done with --resume.
    """
    target: AwsTarget = context.obj
    store = run_store(target, runs_dir)
    if resume is not None:
        segments = _segments_of(store, resume)
    plan = make_plan(
        target,
        subscriber,
        segments=segments,
        page_size=page_size,
        units_per_second=rate or None,
        depth_max=max_depth or None,
        wait=not no_wait,
    )
    if not as_json:
        print_plan(plan)
    if not execute:
        _stop_at_plan(plan, as_json=as_json)
        return
    with _run(target, store, plan, resume) as run, Stopping() as stopping:
        if not _await_settling(plan, stopping):
            raise typer.Exit(ExitCode.INTERRUPTED)
        tally, finished = _seed(target, plan, run, stopping)
        run_id = run.run_id
    if not reveal:
        named = (one.rpartition(": ") for one in tally.examples)
        tally = replace(tally, examples=tuple(f"{mask(one)}: {code}" for one, _, code in named))
    _tell(tally, run_id=run_id, finished=finished, as_json=as_json)
    if tally.scanned and not (tally.sent or tally.not_followed):
        raise Found(nothing_matches(plan.publisher, tally.scanned))


# Private functions


def _stop_at_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        print_json({"executed": False, **plan.to_document()})
    else:
        OUT.print("Nothing was sent. Add --execute to do it.")


def _segments_of(store: RunStore, name: str) -> int:
    header = store.find(name).header
    found = header.fields if header is not None else {}
    if found.get("command") != COMMAND:
        raise WrongUse(f"Run {name!r} is no backfill: name one that is.")
    return int(found["options"]["segments"])


def _run(target: AwsTarget, store: RunStore, plan: Plan, resume: str | None) -> Run:
    """A new run, or the one to go on with; its segments are known when this returns."""
    operator = find_operator(target)
    subject = {"prefix": target.prefix, **plan.subject()}
    if resume is None:
        run = store.create(
            COMMAND, subject=subject, options={"segments": plan.segments}, operator=operator
        )
    else:
        run = store.open(resume)
        if run.header["subject"] != subject:
            run.close()
            raise WrongUse(
                f"Run {run.run_id} was made for another queue, table or filter than there is now: "
                "start a new one, without --resume."
            )
    if not run.is_frozen:
        Checkpoints(run).create(plan.segments, now=datetime.now(UTC))
    run.start(operator)
    ERR.print(f"[dim]run {run.run_id}[/]")
    return run


def _await_settling(plan: Plan, stopping: Stopping) -> bool:
    """Wait until the subscription is in force; False where asked to stop."""
    end = time.monotonic() + plan.wait_seconds
    with progress() as bars:
        task = bars.add_task("waiting", total=round(plan.wait_seconds))
        while not stopping.asked() and (left := end - time.monotonic()) > 0:
            bars.update(task, completed=round(plan.wait_seconds - left))
            stopping.wait(min(1.0, left))
    return not stopping.asked()


def _seed(target: AwsTarget, plan: Plan, run: Run, stopping: Stopping) -> tuple[Tally, bool]:
    """Scan; returns what became of the items, and whether it is all of them."""
    url, name = plan.subscriber.queue_url, plan.subscriber.name
    checkpoints = Checkpoints(run)
    queue = SqsQueue(target.client("sqs"), url, what=f"the queue of {name}")
    with progress() as bars:
        done = sum(place.tally.scanned for place in checkpoints.places())
        task = bars.add_task("customers", total=plan.accounts.item_count, completed=done)
        seeding = Seeding(
            accounts=AccountsTable(target.client("dynamodb"), plan.accounts, plan.reader),
            queue=SnapshotQueue(queue, fifo=url.endswith(".fifo")),
            checkpoints=checkpoints,
            scope=Scope(
                source=plan.publisher.source, followed=plan.followed, page_size=plan.page_size
            ),
            pace=CapacityPace(plan.units_per_second),
            bound=_depth_bound(queue, plan),
            stopping=stopping,
            progress=lambda count: bars.advance(task, count),
        )
        try:
            tally = seeding.run()
        except BaseException as error:
            run.pause(type(error).__name__)
            ERR.print(f"Go on with: fanout backfill {name} --execute --resume {run.run_id}")
            raise
    finished = all(place.finished for place in checkpoints.places())
    if finished:
        run.finish()
    else:
        run.pause("interrupted")
    return tally, finished


def _depth_bound(queue: SqsQueue, plan: Plan) -> DepthBound:
    def waiting() -> int:
        depth = queue.facts().depth
        return depth.visible + depth.delayed

    def holding(depth: int) -> None:
        ERR.print(
            f"{depth:,} messages wait in the queue: pausing whenever it is more than "
            f"{plan.depth_max:,}, so that live changes get their turn."
        )

    return DepthBound(waiting, plan.depth_max, page_size=plan.page_size, holding=holding)


def _tell(tally: Tally, *, run_id: str, finished: bool, as_json: bool) -> None:
    document: dict[str, Any] = {"executed": True, "run_id": run_id, "finished": finished}
    if as_json:
        print_json({**document, **tally.to_document()})
    else:
        OUT.print(
            f"{tally.sent:,} snapshots sent of {tally.scanned:,} items; "
            f"{tally.not_followed:,} are of no status that it follows."
        )
    if not finished:
        ERR.print(f"Stopped. Go on with: --execute --resume {run_id}")
        raise typer.Exit(ExitCode.INTERRUPTED)
    if tally.unreadable:
        counts = ", ".join(f"{count:,} {code}" for code, count in tally.unreadable.items())
        raise Found(
            f"Items of Accounts that can't become a snapshot, as they can't become an event: "
            f"{counts}; such as {'; '.join(tally.examples[:3])}."
        )
