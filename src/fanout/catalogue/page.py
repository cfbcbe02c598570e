"""The catalogue page: one HTML file for people, with everything in it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from fanout.catalogue.contract_folder import Contract, EventContract
from fanout.catalogue.differences import fields_of, side_by_side
from fanout.catalogue.filter_rendering import render_sns
from fanout.catalogue.highlight import highlighted

TEMPLATE = "page.html.jinja"


def render(contract: Contract) -> str:
    """The page; the same for the same contract, whenever it is rendered."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"json": highlighted, "day": _day, "words": _words, "prose": _prose}
    return environment.get_template(TEMPLATE).render(
        events=[_event(event) for event in contract.events],
        attributes=fields_of(contract.envelope),
    )


# Private functions


def _event(event: EventContract) -> dict[str, Any]:
    return {
        "name": event.name,
        "anchor": event.folder.replace("_", "-"),
        "registry": event.registry,
        "versions": event.versions,
        "rows": side_by_side(event),
        "subscribers": [
            {
                "status_map": {},
                **entry,
                "policy": _policy(event, entry),
                "late": _late(event, entry),
            }
            for entry in event.registry["subscribers"]
        ],
    }


def _policy(event: EventContract, entry: Mapping[str, Any]) -> dict[str, Any]:
    return render_sns(
        event,
        versions=entry["versions"],
        statuses=entry.get("filter_statuses") or [],
        latest_state=entry["latest_state"],
    )


def _late(event: EventContract, entry: Mapping[str, Any]) -> list[int]:
    """The deprecated versions that a subscriber still reads."""
    return [
        one.major for one in event.versions if one.deprecated and one.major in entry["versions"]
    ]


def _day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def _prose(text: str) -> Markup:
    """Text in which `names` stand between backticks."""
    code = Markup("<code>{}</code>")
    parts = text.split("`")
    return Markup("").join(
        code.format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def _words(file_name: str) -> str:
    """`suspended_with_reason` as a heading."""
    text = file_name.replace("_", " ")
    return text[0].upper() + text[1:]
