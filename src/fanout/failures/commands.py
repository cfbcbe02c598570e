"""`fanout failures`: list, show, recover and discard what the publisher or Lambda gave up."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Annotated, Any

import typer
from rich.markup import escape

from customer_events.instants import to_wire
from fanout.console import ERR, OUT, Json, option, print_facts, print_json, table, working
from fanout.errors import ExitCode, Refused, WrongUse
from fanout.failures.records import Failure, Kind, Record, customer_of, forecast
from fanout.failures.recover import FailuresDiscard, FailuresRecover
from fanout.failures.store import Deployment, find_deployment, stream_range
from fanout.runs.operation import begin
from fanout.runs.options import Check, Execute, Reveal, RunsDir, renamed
from fanout.text import mask_record, moment
from publisher import reasons
from publisher.stream_records import StreamRecord
from publisher.transitions import TableRules

KEYS_SHOWN = 3
RECORDS_SHOWN = 20
_CUSTOMERS_MAX = 100_000


@dataclasses.dataclass(slots=True, kw_only=True)
class Group:
    """Objects with one cause, counted in little memory.

    `would` counts records by what would become of them now; `without_records` are objects of which
    only the range in the stream is known; `customers` are hashes, of 100,000 at most.
    """

    kind: Kind
    reason: str
    field: str
    objects: int = 0
    records: int = 0
    would: Counter[str] = dataclasses.field(default_factory=Counter)
    without_records: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    keys: list[str] = dataclasses.field(default_factory=list)
    customers: set[bytes] = dataclasses.field(default_factory=set)

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `keys` names a few of the objects."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "field": self.field,
            "objects": self.objects,
            "records": self.records,
            "customers": len(self.customers),
            **{f"would_{name}": self.would[name] for name in ("publish", "ignore", "refuse")},
            "without_records": self.without_records,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "keys": self.keys,
        }

    def add(self, failure: Failure, rules: TableRules) -> None:
        """Count one more object."""
        self.objects += 1
        if len(self.keys) < KEYS_SHOWN:
            self.keys.append(failure.key)
        if failure.at is not None:
            self.first_at = min(self.first_at or failure.at, failure.at)
            self.last_at = max(self.last_at or failure.at, failure.at)
        self.without_records += failure.records is None and failure.stream_range is not None
        for record in failure.records or ():
            self.records += 1
            self.would[forecast(record, rules).would] += 1
            customer = customer_of(record, rules.customer_id_attribute)
            if customer is not None and len(self.customers) < _CUSTOMERS_MAX:
                self.customers.add(sha256(customer.encode()).digest()[:8])


def by_cause(failures: Iterable[Failure], rules: TableRules) -> list[Group]:
    """The groups, the largest first."""
    groups: dict[tuple[Kind, str, str], Group] = {}
    for failure in failures:
        cause = (failure.kind, failure.reason, failure.field)
        if cause not in groups:
            groups[cause] = Group(kind=failure.kind, reason=failure.reason, field=failure.field)
        groups[cause].add(failure, rules)
    return sorted(groups.values(), key=lambda group: (-group.objects, group.reason))


failures_app = typer.Typer(no_args_is_help=True)


@failures_app.command("list")
def list_failures(context: typer.Context, *, check: Check = False, as_json: Json = False) -> None:
    """Count what is in the publisher's failure store, by cause.

    Exit codes: 0, or with --check 1 if it is not empty.
    """
    deployment = find_deployment(context.obj)
    with working("reading the failure store"):
        groups = by_cause(deployment.store.failures(), deployment.rules)
    if as_json:
        documents = [group.to_document() for group in groups]
        print_json({"failure_bucket": deployment.store.bucket, "groups": documents})
    else:
        _print_groups(deployment.store.bucket, groups)
    if groups and check:
        raise typer.Exit(int(ExitCode.FOUND))


@failures_app.command()
def show(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="The object's key; `list` shows some.")],
    *,
    reveal: Reveal = False,
    from_stream: Annotated[
        bool, option("Read a range's records again from the stream.", "--from-stream")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one object with its records, and what would happen to each now."""
    deployment = find_deployment(context.obj)
    failure = deployment.store.read(key)
    if failure is None:
        bucket = deployment.store.bucket
        raise WrongUse(f"No {key!r} in {bucket}: `fanout failures list` names some.")
    document = _document(deployment, failure, reveal=reveal, from_stream=from_stream)
    if as_json:
        print_json(document)
        return
    facts = {name.replace("_", " "): value for name, value in document.items() if name != "shown"}
    print_facts(facts.pop("key"), facts.items())
    for record in document["shown"]:
        OUT.print(json.dumps(record, indent=2, ensure_ascii=False), markup=False)
    if not reveal:
        ERR.print("[dim]Personal values are masked; --reveal shows them.[/]")


def _print_groups(bucket: str, groups: list[Group]) -> None:
    rows = table(f"Failure store {bucket}", "cause", "objects", "records", "customers", "now")
    for group in groups:
        by = "the publisher" if group.kind is Kind.PARKED else "Lambda"
        begins, ends = moment(group.first_at)[:16], moment(group.last_at)[:16]
        rows.add_row(
            f"[yellow]{escape(group.reason)}[/]\nby {by}\n{begins} to\n{ends}",
            f"{group.objects:,}",
            f"{group.records:,}",
            f"{len(group.customers):,}",
            _now(group),
        )
    OUT.print(rows)
    for group in groups:
        OUT.print(f"  [bold]{escape(group.reason)}[/]  {escape(group.field)}")
        OUT.print(f"    {escape(_advice(group))}")
        for key in group.keys:
            OUT.print(f"    {escape(key)}", style="dim")
        if more := group.objects - len(group.keys):
            OUT.print(f"    and {more:,} more", style="dim")


def _now(group: Group) -> str:
    counts = (
        ("green", group.would["publish"], "would be published"),
        ("default", group.would["ignore"], "hold no change"),
        ("red", group.would["refuse"], "would be refused"),
        ("yellow", group.without_records, "known by range only"),
    )
    return "\n".join(f"[{colour}]{count:,} {text}[/]" for colour, count, text in counts if count)


def _advice(group: Group) -> str:
    """What to do: the reason's own words, or what a batch needs."""
    known = getattr(reasons, group.reason, None)
    if isinstance(known, type) and issubclass(known, reasons.BadRecord):
        return (known.__doc__ or "").strip()
    if group.without_records:
        return "Only its range in the stream is known: recover --from-stream, within 24 hours."
    if group.kind is Kind.BATCH:
        return "Lambda gave these batches up: fix the bus, then recover."
    return "Look at one with `fanout failures show KEY`."


def _document(
    deployment: Deployment, failure: Failure, *, reveal: bool, from_stream: bool
) -> dict[str, Any]:
    records: Sequence[Record] = ()
    why = ""
    try:
        records = deployment.records_of(failure, from_stream=from_stream)
    except Refused as refusal:
        why = str(refusal)
    where = failure.stream_range
    hours = where and where.hours_left(datetime.now(UTC))
    return {
        **{name: getattr(failure, name) for name in ("key", "kind", "reason", "field", "expected")},
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
            {
                "record_id": StreamRecord(record).record_id,
                **dataclasses.asdict(forecast(record, deployment.rules)),
                "record": record if reveal else mask_record(record, deployment.rules),
            }
            for record in islice(records, RECORDS_SHOWN)
        ],
    }


WhereReason = Annotated[
    str | None, option("Only this cause: a parked reason, or Lambda's condition.")
]
Key = Annotated[str | None, option("Only the object of this key.")]
Customer = Annotated[str | None, option("Only objects with a record of this customer.")]
Limit = Annotated[int | None, option("Select at most this many objects.", min=1)]


@failures_app.command()
def recover(
    context: typer.Context,
    *,
    where_reason: WhereReason = None,
    key: Key = None,
    customer: Customer = None,
    limit: Limit = None,
    from_stream: Annotated[
        bool, option("Read records again if only their range is known.", "--from-stream")
    ] = False,
    shard: Annotated[
        str | None, option("With --from-stream: this shard's range, and nothing else.")
    ] = None,
    from_sequence: Annotated[str | None, option("The range's first sequence number.")] = None,
    to_sequence: Annotated[str | None, option("The range's last sequence number.")] = None,
    even_if_earlier_stream: Annotated[
        bool,
        option(
            "Also records of a stream before today's: only if the same version counter "
            "continues, and no epoch was raised since.",
            "--even-if-earlier-stream",
        ),
    ] = False,
    rate: Annotated[
        float | None, option("Records a second; each is published once for each version.", min=0.01)
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", hidden=True)] = None,
    execute: Execute = False,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Publish again what the publisher or Lambda gave up.

    The deployed publisher publishes it: the same event ids, and each
    customer's changes in order.

    Exit codes: 0 all succeeded (or only the plan was shown), 1 some failed or
    are left, 3 AWS refused or another operator is at work on it.
    """
    where_reason = renamed("--reason", reason, "--where-reason", where_reason)
    deployment = find_deployment(context.obj)
    arn = deployment.publisher.stream_arn
    named = stream_range(arn, shard, from_sequence, to_sequence, from_stream=from_stream)
    options = {
        "wanted": {"reason": where_reason, "key": key, "customer": customer},
        "limit": limit,
        "from_stream": from_stream,
        "even_if_earlier_stream": even_if_earlier_stream,
        "rate": rate,
        "range": named and dataclasses.asdict(named),
        "execute": execute,
    }
    begin(FailuresRecover(deployment), options, runs_dir=runs_dir, as_json=as_json)


@failures_app.command()
def discard(
    context: typer.Context,
    *,
    because: Annotated[str | None, option("Why; required, and kept in the journal.")] = None,
    where_reason: WhereReason = None,
    key: Key = None,
    customer: Customer = None,
    limit: Limit = None,
    even_if_current: Annotated[
        bool, option("Also what no later change has superseded.", "--even-if-current")
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", hidden=True)] = None,
    cause: Annotated[str | None, typer.Option("--cause", hidden=True)] = None,
    execute: Execute = False,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Move parked records that a later change has superseded to discarded/; deletes nothing.

    Exit codes: as `recover`.
    """
    because = renamed("--reason", reason, "--because", because)
    where_reason = renamed("--cause", cause, "--where-reason", where_reason)
    if not (because or "").strip():
        raise WrongUse("--because is missing or empty: say why, for the journal.")
    options = {
        "wanted": {"reason": where_reason, "key": key, "customer": customer},
        "limit": limit,
        "because": because,
        "even_if_current": even_if_current,
        "from_stream": False,
        "execute": execute,
    }
    operation = FailuresDiscard(find_deployment(context.obj))
    begin(operation, options, runs_dir=runs_dir, as_json=as_json)
