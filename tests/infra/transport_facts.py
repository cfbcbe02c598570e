"""In which facts the examples of the transports differ, in a form that can be read."""

import json
import re
from typing import Any

from infra.parity_facts import ABSENT, Facts

_ARN = re.compile(r"arn:aws:([a-z0-9]+):[a-z0-9-]*:\d*:")
_URL = re.compile(r"https://sqs\.[a-z0-9-]+\.amazonaws\.com/\d+/")


def gone(before: Facts, since: Facts) -> set[str]:
    """The resources that there are no more."""
    return _resources(before) - _resources(since)


def changed(before: Facts, since: Facts) -> Facts:
    """What is new or another value; of a policy, the statements that went (-) and came (+)."""
    before, since = _readable(before), _readable(since)
    still_there = _resources(since)
    lost = {name: ABSENT for name in before.keys() - since.keys() if _resource(name) in still_there}
    return lost | {
        name: _difference(before.get(name, []), value) if _says(value) else value
        for name, value in since.items()
        if before.get(name) != value
    }


# Private functions


def _resources(facts: Facts) -> set[str]:
    return {_resource(name) for name in _readable(facts)}


def _resource(fact: str) -> str:
    return fact.partition(": ")[0]


def _readable(facts: Facts) -> Facts:
    """ARNs and URLs without account and Region, names without `.fifo`, statements as sentences."""
    text = _URL.sub("sqs:", _ARN.sub(r"\1:", json.dumps(facts))).replace(".fifo", "")
    return {name: _sentences(value) for name, value in json.loads(text).items()}


def _sentences(value: Any) -> Any:
    if not isinstance(value, list) or not value or '"Effect"' not in str(value[0]):
        return value
    return sorted(_sentence(json.loads(one)) for one in value)


def _sentence(statement: dict[str, Any]) -> str:
    principal = statement.get("Principal", [])
    if isinstance(principal, dict):
        principal = [one for names in principal.values() for one in names]
    conditions = [
        f"{key} {operator} {' or '.join(values) if isinstance(values, list) else values}"
        for operator, tests in statement.get("Condition", {}).items()
        for key, values in tests.items()
    ]
    words = [*statement["Effect"], *principal, *statement["Action"]]
    words += ["on", *statement["Resource"]] if "Resource" in statement else []
    return " ".join(words + [f"if {one}" for one in conditions])


def _says(value: Any) -> bool:
    return isinstance(value, list) and any(
        str(one).startswith(("Allow ", "Deny ")) for one in value
    )


def _difference(before: list[str], since: list[str]) -> list[str]:
    lost = [f"- {one}" for one in before if one not in since] if _says(before) else []
    return lost + [f"+ {one}" for one in since if one not in before]
