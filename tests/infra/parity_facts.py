"""One language for what SAM and Terraform deploy: facts, such as `queue NAME: retention`."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Facts = dict[str, Any]
"""What is deployed, by the resource and the property of it that the fact is about."""

Read = Iterator[tuple[str, str, dict[str, Any]]]
"""Kind, name and properties of what is read."""

ABSENT = "absent"
"""What a tool says of a fact that it knows nothing of."""


def differences(sam: Facts, terraform: Facts) -> dict[str, tuple[Any, Any]]:
    """What SAM and Terraform say, in this order, of each fact in which they do not agree."""
    return {
        name: (sam.get(name, ABSENT), terraform.get(name, ABSENT))
        for name in sorted(sam.keys() | terraform.keys())
        if sam.get(name, ABSENT) != terraform.get(name, ABSENT)
    }


def about(kind: str, name: str, properties: Mapping[str, Any]) -> Facts:
    """Facts of one resource."""
    return {f"{kind} {name}: {key}": value for key, value in properties.items()}


def reader(
    kind: str,
    name: str | Callable[[dict[str, Any]], str],
    properties: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[[dict[str, Any]], Read]:
    """How a resource is read: its kind, its name by an attribute or a function, its properties."""

    def read(it: dict[str, Any]) -> Read:
        yield kind, it[name] if isinstance(name, str) else name(it), properties(it)

    return read


def statements(policy: str | Mapping[str, Any]) -> list[str]:
    """What a policy says, whatever its statements are called and in whichever order they stand."""
    document = json.loads(policy) if isinstance(policy, str) else policy
    return sorted(
        json.dumps(_unordered({k: v for k, v in one.items() if k != "Sid"}), sort_keys=True)
        for one in document["Statement"]
    )


def key_name(key: str | None) -> str | None:
    """A key by its id, be it named by id or by ARN."""
    return key.rpartition("/")[2] if key else None


def runbook(description: str) -> str | None:
    """The runbook that an alarm's description names."""
    found = re.search(r"Runbook: (\S+)$", " ".join(description.split()))
    return found[1] if found else None


def number(value: Any) -> float | None:
    """A number, which templates may write as a text; None where there is none."""
    return None if value is None else float(value)


def widgets(body: str) -> dict[str, Any]:
    """What a dashboard shows, by the title of each widget, alarms in no order."""
    found = {it["properties"]["title"]: it for it in json.loads(body)["widgets"]}
    for it in found.values():
        if it["type"] == "alarm":
            it["properties"]["alarms"].sort()
    return found


# Private functions


def _unordered(value: Any) -> Any:
    """With each list sorted, and a list of one in place of a single text."""
    if isinstance(value, Mapping):
        return {key: _unordered(inner) for key, inner in value.items()}
    listed = value if isinstance(value, list) else [value]
    return sorted(str(one) for one in listed)
