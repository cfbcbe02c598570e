"""The form of a filter, and the limits that SNS and EventBridge set to it.

https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
"""

import json
import math
from collections.abc import Iterator
from typing import Any

from fanout.catalogue.filter_conditions import fault_of
from fanout.catalogue.filter_findings import Finding
from fanout.catalogue.filter_pattern import branches, is_or

SNS_KEYS_MAX = 5
SNS_COMBINATIONS_MAX = 150
SNS_NUMBER_MAX = 10**9
SNS_BYTES_MAX = 256 * 1024
EVENTBRIDGE_COMBINATIONS_MAX = 1000
EVENTBRIDGE_NUMBER_MAX = 5 * 10**9
EVENTBRIDGE_CHARACTERS_MAX = 2048
"""Of a pattern, by default: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""


def broken_limits(document: Any, transport: str) -> list[Finding]:
    """What AWS would refuse, or would not read as it was meant; empty where there is nothing.

    Args:
        document: the filter as parsed JSON.
        transport: `sns` (by message attributes) or `eventbridge`.
    """
    if not isinstance(document, dict) or not document:
        sentence = "A filter is a JSON object with at least one key."
        return [Finding(rule="form", sentence=sentence)]
    faults = list(_form(document, "", transport)) or list(_overwritten(document))
    if faults:
        return faults
    return list(_limits(document, sns=transport == "sns"))


# Private functions


def _form(document: dict[str, Any], path: str, transport: str) -> Iterator[Finding]:
    if not document:
        yield Finding(rule="form", path=path, sentence="An alternative of $or is an empty object.")
    for key, value in document.items():
        inner = f"{path}.{key}".strip(".")
        if is_or(key, value):
            for one in value:
                yield from _form(one, path, transport)
        elif isinstance(value, dict) and transport != "sns" and value:
            yield from _form(value, inner, transport)
        else:
            yield from _conditions(value, inner, transport)


def _conditions(value: Any, path: str, transport: str) -> Iterator[Finding]:
    if isinstance(value, dict):
        sentence = f"{path}: expected a list; by message attributes a filter can't nest."
        yield Finding(rule="nested", path=path, sentence=sentence)
    elif not isinstance(value, list) or not value:
        sentence = f"{path}: expected a list of at least one value or condition."
        yield Finding(rule="form", path=path, sentence=sentence)
    else:
        for fault in filter(None, (fault_of(one, transport) for one in value)):
            yield Finding(rule="operator", path=path, sentence=f"{path}: {fault}.")


def _overwritten(document: dict[str, Any]) -> Iterator[Finding]:
    """EventBridge lets the last of two rules for a field win, where a reader expects both."""
    branches_paths = [[clause.path for clause in branch] for branch in branches(document)]
    for path in sorted(
        {path for paths in branches_paths for path in paths if paths.count(path) > 1}
    ):
        sentence = f"{path}: given inside $or and beside it; only one of them would count."
        yield Finding(rule="form", path=path, sentence=sentence)


def _limits(document: dict[str, Any], *, sns: bool) -> Iterator[Finding]:
    found = branches(document)
    clauses = {id(clause): clause for branch in found for clause in branch}.values()
    keys = sorted({clause.path for clause in clauses})
    if sns and len(keys) > SNS_KEYS_MAX:
        sentence = f"SNS takes at most {SNS_KEYS_MAX} keys; here are {len(keys)}: "
        yield Finding(rule="keys", sentence=f"{sentence}{', '.join(keys)}.")
    products = [math.prod(len(clause.conditions) for clause in branch) for branch in found]
    who, total, total_max, what, number_max = (
        ("SNS", sum(products), SNS_COMBINATIONS_MAX, "values", SNS_NUMBER_MAX)
        if sns
        else (
            "EventBridge",
            len(found),
            EVENTBRIDGE_COMBINATIONS_MAX,
            "$or",
            EVENTBRIDGE_NUMBER_MAX,
        )
    )
    if total > total_max:
        sentence = f"{who} takes at most {total_max} combinations of {what}; here are {total}."
        yield Finding(rule="combinations", sentence=sentence)
    for clause in clauses:
        for number in _numbers(list(clause.conditions)):
            if not abs(number) <= number_max:
                sentence = (
                    f"{clause.path}: {who} compares numbers up to ±{number_max}, and {number} is "
                    "beyond; times in milliseconds and sequence numbers don't fit."
                )
                yield Finding(rule="number", path=clause.path, sentence=sentence)
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    # Half a surrogate pair can't be matched, and has a size like any other character.
    if sns and len(text.encode(errors="replace")) > SNS_BYTES_MAX:
        yield Finding(rule="size", sentence=f"SNS takes at most {SNS_BYTES_MAX} bytes.")
    if not sns and len(text) > EVENTBRIDGE_CHARACTERS_MAX:
        sentence = (
            f"EventBridge takes {EVENTBRIDGE_CHARACTERS_MAX} characters; here are {len(text)}."
        )
        yield Finding(rule="size", sentence=sentence)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _numbers(one)
    elif isinstance(value, list):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
