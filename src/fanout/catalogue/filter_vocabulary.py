"""What the bus carries, as a filter sees it: every kind of message with what its fields may hold.

On SNS a filter sees four message attributes; on EventBridge the whole document under `detail`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from fanout.catalogue.contract_folder import Contract, EventContract, EventVersion
from fanout.catalogue.filter_conditions import Domain

NONE = "NONE"
"""Stands for no known status before, as the `transition` attribute writes it."""
_EVENTBRIDGE_FIELDS = ("id", "account", "time", "region")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The messages of one type and one transition; `status` is empty for events without one."""

    type: str
    major: int
    previous_status: str
    status: str
    fields: Mapping[str, Domain]

    @property
    def transition(self) -> str:
        """`ACTIVE>SUSPENDED`."""
        return f"{self.previous_status}>{self.status}"


def sns_kinds(contract: Contract) -> list[Kind]:
    """Every kind of message by its SNS message attributes."""
    return list(_kinds(contract, _sns_fields))


def eventbridge_kinds(contract: Contract) -> list[Kind]:
    """Every kind of message by the paths of its EventBridge event, such as `detail.data.status`."""
    return list(_kinds(contract, partial(_eventbridge_fields, contract)))


# Private functions


def _kinds(contract: Contract, fields_of: Callable[..., Mapping[str, Domain]]) -> Iterator[Kind]:
    for event in contract.events:
        for version in event.versions:
            for before, status in _transitions(version):
                yield Kind(
                    type=event.type_of(version.major),
                    major=version.major,
                    previous_status=before,
                    status=status,
                    fields=fields_of(event, version, before, status),
                )


def _transitions(version: EventVersion) -> Iterator[tuple[str, str]]:
    """Each pair of statuses that the schema allows; one pair of nothing where it has none."""
    fields = version.entry.get("filters")
    if not fields:
        yield "", ""
        return
    properties = version.schema["properties"]
    before = [value or NONE for value in properties[fields["previous_status"]]["enum"]]
    yield from product(before, properties[fields["status"]]["enum"])


def _sns_fields(
    event: EventContract, version: EventVersion, before: str, status: str
) -> dict[str, Domain]:
    fields = {
        "type": _one(event.type_of(version.major)),
        "schema_version": _one(str(version.major)),
    }
    if status:
        fields |= {"status": _one(status), "transition": _one(f"{before}>{status}")}
    return fields


def _eventbridge_fields(
    contract: Contract, event: EventContract, version: EventVersion, before: str, status: str
) -> dict[str, Domain]:
    fields = {name: Domain() for name in _EVENTBRIDGE_FIELDS}
    fields |= {"source": Domain(), "version": _one("0"), "detail-type": _one(event.name)}
    fields |= _properties(contract.envelope, "detail")
    fields |= {
        "detail.type": _one(event.type_of(version.major)),
        "detail.dataschema": _one(version.schema["$id"]),
        "detail.datacontenttype": _one("application/json"),
    }
    del fields["detail.data"]
    fields |= _properties(version.schema, "detail.data")
    names = version.entry.get("filters")
    if names:
        previous = None if before == NONE else before
        fields[f"detail.data.{names['status']}"] = _one(status)
        fields[f"detail.data.{names['previous_status']}"] = _one(previous)
    if "change" in version.schema["properties"]:
        fields["detail.data.change"] = Domain(values=_changes(before, status))
    return fields


def _properties(schema: Mapping[str, Any], path: str) -> dict[str, Domain]:
    required = schema.get("required", ())
    return {
        f"{path}.{name}": _domain(rules, always_there=name in required)
        for name, rules in schema["properties"].items()
    }


def _domain(rules: Mapping[str, Any], *, always_there: bool) -> Domain:
    if "const" in rules:
        return Domain(values=(rules["const"],), always_there=always_there)
    if "enum" in rules:
        return Domain(values=tuple(rules["enum"]), always_there=always_there)
    types = rules.get("type", "string")
    return Domain(
        types=frozenset([types] if isinstance(types, str) else types),
        pattern=rules.get("pattern"),
        always_there=always_there,
    )


def _changes(before: str, status: str) -> tuple[str, ...]:
    """How a transition can come about, as the publisher tells it."""
    if status == "REMOVED":
        return ("removed",)
    return ("created", "changed", "snapshot") if before == NONE else ("changed",)


def _one(value: str | None) -> Domain:
    return Domain(values=(value,))
