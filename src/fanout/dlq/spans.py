"""Lengths of time and numbers as a person reads them."""

from datetime import datetime

from customer_events.instants import to_wire

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """`3 d 4 h`, `12 min 5 s`, `7 s`: the two largest units."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in _STEPS:
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts[:2])


def moment(instant: datetime | None) -> str:
    """`2026-11-23 09:30:00`, in UTC; `-` for none."""
    return to_wire(instant)[:19].replace("T", " ") if instant else "-"
