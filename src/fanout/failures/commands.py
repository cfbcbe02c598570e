"""`fanout publisher failures …`: the commands of the group, each from the module that holds it."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from customer_events.instants import to_wire
from fanout.aws import AwsTarget, sentence_for
from fanout.console import ERR, OUT, print_json, table, working
from fanout.errors import CommandError, ExitCode, Found, Refused, WrongUse
from fanout.failures import recover as recover_module
from fanout.failures.records import Failure, Kind, Record, StreamRange, customer_of, forecast
from fanout.failures.recover import (
    DISCARDED,
    GONE,
    MEANINGS,
    OPEN,
    RECOVERED,
    WELL_ENDS,
    Mover,
    PublisherFunction,
    Recovery,
    lambda_client,
    select,
    why_not_discard,
)
from fanout.failures.store import Deployment, find_deployment, stream_range
from fanout.runs.lock import Locks
from fanout.runs.options import JournalCopy, Json, Reveal, RunName, RunsDir, run_store
from fanout.runs.pace import Pace, Stopping
from fanout.runs.report import Report, make_report
from fanout.runs.s3_copy import copy_for
from fanout.runs.store import Operator, Run, RunStore, StoredRun, find_operator
from fanout.text import mask_record, moment
from publisher import reasons
from publisher.stream_records import StreamRecord
from publisher.transitions import TableRules

# The failure store counted by cause, in little memory


_CUSTOMERS_MAX = 100_000
_KEYS_SHOWN = 3


@dataclasses.dataclass(slots=True, kw_only=True)
class Group:
    """Objects with one cause.

    `publish`, `ignore` and `refuse` count records by what would become of them now; `ranges` are
    objects without records, of which only the place in the stream is known.
    """

    kind: Kind
    reason: str
    field: str
    objects: int = 0
    records: int = 0
    publish: int = 0
    ignore: int = 0
    refuse: int = 0
    ranges: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    keys: list[str] = dataclasses.field(default_factory=list)
    _customers: set[bytes] = dataclasses.field(default_factory=set)

    @property
    def customers(self) -> int:
        """How many are hit; it stops at 100,000."""
        return len(self._customers)

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `keys` names a few of the objects."""
        return {
            "kind": self.kind.value,
            "reason": self.reason,
            "field": self.field,
            "objects": self.objects,
            "records": self.records,
            "customers": self.customers,
            "would_publish": self.publish,
            "would_ignore": self.ignore,
            "would_refuse": self.refuse,
            "without_records": self.ranges,
            "first_at": self.first_at and to_wire(self.first_at),
            "last_at": self.last_at and to_wire(self.last_at),
            "keys": self.keys,
        }

    def add(self, failure: Failure, rules: TableRules) -> None:
        """Count one more object."""
        self.objects += 1
        if len(self.keys) < _KEYS_SHOWN:
            self.keys.append(failure.key)
        if failure.at is not None:
            self.first_at = min(self.first_at or failure.at, failure.at)
            self.last_at = max(self.last_at or failure.at, failure.at)
        if failure.records is None:
            self.ranges += failure.stream_range is not None
            return
        would = Counter(forecast(record, rules).would for record in failure.records)
        self.records += len(failure.records)
        self.publish += would["publish"]
        self.ignore += would["ignore"]
        self.refuse += would["refuse"]
        for record in failure.records:
            customer = customer_of(record, rules.customer_id_attribute)
            if customer is not None and len(self._customers) < _CUSTOMERS_MAX:
                self._customers.add(sha256(customer.encode()).digest()[:8])


def by_cause(failures: Iterable[Failure], rules: TableRules) -> list[Group]:
    """The groups, the largest first."""
    groups: dict[tuple[Kind, str, str], Group] = {}
    for one in failures:
        name = (one.kind, one.reason, one.field)
        group = groups.get(name)
        if group is None:
            group = groups[name] = Group(kind=one.kind, reason=one.reason, field=one.field)
        group.add(one, rules)
    return sorted(groups.values(), key=lambda one: (-one.objects, one.reason))


# `fanout publisher failures list` and `show`


RECORDS_SHOWN = 20
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def list_failures(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """Count what lies in the publisher's failure store, by cause.

    Exit code 0 where it is empty, 1 where it is not, 2 where nothing is deployed, 3 refused by AWS.
    """
    deployment = find_deployment(context.obj)
    with working("reading the failure store"):
        groups = by_cause(deployment.store.failures(), deployment.rules)
    if as_json:
        bucket = deployment.publisher.failure_bucket
        print_json({"failure_bucket": bucket, "groups": [one.to_document() for one in groups]})
    else:
        _print_groups(deployment, groups)
    if groups:
        raise typer.Exit(1)


def show(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The object's key, as `list` names some.")],
    *,
    reveal: Reveal = False,
    from_stream: Annotated[
        bool, typer.Option("--from-stream", help="Read a range's records again from the stream.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one object with its records, and what would become of each now. Exit code 0."""
    deployment = find_deployment(context.obj)
    failure = deployment.store.read(key)
    if failure is None:
        raise WrongUse(f"No {key!r} in {deployment.publisher.failure_bucket}: see `list`.")
    document = _document(deployment, failure, reveal=reveal, from_stream=from_stream)
    if as_json:
        print_json(document)
        return
    rows = table(escape(key), "", "")
    rows.show_header = False
    for name, value in document.items():
        if name not in {"key", "shown"} and value not in (None, ""):
            rows.add_row(name.replace("_", " "), escape(str(value)))
    OUT.print(rows)
    for one in document["shown"]:
        OUT.print(json.dumps(one, indent=2, ensure_ascii=False), markup=False)
    if not reveal:
        ERR.print("[dim]Personal values are masked; --reveal shows them.[/]")


def _print_groups(deployment: Deployment, groups: list[Group]) -> None:
    columns = ("cause", "by", "objects", "records", "customers", "from (UTC)", "to", "now")
    rows = table(f"Failure store {deployment.publisher.failure_bucket}", *columns)
    for one in groups:
        rows.add_row(
            f"[yellow]{escape(one.reason)}[/]" + (f"\n{escape(one.field)}" if one.field else ""),
            "publisher" if one.kind == "parked" else "Lambda",
            f"{one.objects:,}",
            f"{one.records:,}",
            f"{one.customers:,}",
            moment(one.first_at)[5:16],
            moment(one.last_at)[5:16],
            _now(one),
        )
    OUT.print(rows)
    for one in groups:
        OUT.print(f"  [bold]{escape(one.reason)}[/]  {escape(_advice(one))}")
        OUT.print(f"    {escape(one.keys[0])}", style="dim")


def _now(group: Group) -> str:
    parts = [
        f"[green]{group.publish:,} would be published[/]" if group.publish else "",
        f"{group.ignore:,} hold no change" if group.ignore else "",
        f"[red]{group.refuse:,} would be refused[/]" if group.refuse else "",
        f"[yellow]{group.ranges:,} known by range only[/]" if group.ranges else "",
    ]
    return "\n".join(part for part in parts if part) or "-"


def _advice(group: Group) -> str:
    """What to do: the reason's own words, or what a batch needs."""
    known = getattr(reasons, group.reason, None)
    if isinstance(known, type) and issubclass(known, reasons.BadRecord):
        return (known.__doc__ or "").strip()
    if group.ranges:
        return "Only its place in the stream is known: recover --from-stream, within 24 hours."
    if group.kind == "batch":
        return "Lambda gave these batches up: mend the bus, then recover."
    return "Look at one with `show`."


def _document(
    deployment: Deployment, failure: Failure, *, reveal: bool, from_stream: bool
) -> dict[str, Any]:
    records: Sequence[Record] = ()
    why = ""
    try:
        records = deployment.loader(from_stream=from_stream).records_of(failure)
    except Refused as refusal:
        why = str(refusal)
    where = failure.stream_range
    hours = where and where.hours_left(datetime.now(UTC))
    return {
        "key": failure.key,
        "kind": failure.kind.value,
        "reason": failure.reason,
        "field": failure.field,
        "expected": failure.expected,
        "at": failure.at and to_wire(failure.at),
        "stream_arn": where and where.stream_arn,
        "shard_id": where and where.shard_id,
        "from_sequence": where and where.first,
        "to_sequence": where and where.last,
        "stream_keeps_it": None if hours is None else f"{hours:.1f} hours left",
        "records": len(records),
        "why_no_records": why,
        "masked": not reveal,
        "shown": [
            _record(deployment, one, reveal=reveal) for one in islice(records, RECORDS_SHOWN)
        ],
    }


def _record(deployment: Deployment, record: Record, *, reveal: bool) -> dict[str, Any]:
    found = forecast(record, deployment.rules)
    return {
        "record_id": StreamRecord(record).record_id,
        "would": found.would,
        "reason": found.reason,
        "field": found.field,
        "expected": found.expected,
        "record": record if reveal else mask_record(record, deployment.rules),
    }


# A stretch of work on a run: its lock, its signals, its end in the journal


LOCK = "publisher.failures"
"""A name that no subscriber has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a stretch of work ended: an exit code, and a sentence that says why."""

    exit_code: ExitCode
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What the work is given: when to stop, what to call before each batch, and how to wait."""

    stop: Callable[[], bool]
    wait: Callable[[float], None]
    keep_lock: Callable[[], None]


@contextmanager
def stretch(
    target: AwsTarget, run: Run, operator: Operator, tell: Callable[[str], None]
) -> Iterator[Stretch]:
    """Hold the lock and mark the beginning; where the work raises, the journal says why.

    Raises:
        Refused: somebody else holds the lock.
    """
    locks = Locks(target.client("ssm"), target.prefix)

    def say(sentence: str) -> None:
        run.note(sentence)
        tell(sentence)

    with (
        Stopping() as stopping,
        locks.hold(LOCK, operator=operator, run_id=run.run_id, tell=say) as lock,
    ):
        run.start(operator)
        try:
            yield Stretch(stop=stopping.asked, wait=stopping.wait, keep_lock=lock.keep)
        except BaseException as error:
            run.pause(_why(error))
            raise


def conclude(run: Run, *, stuck_for: str, was_stopped: bool) -> Result:
    """Judge what the run has come to, and close the stretch in the journal."""
    result = _judge(run, stuck_for=stuck_for, was_stopped=was_stopped)
    if run.ledger.count(*OPEN):
        run.pause(result.sentence)
    else:
        run.finish()
    return result


def _judge(run: Run, *, stuck_for: str, was_stopped: bool) -> Result:
    left = run.ledger.count(*OPEN)
    badly = sum(one.count for one in run.ledger.tallies() if one.end and one.end not in WELL_ENDS)
    if was_stopped and left:
        return Result(
            exit_code=ExitCode.INTERRUPTED, sentence=f"Interrupted, with {left:,} objects left."
        )
    if stuck_for:
        return Result(
            exit_code=ExitCode.FOUND,
            sentence=f"Stopped, since the publisher could publish nothing ({stuck_for}), with "
            f"{left:,} objects left: mend the bus, then resume.",
        )
    if left or badly:
        return Result(
            exit_code=ExitCode.FOUND,
            sentence=f"{badly:,} objects did not end well, and {left:,} are left to do.",
        )
    return Result(exit_code=ExitCode.DONE, sentence="Every selected object ended well.")


def _why(error: BaseException) -> str:
    if isinstance(error, ClientError | BotoCoreError):
        return sentence_for(error)
    if isinstance(error, CommandError):
        return str(error)
    return "Interrupted." if isinstance(error, KeyboardInterrupt) else type(error).__name__


# Show the plan of a frozen run, carry it out, and tell what it came to


RECOVER = "publisher failures recover"
DISCARD = "publisher failures discard"
_PAGE = 100


def plan_document(run: Run) -> dict[str, Any]:
    """What a run is going to do, as one JSON object; records are counted by what is expected."""
    groups: dict[tuple[str, str], dict[str, int]] = {}
    totals = dict.fromkeys(("records", "publish", "ignore", "refuse"), 0)
    for item in run.ledger.items(*OPEN):
        name = (str(item.facts["reason"]), str(item.facts["refused_for"]))
        group = groups.setdefault(name, dict.fromkeys(("objects", *totals), 0))
        group["objects"] += 1
        for count in totals:
            group[count] += int(item.facts[count])
            totals[count] += int(item.facts[count])
    return {
        "run_id": run.run_id,
        "command": run.header["command"],
        "subject": dict(run.header["subject"]),
        "options": dict(run.options),
        "cut_off": run.cut_off and to_wire(run.cut_off),
        "selected": run.ledger.count(),
        "to_do": run.ledger.count(*OPEN),
        **totals,
        "groups": [
            {"reason": reason, "would_be_refused_for": refused, **counts}
            for (reason, refused), counts in sorted(groups.items())
        ],
        "left_out": list(run.left_out),
    }


def show_plan(plan: dict[str, Any], *, execute: bool) -> None:
    """Print the plan for a person."""
    title = f"Plan of {plan['run_id']}: {plan['to_do']:,} objects, {plan['records']:,} records"
    rows = table(title, "objects", "records", "cause", "now")
    for one in plan["groups"]:
        refused = f"{one['refuse']:,} would be refused again: {one['would_be_refused_for']}"
        rows.add_row(
            f"{one['objects']:,}",
            f"{one['records']:,}",
            escape(one["reason"]),
            escape(f"{one['publish']:,} publish, {one['ignore']:,} no change")
            + (f"\n[red]{escape(refused)}[/]" if one["refuse"] else ""),
        )
    OUT.print(rows)
    if plan["refuse"] and plan["command"] == RECOVER:
        ERR.print(
            f"[yellow]{plan['refuse']:,} records would be refused again, unless the deployed "
            "publisher knows better. A stream record can't be edited: write the item anew in "
            "Accounts, then `discard` what that supersedes.[/]"
        )
    if rate := plan["options"].get("rate"):
        ERR.print(f"At {rate:g} records a second at most.")
    for remark in plan["left_out"]:
        ERR.print(f"[yellow]{escape(remark)}[/]")
    if not execute:
        ERR.print(
            "Nothing was changed. To do it, with this very selection: "
            f"[bold]fanout publisher failures resume {plan['run_id']} --execute[/]"
        )


def carry_out(deployment: Deployment, run: Run, operator: Operator) -> Result:
    """Work on a run, with a bar and sentences on standard error.

    Raises:
        CommandError: somebody else is at it, or the function can't report outcomes.
    """
    work = _discard if run.header["command"] == DISCARD else _recover
    return work(deployment, run, operator)


def tell_result(result: Result, run_id: str, store: RunStore, *, as_json: bool) -> None:
    """Print what the run has come to, and exit with the result's code.

    Raises:
        typer.Exit: unless everything ended well.
    """
    report = make_report(store.records(run_id))
    if as_json:
        print_json(report.to_document() | {"exit_code": int(result.exit_code)})
    else:
        print_report(report)
        colour = "green" if result.exit_code is ExitCode.DONE else "bold yellow"
        OUT.print(f"[{colour}]{escape(result.sentence)}[/]")
    if result.exit_code is not ExitCode.DONE:
        if report.status != "finished":
            ERR.print(f"To go on: [bold]fanout publisher failures resume {run_id}[/]")
        raise typer.Exit(int(result.exit_code))


def print_report(report: Report) -> None:
    """Print what became of every selected object: the counts add up to the selection."""
    rows = table(f"{report.header['run_id']}: {report.status}", "fate", "objects", "")
    for name, count in report.fates.items():
        colour = "green" if name in WELL_ENDS else "yellow"
        rows.add_row(f"[{colour}]{escape(name)}[/]", f"{count:,}", escape(MEANINGS.get(name, "")))
    rows.add_section()
    rows.add_row("all", f"{sum(report.fates.values()):,}", f"of {report.selected:,} selected")
    if report.perhaps_twice:
        rows.caption = (
            f"{report.perhaps_twice:,} may have been published twice (a call's end was unknown "
            "after a crash): the same event ids make the second a DUPLICATE."
        )
        rows.caption_justify = "left"
    OUT.print(rows)


def named_range(run: Run) -> StreamRange | None:
    """The range of the stream that a run's options name."""
    found = run.options.get("range")
    return StreamRange(**found) if found else None


def _recover(deployment: Deployment, run: Run, operator: Operator) -> Result:
    function = PublisherFunction(
        client=lambda_client(deployment.target), function_name=deployment.publisher.function_name
    )
    function.require_reporting()
    loader = deployment.loader(named=named_range(run), from_stream=run.options["from_stream"])
    with (
        stretch(deployment.target, run, operator, _tell) as at_work,
        working("recovering", run.ledger.count(*OPEN)) as advance,
    ):
        recovery = Recovery(
            run=run,
            load=loader.load,
            function=function,
            mover=Mover(
                run=run,
                store=deployment.store,
                folder="recovered",
                end=RECOVERED,
                end_if_missing=RECOVERED,  # published, and moved by somebody else
            ),
            id_attribute=deployment.rules.customer_id_attribute,
            keep_lock=at_work.keep_lock,
            stop=at_work.stop,
            advance=advance,
            pace=Pace(run.options.get("rate"), wait=at_work.wait),
        )
        recovery.work()
        return conclude(run, stuck_for=recovery.stuck_for, was_stopped=at_work.stop())


def _discard(deployment: Deployment, run: Run, operator: Operator) -> Result:
    mover = Mover(
        run=run,
        store=deployment.store,
        folder="discarded",
        end=DISCARDED,
        end_if_missing=GONE,
        why=run.options["because"],
    )
    with (
        stretch(deployment.target, run, operator, _tell) as at_work,
        working("discarding", run.ledger.count(*OPEN)) as advance,
    ):
        items = run.ledger.items(*OPEN)
        while (page := list(islice(items, _PAGE))) and not at_work.stop():
            at_work.keep_lock()
            mover.move(page)
            advance(len(page))
        return conclude(run, stuck_for="", was_stopped=at_work.stop())


def _tell(sentence: str) -> None:
    ERR.print(escape(sentence))


# `fanout publisher failures recover`, `discard`, `resume` and `report`


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
    runs_dir: RunsDir = None,
    journal: JournalCopy = None,
    as_json: Json = False,
) -> None:
    """Publish again what the publisher or Lambda gave up: plan first, and with --execute do it.

    The same event ids, each customer's changes in order, through the deployed publisher function.
    Exit code 0: all ended well (or the plan was shown); 1: some did not, or are left; 2: wrong use;
    3: refused by AWS, or another operator is at it; 130: interrupted, safely.
    """
    deployment = find_deployment(context.obj)
    stream_arn = deployment.publisher.stream_arn
    named = stream_range(stream_arn, shard, from_sequence, to_sequence, from_stream=from_stream)
    how = {
        "wanted": {"reason": reason, "key": key, "customer": customer},
        "limit": limit,
        "from_stream": from_stream,
        "even_if_earlier_stream": even_if_earlier_stream,
        "rate": rate,
        "range": named and {**asdict(named), "arrived_at": None},
        "journal": journal,
        "execute": execute,
    }
    store = run_store(context.obj, runs_dir)
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
    runs_dir: RunsDir = None,
    journal: JournalCopy = None,
    as_json: Json = False,
) -> None:
    """Move parked records that a later change has superseded to discarded/; nothing is deleted.

    Exit codes as of `recover`.
    """
    if not because.strip():
        raise WrongUse("--reason is empty: say why, for the journal.")
    how = {
        "wanted": {"reason": cause, "key": key, "customer": customer},
        "limit": limit,
        "because": because,
        "even_if_current": even_if_current,
        "from_stream": False,
        "journal": journal,
        "execute": execute,
    }
    store = run_store(context.obj, runs_dir)
    _begin(find_deployment(context.obj), store, DISCARD, how, as_json=as_json)


def resume(
    context: typer.Context,
    run: RunName,
    *,
    execute: Annotated[
        bool, typer.Option("--execute", help="Begin a run that was only planned so far.")
    ] = False,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Go on with a run after a crash, an interruption or a stop; or begin one that was planned.

    What was begun with --execute goes on without it. Exit codes as of the run's own command.
    """
    target: AwsTarget = context.obj
    store = run_store(target, runs_dir)
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
    run: RunName,
    *,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Tell what became of each selected object. Exit code 0 where all ended well, 1 where not."""
    found = make_report(run_store(context.obj, runs_dir).records(run))
    if as_json:
        print_json(found.to_document())
    else:
        print_report(found)
    if any(fate not in WELL_ENDS for fate in found.fates):
        raise typer.Exit(1)


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
    def why_not(failure: Failure, records: Sequence[Record]) -> str:
        if run.header["command"] == RECOVER:
            if run.options.get("even_if_earlier_stream"):
                return ""
            return recover_module.why_not_recover(records, deployment.publisher.stream_arn)
        if run.options["even_if_current"]:
            return ""
        return why_not_discard(failure, records, deployment.rules, deployment.item_now)

    cut_off = datetime.now(UTC)
    with working("reading the failure store") as read:
        items, left_out = select(
            deployment.loader(named=named_range(run), from_stream=run.options["from_stream"]),
            run.options["wanted"],
            deployment.rules,
            limit=run.options["limit"],
            why_not=why_not,
            progress=read,
        )
    run.select(items)
    run.freeze(cut_off=cut_off, left_out=left_out)


def _warn(sentence: str) -> None:
    ERR.print(f"[yellow]{escape(sentence)}[/]")


# `fanout publisher failures runs`: the recoveries and discards that were made on this machine


_VERBS = {RECOVER: "recover", DISCARD: "discard"}


def failure_runs(
    context: typer.Context, *, runs_dir: RunsDir = None, as_json: Json = False
) -> None:
    """List the runs of this deployment's failure store that were made here. Exit code 0."""
    store = run_store(context.obj, runs_dir)
    reports = [
        make_report(store.records(one.run_id)) for one in store.runs() if _is_of_failures(one)
    ]
    if as_json:
        print_json({"runs": [one.to_document() for one in reports]})
        return
    rows = table(escape(f"Runs in {store.folder}"), "run", "what", "status", "objects", "became")
    for one in reports:
        rows.add_row(*_row(one))
    OUT.print(rows)


def _is_of_failures(stored: StoredRun) -> bool:
    return stored.header is not None and stored.header.fields["command"] in _VERBS


def _row(report: Report) -> tuple[str, ...]:
    became = ", ".join(f"{count:,} {fate}" for fate, count in report.fates.items())
    return (
        report.header["run_id"],
        _VERBS[report.header["command"]],
        report.status,
        f"{report.selected:,}",
        escape(became),
    )


publisher_app = typer.Typer(
    name="publisher", help="Look after the publisher of a deployment.", no_args_is_help=True
)
failures_app = typer.Typer(
    name="failures",
    help="Read the publisher's failure store, and publish again what is in it.",
    no_args_is_help=True,
)
publisher_app.add_typer(failures_app)
failures_app.command("list")(list_failures)
failures_app.command("show")(show)
failures_app.command("recover")(recover)
failures_app.command("discard")(discard)
failures_app.command("resume")(resume)
failures_app.command("runs")(failure_runs)
failures_app.command("report")(report)
