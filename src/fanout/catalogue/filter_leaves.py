"""Would a subscriber that keeps the latest status see its customers leave that status? Pure.

A filter is sound for such a subscriber if there are statuses which it follows, that is, whose every
transition to and from it sees, and if each transition that it sees has to do with one of them. Then
its row is right about the statuses that it follows, and about the others it at least knows that
the customer has none of the followed ones.
"""

from collections import defaultdict
from collections.abc import Iterator

from fanout.catalogue.filter_conditions import Match
from fanout.catalogue.filter_findings import Finding
from fanout.catalogue.filter_pattern import Clause, matches
from fanout.catalogue.filter_vocabulary import NONE, Kind

_SHOWN_MAX = 3


def hidden_leaves(found: list[list[Clause]], kinds: list[Kind]) -> Iterator[Finding]:
    """What a latest-state subscriber would miss, for each type that the filter lets through."""
    by_type: dict[str, list[Kind]] = defaultdict(list)
    for kind in kinds:
        if kind.status and kind.status != kind.previous_status:
            by_type[kind.type].append(kind)
    for type_name, transitions in by_type.items():
        seen = {(one.previous_status, one.status): matches(found, one) for one in transitions}
        if any(seen.values()):
            yield from _for_type(type_name, seen)


# Private functions


def _for_type(type_name: str, seen: dict[tuple[str, str], Match]) -> Iterator[Finding]:
    statuses = list(dict.fromkeys(status for _, status in seen))
    followed = {
        status
        for status in statuses
        if all(how is Match.ALWAYS for pair, how in seen.items() if status in pair)
    }
    strays = [
        pair
        for pair, how in seen.items()
        if how and not followed & set(pair) and not (followed and pair[0] == NONE)
    ]
    if strays:
        yield _refusal(type_name, [status for _, status in strays], seen)
        return
    unheard = [
        f"{before}>{status}"
        for (before, status), how in seen.items()
        if before == NONE and how is not Match.ALWAYS
    ]
    if unheard:
        sentence = (
            f"{type_name}: {_do_not_match(unheard)}. Where the status before was unknown to the "
            "producer, such an event is the only one that tells of the leave; add "
            f'{{"prefix": "{NONE}>"}} to transition.'
        )
        yield Finding(rule="unknown-status-before", sentence=sentence, warning=True)


def _refusal(type_name: str, entered: list[str], seen: dict[tuple[str, str], Match]) -> Finding:
    for status in dict.fromkeys(entered):
        leaves = [
            f"{before}>{after}"
            for (before, after), how in seen.items()
            if before == status and how is not Match.ALWAYS
        ]
        if leaves:
            sentence = (
                f"{type_name}: the subscriber would see customers become {status}, and not leave "
                f"it: {_do_not_match(leaves)}, so its row would stay {status}. Match both ends: "
                f'"transition": [{{"prefix": "{status}>"}}, {{"suffix": ">{status}"}}, '
                f'{{"prefix": "{NONE}>"}}]; on EventBridge, the status and the previous one by $or.'
            )
            return Finding(rule="hidden-leave", sentence=sentence)
    sentence = (
        f"{type_name}: the subscriber would see some customers become {entered[0]} and others "
        "not, so its table would be neither complete nor right; match every way to it."
    )
    return Finding(rule="hidden-entry", sentence=sentence)


def _do_not_match(transitions: list[str]) -> str:
    shown = ", ".join(transitions[:_SHOWN_MAX])
    more = len(transitions) - _SHOWN_MAX
    verb = "does" if len(transitions) == 1 else "do"
    return f"{shown}{f' and {more} more' if more > 0 else ''} {verb} not match"
