"""`fanout publisher failures list` and `show`."""

import json
from itertools import islice
from typing import Annotated, Any

import typer
from rich.markup import escape

from customer_events.instants import to_wire
from fanout.console import ERR, OUT, print_json, table, working
from fanout.dlq.options import Reveal
from fanout.dlq.spans import moment
from fanout.errors import WrongUse
from fanout.failures.deployment import Deployment, find_deployment
from fanout.failures.documents import Failure
from fanout.failures.forecast import forecast
from fanout.failures.groups import Group, by_cause
from fanout.failures.loading import left
from fanout.masking import mask_record
from publisher import reasons
from publisher.stream_records import record_id

RECORDS_SHOWN = 20
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def list_failures(context: typer.Context, *, as_json: Json = False) -> None:
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
    as_json: Json = False,
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


# Private functions


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
    loaded = deployment.loading(from_stream=from_stream).of(failure)
    records = loaded.records or ()
    where = failure.stream_range
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
        "stream_keeps_it": where and (left(where).removeprefix(", ") or None),
        "records": len(records),
        "why_no_records": loaded.why,
        "masked": not reveal,
        "shown": [
            _record(deployment, one, reveal=reveal) for one in islice(records, RECORDS_SHOWN)
        ],
    }


def _record(deployment: Deployment, record: Any, *, reveal: bool) -> dict[str, Any]:
    found = forecast(record, deployment.rules)
    return {
        "record_id": record_id(record),
        "would": found.prospect.value,
        "reason": found.reason,
        "field": found.field,
        "expected": found.expected,
        "record": record if reveal else mask_record(record, deployment.rules),
    }
