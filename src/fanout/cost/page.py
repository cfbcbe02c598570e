"""The figures of `docs/cost.md` and its chart, made of the estimate. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence

from fanout.cost import monthly, prices
from fanout.cost.estimate import Line, Load, publishing, receiving, total
from publisher.transports import ALL, Transport

SUBSCRIBERS = (1, 2, 5, 10, 20)
EVENT_BYTES = 1_100
"""An event of the second version with its attributes is below; the test measures one."""
BUSY = Load(records_per_invocation=100, messages_per_batch=10, event_bytes=EVENT_BYTES)
QUIET = Load(records_per_invocation=1, messages_per_batch=1, event_bytes=EVENT_BYTES)
BASE_ALARMS, BASE_METRICS = 10, 7
SUBSCRIBER_ALARMS, SUBSCRIBER_METRICS = 8, 7
"""As in the SAM template, and as the two functions write them."""
_SHORT = {"pipes": "Pipes to EventBridge"}
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_figures(text: str) -> str:
    """The page with each block between `<!-- figures: NAME -->` and `<!-- end -->` made anew."""
    made = {
        "busy": _totals(BUSY),
        "quiet": _totals(QUIET),
        "parts": _parts(),
        "month": _months(),
        "prices": _prices(),
    }
    return _BLOCK.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}", text)


def short(transport: Transport) -> str:
    """The transport's title, short enough for a column."""
    return _SHORT.get(transport.name, transport.title)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


# Private functions


def _totals(load: Load) -> str:
    head = ["subscribers", *(short(transport) for transport in ALL)]
    rows = [
        [str(count), *(_dollars(total(transport, load, count)) for transport in ALL)]
        for count in SUBSCRIBERS
    ]
    return markdown(head, rows)


def _parts() -> str:
    head = ["dollars a million changes", *(short(transport) for transport in ALL)]
    rows = []
    for title, load in (("busy", BUSY), ("quiet", QUIET)):
        rows.append([f"{title}: onto the bus", *_sums(publishing, load)])
        rows.append([f"{title}: each subscriber", *_sums(receiving, load)])
    return markdown(head, rows)


def _sums(count: Callable[[Transport, Load], list[Line]], load: Load) -> list[str]:
    return [_dollars(_sum(count(transport, load))) for transport in ALL]


def _months() -> str:
    head = ["dollars a month", *(short(transport) for transport in ALL)]
    base = [
        _dollars(_sum(monthly.base(transport, alarms=BASE_ALARMS, metrics=BASE_METRICS)))
        for transport in ALL
    ]
    each = [
        _dollars(
            _sum(
                monthly.per_subscriber(
                    transport, alarms=SUBSCRIBER_ALARMS, metrics=SUBSCRIBER_METRICS
                )
            )
        )
        for transport in ALL
    ]
    return markdown(head, [["the bus and its publisher", *base], ["each subscriber", *each]])


def _prices() -> str:
    lines = ["| unit | list price | verified | where it was read |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one.what} | {one.shown} | {'yes' if one.verified else '**no**'} | {one.source} |"
        for one in prices.ALL
    ]
    return "\n".join(lines)


def _sum(lines: Sequence[Line]) -> float:
    return sum(line.dollars for line in lines)


def _dollars(amount: float) -> str:
    return f"{amount:.2f}"
