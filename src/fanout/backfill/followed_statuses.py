"""Which statuses a subscriber follows, by its own filter. Pure.

A filter speaks of transitions, and a snapshot has none: it does not tell where the customer came
from. So the question is asked of the status: it is followed where the subscriber hears of every
arrival at it, or of some arrival and then of every leave. A latest-state filter for SUSPENDED lets
`SUSPENDED>ACTIVE` through as well, so that a row is not left behind; ACTIVE is not followed by it,
since `ACTIVE>CLOSED` does not come.
"""

from collections.abc import Mapping
from typing import Any

from customer_events.event import EVENT_NAME, NEWEST_MAJOR, TYPE_PREFIX, Status
from fanout.catalogue.filter_conditions import Domain, Match
from fanout.catalogue.filter_pattern import branches, matches
from fanout.catalogue.filter_vocabulary import NONE, Kind

_TYPE = f"{TYPE_PREFIX}{NEWEST_MAJOR}"
_OPEN = ("source", "account", "region", "id", "time", "version")
_OPEN_IN_DETAIL = ("id", "source", "subject", "partitionkey", "time", "sequence", "sequencesource")


def followed_statuses(policy: Mapping[str, Any] | None) -> frozenset[Status]:
    """The statuses whose customers the subscriber keeps; all, where it has no filter.

    Args:
        policy: an SNS filter policy on message attributes, or an EventBridge event pattern.
    """
    if policy is None:
        return frozenset(Status)
    found = branches(dict(policy))
    heard = {
        (before, status)
        for before in (None, *Status)
        for status in Status
        if before != status and matches(found, _kind(before, status)) is not Match.NEVER
    }
    return frozenset(status for status in Status if _is_followed(status, heard))


# Private functions


def _is_followed(status: Status, heard: set[tuple[Status | None, Status]]) -> bool:
    others = [one for one in Status if one is not status]
    arrivals = [(one, status) in heard for one in others]
    leaves = [(status, one) in heard for one in others]
    return (all(arrivals) and (None, status) in heard) or (any(arrivals) and all(leaves))


def _kind(before: Status | None, status: Status) -> Kind:
    """A message with this transition, as a filter on SNS or on EventBridge sees it."""
    previous = before.value if before else NONE
    fields = {
        "type": _one(_TYPE),
        "schema_version": _one(str(NEWEST_MAJOR)),
        "status": _one(status.value),
        "transition": _one(f"{previous}>{status.value}"),
        "detail-type": _one(EVENT_NAME),
        "detail.type": _one(_TYPE),
        "detail.data.status": _one(status.value),
        "detail.data.previous_status": _one(before and before.value),
        **{name: Domain() for name in _OPEN},
        **{f"detail.{name}": Domain() for name in _OPEN_IN_DETAIL},
        "detail.data.change": Domain(),
        "detail.data.customer_id": Domain(),
    }
    return Kind(
        type=_TYPE,
        major=NEWEST_MAJOR,
        previous_status=previous,
        status=status.value,
        fields=fields,
    )


def _one(value: str | None) -> Domain:
    return Domain(values=(value,))
