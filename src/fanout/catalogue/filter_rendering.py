"""Render a subscription's filter: an SNS filter policy, or an EventBridge pattern. Pure.

A subscriber that keeps the latest state and wants some statuses only must also see customers
leave them, or its rows keep a status for ever. So its filter matches both ends of the transition.
It also matches `NONE>…`: where the status before was one that the producer did not know, that
event is the only one which tells of the leave.
"""

from collections.abc import Sequence
from typing import Any

from fanout.catalogue.contract_folder import EventContract
from fanout.catalogue.filter_vocabulary import NONE
from fanout.errors import WrongUse

Filter = dict[str, Any]


def render_sns(
    event: EventContract,
    *,
    versions: Sequence[int],
    statuses: Sequence[str] = (),
    latest_state: bool,
) -> Filter:
    """A filter policy for the scope `MessageAttributes`.

    Args:
        event: the event that the subscriber wants.
        versions: the major versions that it reads.
        statuses: the statuses that it wants; empty for all.
        latest_state: whether it keeps each customer's latest status.

    Raises:
        WrongUse: no such version, or a status that none of the versions has.
    """
    _check(event, versions, statuses)
    policy: Filter = {"type": [event.type_of(major) for major in sorted(versions)]}
    if statuses and latest_state:
        policy["transition"] = [
            *({"prefix": f"{status}>"} for status in (*statuses, NONE)),
            *({"suffix": f">{status}"} for status in statuses),
        ]
    elif statuses:
        policy["status"] = list(statuses)
    return policy


def render_eventbridge(
    event: EventContract,
    *,
    versions: Sequence[int],
    statuses: Sequence[str] = (),
    latest_state: bool,
) -> Filter:
    """An event pattern; arguments and errors as in `render_sns`."""
    _check(event, versions, statuses)
    detail: Filter = {"type": [event.type_of(major) for major in sorted(versions)]}
    if statuses:
        fields = [event.version(major).entry["filters"] for major in sorted(versions)]
        wanted: list[Filter] = [{one["status"]: list(statuses)} for one in fields]
        if latest_state:
            wanted += [{one["previous_status"]: [*statuses, None]} for one in fields]
        alternatives = [{"data": one} for one in wanted]
        detail |= {"$or": alternatives} if len(alternatives) > 1 else alternatives[0]
    return {"detail-type": [event.name], "detail": detail}


# Private functions


def _check(event: EventContract, versions: Sequence[int], statuses: Sequence[str]) -> None:
    if not versions:
        raise WrongUse(f"A filter of {event.name} needs at least one major version.")
    known: list[str] = []
    for major in versions:
        version = event.version(major)
        fields = version.entry.get("filters")
        known += version.schema["properties"][fields["status"]]["enum"] if fields else []
    unknown = [status for status in statuses if status not in known]
    if unknown:
        expected = ", ".join(dict.fromkeys(known)) or "none: the event has no status"
        raise WrongUse(f"{unknown[0]!r} is no status of {event.name}; known: {expected}.")
