"""`docs/reference/alarms.md`: every alarm, what trips it, how soon, and what to do.

`PYTHONPATH=tests .venv/bin/python -m simulation --drill` writes it, from template and drills.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from infra.sam_template import PAGES, TICKETS
from simulation import alarm_set
from simulation.monitored import PREFIX
from simulation.outages import OUTAGES, PARKED_MINUTES_MAX, WAITS_MINUTES_MAX, Outage, Played

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "alarms.md"
Drills = Mapping[str, Played]
"""By the name of the outage."""
_KINDS = {
    (): "page",
    (PAGES,): "page, by itself",
    (TICKETS,): "ticket",
}


def render(drills: Drills) -> str:
    """The page; what doesn't change is in `alarm_page.md`."""
    parts = {
        "waits": str(WAITS_MINUTES_MAX),
        "parked": str(PARKED_MINUTES_MAX),
        "alarms": _table(
            ["alarm", "kind", "tripped by", "minutes until on", "runbook"], _alarms(drills)
        ),
        "outages": _table(
            ["what is broken", "minutes until noticed", "alarms, in their order"], _outages(drills)
        ),
        "limits": _table(
            ["what", "why"],
            ((one.name, one.unseen_because) for one in OUTAGES if one.unseen_because),
        ),
    }
    text = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"@{name}", part)
    return text


# Private functions


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [" | ".join(one) for one in (head, *rows)]
    lines.insert(1, " | ".join("---" for _ in head))
    return "\n".join(f"| {one} |" for one in lines)


def _alarms(drills: Drills) -> Iterable[tuple[str, ...]]:
    for alarm in alarm_set.alarms():
        name = alarm.name.removeprefix(f"{PREFIX}-")
        runbook = alarm.description.rpartition("/")[2]
        [outage, *_] = [one for one in OUTAGES if name in one.trips]
        yield (
            f"`{name}`",
            _KINDS[alarm.actions],
            outage.name,
            _minutes(outage, drills[outage.name].minutes[alarm.name]),
            f"[{runbook.removesuffix('.md')}](../runbooks/{runbook})",
        )


def _outages(drills: Drills) -> Iterable[tuple[str, ...]]:
    notifying = {one.name for one in (*alarm_set.alarms(), *alarm_set.composites()) if one.actions}
    for outage in OUTAGES:
        minutes = drills[outage.name].minutes
        order = sorted(minutes, key=lambda name: (minutes[name], name))
        first = next(name for name in order if name in notifying)
        names = ", ".join(f"`{name.removeprefix(f'{PREFIX}-')}`" for name in order)
        yield outage.name, _minutes(outage, minutes[first]), names


def _minutes(outage: Outage, minutes: int) -> str:
    return "by date" if outage.by_date else str(minutes)
