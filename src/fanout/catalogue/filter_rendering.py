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
    statuses = tuple(dict.fromkeys(statuses))
    wanted = _wanted(event, versions, statuses)
    policy: Filter = {"type": [event.type_of(major) for major in wanted]}
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
    wanted = _wanted(event, versions, statuses)
    detail: Filter = {"type": [event.type_of(major) for major in wanted]}
    if statuses:
        alternatives: list[Filter] = []
        for major, known in wanted.items():
            fields = event.version(major).entry["filters"]
            alternatives.append({"data": {fields["status"]: known}})
            if latest_state:
                alternatives.append({"data": {fields["previous_status"]: [*known, None]}})
        detail |= {"$or": alternatives} if len(alternatives) > 1 else alternatives[0]
    return {"detail-type": [event.name], "detail": detail}


# Private functions


def _wanted(
    event: EventContract, versions: Sequence[int], statuses: Sequence[str]
) -> dict[int, list[str]]:
    """The statuses that are wanted of each version, lowest first: those that the version knows.

    A version that knows none of them is left out: it has nothing to tell of them.
    """
    if not versions:
        raise WrongUse(f"A filter of {event.name} needs at least one major version.")
    known: dict[int, list[str]] = {}
    for major in sorted(set(versions)):
        version = event.version(major)
        fields = version.entry.get("filters")
        known[major] = version.schema["properties"][fields["status"]]["enum"] if fields else []
    every = list(dict.fromkeys(status for found in known.values() for status in found))
    if unknown := [status for status in statuses if status not in every]:
        expected = ", ".join(every) or "none: the event has no status"
        raise WrongUse(f"{unknown[0]!r} is no status of {event.name}; known: {expected}.")
    wanted = {
        major: [status for status in dict.fromkeys(statuses) if status in found]
        for major, found in known.items()
    }
    return {major: found for major, found in wanted.items() if found or not statuses}
