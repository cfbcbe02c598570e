"""Which statuses a subscriber follows, by its own filter. Pure.

A filter speaks of transitions, and a snapshot has none: it does not tell where the customer came
from. So the question is asked of the status: it is followed where the subscriber hears of every
arrival at it, or of some arrival and then of every leave. A latest-state filter for SUSPENDED lets
`SUSPENDED>ACTIVE` through as well, so that a row is not left behind; ACTIVE is not followed by it,
since `ACTIVE>CLOSED` does not come.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from customer_events.encoder import downcast
from customer_events.event import EVENT_NAME, Status
from fanout.contract.filter_lint import Transport, broken_limits, transport_of
from fanout.contract.filters import (
    ABSENT,
    NONE,
    Clause,
    Domain,
    Kind,
    Match,
    branches,
    eventbridge_kinds,
    match,
    matches,
    sns_kinds,
)
from fanout.contract.folder import Contract, installed_contract
from fanout.discovery import Publisher, Subscriber
from fanout.errors import WrongUse

_Transition = tuple[Status | None, Status]


def followed_statuses(subscriber: Subscriber, publisher: Publisher) -> frozenset[Status]:
    """The statuses whose customers the subscriber keeps; all, where it has no filter.

    Raises:
        WrongUse: none, or more than the transition decides what the filter lets through: nobody
            can tell which customers the subscriber's table should hold.
    """
    if not subscriber.filter:
        return frozenset(Status)
    policy = dict(subscriber.filter)
    if faults := broken_limits(policy, transport_of(policy).value):
        raise WrongUse(f"The filter of {subscriber.name} can't be read: {faults[0].sentence}")
    found = branches(policy)
    kinds = list(_kinds(installed_contract(), transport_of(policy), subscriber, publisher))
    heard = _heard(found, kinds)
    surely = _followed({one for one, how in heard.items() if how is Match.ALWAYS})
    perhaps = _followed({one for one, how in heard.items() if how is not Match.NEVER})
    if surely != perhaps:
        raise WrongUse(
            f"The filter of {subscriber.name} does not go by statuses alone, but by "
            f"{', '.join(_deciding(found, kinds))} too: which customers its table should hold "
            "can't be decided. Nothing was read."
        )
    if not surely:
        raise WrongUse(
            f"The filter of {subscriber.name} follows no status: it hears of some changes in the "
            f"versions that it reads ({', '.join(map(str, subscriber.versions))}), and never of "
            "every arrival at a status. There is no state to seed it with or to compare."
        )
    return surely


# Private functions


def _kinds(
    contract: Contract, transport: Transport, subscriber: Subscriber, publisher: Publisher
) -> Iterator[Kind]:
    """The live messages of the versions that are read, with what this deployment fixes."""
    only = Contract(events=(contract.event(EVENT_NAME),), envelope=contract.envelope)
    kinds = sns_kinds(only) if transport is Transport.SNS else eventbridge_kinds(only)
    fixed = {name: Domain(values=(value,)) for name, value in _fixed(publisher).items()}
    for kind in kinds:
        if kind.major in subscriber.versions:
            own = {path: domain for path, domain in fixed.items() if path in kind.fields}
            if change := kind.fields.get("detail.data.change"):
                values = tuple(one for one in change.values or () if one != "snapshot")
                own["detail.data.change"] = replace(change, values=values)
            yield replace(kind, fields={**kind.fields, **own})


def _heard(found: list[list[Clause]], kinds: list[Kind]) -> dict[_Transition, Match]:
    """Whether each transition is heard of, in whichever version tells it best."""
    known = {(kind.major, kind.status) for kind in kinds}
    heard: dict[_Transition, Match] = {}
    for kind, before, status in product(kinds, (None, *Status), Status):
        # A version tells what it does not know as the nearest that it does: removed as closed.
        old, new = (
            one if one is None or (kind.major, one) in known else downcast(one)
            for one in (before, status)
        )
        if before != status and (old or NONE, new) == (kind.previous_status, kind.status):
            heard[before, status] = max(
                matches(found, kind), heard.get((before, status), Match.NEVER)
            )
    return heard


def _fixed(publisher: Publisher) -> Mapping[str, str]:
    """What is the same in each of a deployment's events; the producer's, by its stream's ARN."""
    _, _, _, region, account, *_ = f"{publisher.stream_arn}:::::".split(":")
    counter = "version" if publisher.sequence_attribute else "stream"
    return {
        **dict.fromkeys(("source", "detail.source"), publisher.source),
        "region": region,
        "account": account,
        "detail.sequencesource": counter,
    }


def _followed(heard: set[_Transition]) -> frozenset[Status]:
    followed = set()
    for status in Status:
        others = [one for one in Status if one is not status]
        arrivals = [(one, status) in heard for one in others]
        leaves = [(status, one) in heard for one in others]
        if (all(arrivals) and (None, status) in heard) or (any(arrivals) and all(leaves)):
            followed.add(status)
    return frozenset(followed)


def _deciding(found: list[list[Clause]], kinds: list[Kind]) -> list[str]:
    """The fields by which some messages of one transition come and others don't."""
    clauses = [clause for branch in found for clause in branch]
    return sorted(
        {
            clause.path
            for clause in clauses
            for kind in kinds
            for one in clause.conditions
            if match(one, kind.fields.get(clause.path, ABSENT)) is Match.SOMETIMES
        }
    )
