"""The published schemas of one tree, and who relies on them."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fanout.errors import WrongUse
from fanout.schema.registry_file import parse_registry
from fanout.schema.trees import Tree, read_json

REGISTRY = "registry.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A service that reads the event, and what it relies on.

    Attributes:
        versions: Major versions that it reads.
        fields: Fields of `data` that its code reads.
        statuses: Statuses that its code names.
    """

    name: str
    versions: frozenset[int]
    fields: frozenset[str]
    statuses: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One schema file that readers apply.

    Attributes:
        name: Its path below the folder of schemas.
        major: None for what surrounds every version: the envelope.
        status_field: The field of `data` that holds the status; None where it is not declared.
        sunset: The last day on which it is published; None where it has no end.
    """

    name: str
    schema: Any
    major: int | None = None
    status_field: str | None = None
    sunset: dt.date | None = None
    subscribers: tuple[Subscriber, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Every published schema of one tree, by name."""

    label: str
    published: Mapping[str, Published] = field(default_factory=dict)


def read_catalogue(tree: Tree, *, complete: bool = False) -> Catalogue:
    """Read the registries, and each schema that they name or that lies beside them.

    A folder with `registry.yaml` is an event. `*.schema.json` outside of such folders belongs to
    all events; every subscriber relies on it. `complete`: refuse a registry with a field missing.

    Raises:
        WrongUse: there are no schemas, or a file of theirs can't be read.
    """
    names = tree.names()
    registries = [name for name in names if name.split("/")[1:] == [REGISTRY]]
    if not registries:
        raise WrongUse(
            f"There are no schemas in {tree.label}: no event's folder there holds a {REGISTRY}."
        )
    published: dict[str, Published] = {}
    for name in registries:
        folder = name.removesuffix(REGISTRY)
        for one in _versions(tree, folder, _registry(tree, name, complete=complete)):
            published[one.name] = one
    everyone = merged(sub for one in published.values() for sub in one.subscribers)
    folders = tuple(name.removesuffix(REGISTRY) for name in registries)
    for name in names:
        if name.endswith(".schema.json") and not name.startswith(folders):
            schema = read_json(tree, name)
            published[name] = Published(name=name, schema=schema, subscribers=everyone)
    return Catalogue(label=tree.label, published=published)


def merged(subscribers: Iterable[Subscriber]) -> tuple[Subscriber, ...]:
    """One entry for each name, which relies on what any of its entries does."""
    found: dict[str, Subscriber] = {}
    for one in subscribers:
        known = found.get(one.name, one)
        found[one.name] = Subscriber(
            name=one.name,
            versions=known.versions | one.versions,
            fields=known.fields | one.fields,
            statuses=known.statuses | one.statuses,
        )
    return tuple(found[name] for name in sorted(found))


def _versions(tree: Tree, folder: str, registry: Mapping[str, Any]) -> Iterable[Published]:
    subscribers = merged(
        Subscriber(
            name=str(one["name"]),
            versions=frozenset(one.get("versions", ())),
            fields=frozenset(one.get("fields", ())),
            statuses=frozenset(one.get("statuses", ())),
        )
        for one in registry.get("subscribers") or ()
    )
    for version in registry["versions"]:
        name = folder + version["schema"]
        major = version["major"]
        yield Published(
            name=name,
            schema=read_json(tree, name),
            major=major,
            status_field=(version.get("filters") or {}).get("status"),
            sunset=version.get("sunset"),
            subscribers=tuple(one for one in subscribers if major in one.versions),
        )


def _registry(tree: Tree, name: str, *, complete: bool) -> Mapping[str, Any]:
    """The registry.

    Raises:
        WrongUse: it can't be read, or asks for less than full compatibility.
    """
    where = f"{name} in {tree.label}"
    registry = parse_registry(tree.text(name), where, complete=complete)
    if registry.get("compatibility", "full") != "full":
        raise WrongUse(
            f"{where}: `compatibility` is `full`. `backward` and `forward` are not offered any "
            "more: within a major version old and new readers must both be able to read."
        )
    return registry
