"""How `fanout dlq list` and `show` look: tables for a person, documents for a program."""

from typing import Any

from rich.markup import escape

from customer_events.instants import to_wire
from fanout.console import ERR, OUT, print_json, table
from fanout.dlq.diagnosis import Cause, Diagnosis, advice
from fanout.dlq.groups import Group
from fanout.dlq.message import DeadMessage
from fanout.dlq.overview import Overview
from fanout.dlq.spans import moment, span
from fanout.masking import mask_body, mask_customer, reveal_body

_WHERE_SHOWN = 60
_VERSIONS_SHOWN = 3


def print_overviews(found: list[Overview]) -> None:
    """Print each subscriber's queue and DLQ."""
    rows = table("Queues", "subscriber", "", "messages", "in flight", "oldest", "growth", "dead in")
    for column in (2, 3):
        rows.columns[column].justify = "right"
    for one in found:
        rows.add_row(
            escape(one.subscriber),
            "queue",
            f"{one.queue.visible + one.queue.delayed:,}",
            f"{one.queue.hidden:,}",
            "-" if one.queue_age_seconds is None else span(one.queue_age_seconds),
            "",
            "",
        )
        rows.add_row("", *_dlq_cells(one), end_section=True)
    OUT.print(rows)


def show_groups(
    subscriber: str, groups: list[Group], seen: int, remarks: list[str], *, as_json: bool
) -> None:
    """Print the groups, or one JSON document of them."""
    if as_json:
        documents = [one.to_document() for one in groups]
        print_json(
            {"subscriber": subscriber, "messages": seen, "groups": documents, "remarks": remarks}
        )
        return
    rows = table(
        f"Dead messages of {subscriber}: {seen:,}",
        *("group", "count", "cause", "from", "version", "customers", "died (UTC)", "readable"),
    )
    for column in (0, 1, 3, 4, 5, 6, 7):
        rows.columns[column].no_wrap = True
    for one in groups:
        rows.add_row(
            str(one.number),
            f"{one.count:,}",
            _cause(one.cause),
            one.cause.origin.value,
            ", ".join(map(str, sorted(one.versions)[:_VERSIONS_SHOWN])) or "-",
            f"{one.customers:,}",
            f"{moment(one.first_seen)[5:16]}\n{moment(one.last_seen)[5:16]}",
            _readable(one),
        )
    OUT.print(rows)
    for one in groups:
        OUT.print(f"  [bold]{one.number}[/]  {escape(advice(one.cause.code))}")
    for remark in remarks:
        ERR.print(f"[yellow]{escape(remark)}[/]")


def show_one(
    found: tuple[DeadMessage, Diagnosis], number: int, *, reveal: bool, as_json: bool
) -> None:
    """Print one message, or one JSON document of it."""
    document = _one_document(*found, number=number, reveal=reveal)
    if as_json:
        print_json(document)
        return
    rows = table(escape(f"Message {document['message_id']}"), "", "")
    rows.show_header = False
    for name, value in document.items():
        if name not in {"message_id", "body"} and value not in (None, ""):
            rows.add_row(name.replace("_", " "), escape(str(value)))
    OUT.print(rows)
    OUT.print(document["body"], markup=False)
    if not reveal:
        ERR.print(
            "[dim]Customer ids are masked in part; fields that the contract doesn't declare show "
            "their shape only. --reveal shows them.[/]"
        )


# Private functions


def _dlq_cells(one: Overview) -> list[str]:
    colour = "bold red" if one.dlq.total else "green"
    growth = "-"
    if one.growth is not None:
        growth = f"{one.growth.messages:+,} in {span(one.growth.seconds)}"
    age = "-" if one.dlq_age_seconds is None else span(one.dlq_age_seconds)
    left = "-" if one.dead_in_seconds is None else span(one.dead_in_seconds)
    return [
        "DLQ (FIFO)" if one.fifo else "DLQ",
        f"[{colour}]{one.dlq.visible + one.dlq.delayed:,}[/]",
        f"{one.dlq.hidden:,}",
        f"{age} or more" if one.age_is_sample and age != "-" else age,
        growth,
        f"{left} or less" if one.age_is_sample and left != "-" else left,
    ]


def _cause(cause: Cause) -> str:
    where = f"{cause.field}: {cause.expected}".strip(": ")
    shown = where if len(where) <= _WHERE_SHOWN else where[:_WHERE_SHOWN] + "…"
    return f"[yellow]{escape(cause.code)}[/]" + (f"\n{escape(shown)}" if shown else "")


def _readable(one: Group) -> str:
    if one.may_succeed == one.count:
        return "[green]all[/]"
    return f"[yellow]{one.may_succeed:,}[/]" if one.may_succeed else "[red]none[/]"


def _one_document(
    message: DeadMessage, diagnosis: Diagnosis, *, number: int, reveal: bool
) -> dict[str, Any]:
    parked, cause = message.parked, diagnosis.cause
    first = message.first_delivery
    customer = diagnosis.customer_id
    return {
        "message_id": message.message_id,
        "group": number,
        "put_here_by": cause.origin.value,
        "reason": cause.code,
        "field": cause.field,
        "expected": cause.expected,
        "would_succeed_now": diagnosis.may_succeed_now,
        "prospect": diagnosis.prospect,
        "customer_id": customer if reveal or customer is None else mask_customer(customer),
        "version": diagnosis.version,
        "sequence": diagnosis.event and diagnosis.event.sequence,
        "sent_at": to_wire(message.sent_at),
        "parked_at": parked and parked.parked_at and to_wire(parked.parked_at),
        "consumer": parked and parked.consumer,
        "first_message_id": first.message_id,
        "first_received_at": to_wire(first.received_at),
        "receive_count": message.receive_count,
        "message_group_id": message.group_id,
        "came_from": message.source_arn,
        "size_bytes": message.size_bytes,
        "masked": not reveal,
        "body": reveal_body(message.body) if reveal else mask_body(message.body),
    }
