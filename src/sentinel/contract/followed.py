"""Which statuses a subscriber follows, by its own filter. Pure.

A filter selects transitions, but a snapshot has none: it does not say where the customer came from.
So we ask it of the status. A status is followed where the subscriber sees every arrival at it, or
some arrival and then every leave. A latest-state filter for SUSPENDED lets `SUSPENDED>ACTIVE`
through as well, so that no row is left behind; it does not follow ACTIVE, since `ACTIVE>CLOSED`
does not come.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from customer_events.encoder import downcast
from customer_events.event import EVENT_NAME, Status
from sentinel.contract.filter_lint import refusals, transport_of
from sentinel.contract.filters import (
    ABSENT,
    NO_STATUS,
    Clause,
    Domain,
    Kind,
    Match,
    Transport,
    branches,
    kinds_of,
    match,
    matches,
)
from sentinel.contract.folder import Contract, installed_contract
from sentinel.discovery import Publisher, Subscriber
from sentinel.errors import NotComparable, WrongUse

_Transition = tuple[Status | None, Status]


def followed_statuses(subscriber: Subscriber, publisher: Publisher) -> frozenset[Status]:
    """The statuses whose customers the subscriber keeps; all, where it has no filter.

    Raises:
        WrongUse: none, or the filter selects by more than the transition: nobody can say which
            customers the subscriber's table should hold.
    """
    if not subscriber.filter:
        return frozenset(Status)
    policy = dict(subscriber.filter)
    transport = transport_of(policy)
    if faults := refusals(policy, transport):
        raise WrongUse(f"The filter of {subscriber.name} can't be read: {faults[0].sentence}")
    alternatives = branches(policy)
    kinds = list(_live_kinds(installed_contract(), transport, subscriber, publisher))
    seen = _seen(alternatives, kinds)
    surely = _followed({pair for pair, verdict in seen.items() if verdict is Match.ALWAYS})
    perhaps = _followed({pair for pair, verdict in seen.items() if verdict is not Match.NEVER})
    if surely != perhaps:
        raise NotComparable(
            f"The filter of {subscriber.name} does not go by statuses alone, but by "
            f"{', '.join(_deciding(alternatives, kinds))} too: which customers its table should "
            "hold can't be decided. Nothing was read."
        )
    if not surely:
        raise NotComparable(
            f"The filter of {subscriber.name} follows no status: in the versions that it reads "
            f"({', '.join(map(str, subscriber.versions))}) it selects some changes, and never "
            "every arrival at a status. There is no state to seed it with or to compare."
        )
    return surely


# Private functions


def _live_kinds(
    contract: Contract, transport: Transport, subscriber: Subscriber, publisher: Publisher
) -> Iterator[Kind]:
    """The live messages of the versions that are read, with what this deployment fixes."""
    only = Contract(events=(contract.event(EVENT_NAME),), envelope=contract.envelope)
    fixed = {name: Domain(values=(value,)) for name, value in _fixed(publisher).items()}
    for kind in kinds_of(only, transport):
        if kind.major in subscriber.versions:
            own = {path: domain for path, domain in fixed.items() if path in kind.fields}
            if change := kind.fields.get("detail.data.change"):
                live = tuple(value for value in change.values or () if value != "snapshot")
                own["detail.data.change"] = replace(change, values=live)
            yield replace(kind, fields={**kind.fields, **own})


def _fixed(publisher: Publisher) -> Mapping[str, str]:
    """What is the same in each of a deployment's events; the producer's, by its stream's ARN."""
    _, _, _, region, account, *_ = f"{publisher.stream_arn}:::::".split(":")
    return {
        **dict.fromkeys(("source", "detail.source"), publisher.source),
        "region": region,
        "account": account,
        "detail.sequencesource": "version" if publisher.sequence_attribute else "stream",
    }


def _seen(alternatives: list[list[Clause]], kinds: list[Kind]) -> dict[_Transition, Match]:
    """Whether each transition is seen, in the version in which the filter selects it best."""
    known = {(kind.major, kind.status) for kind in kinds}
    seen: dict[_Transition, Match] = {}
    for kind, before, status in product(kinds, (None, *Status), Status):
        # A version publishes a status that it lacks as the nearest it has: removed as closed.
        old, new = (
            each if each is None or (kind.major, each) in known else downcast(each)
            for each in (before, status)
        )
        if before != status and (old or NO_STATUS, new) == (kind.previous_status, kind.status):
            best = seen.get((before, status), Match.NEVER)
            seen[before, status] = max(matches(alternatives, kind.fields), best)
    return seen


def _followed(seen: set[_Transition]) -> frozenset[Status]:
    followed = set()
    for status in Status:
        others = [other for other in Status if other is not status]
        arrivals = [(other, status) in seen for other in others]
        leaves = [(status, other) in seen for other in others]
        if (all(arrivals) and (None, status) in seen) or (any(arrivals) and all(leaves)):
            followed.add(status)
    return frozenset(followed)


def _deciding(alternatives: list[list[Clause]], kinds: list[Kind]) -> list[str]:
    """The fields by which some messages of a transition come and others don't."""
    return sorted(
        {
            clause.path
            for branch in alternatives
            for clause in branch
            for kind in kinds
            for condition in clause.conditions
            if match([condition], kind.fields.get(clause.path, ABSENT)) is Match.SOMETIMES
        }
    )
