"""The schema registry as it ships with the contract: which versions end when, who reads what how.

`schemas/*/registry.yaml` is the source; `registry.json` beside this module holds the same as JSON,
written by `fanout schema generate`, so that reading it takes the standard library alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("registry.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A major version; `sunset` is the last day on which a deprecated one is published."""

    major: int
    deprecated: bool
    sunset: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What the registry says of one event.

    Of each subscriber, `status_maps` holds how it reads statuses that it does not know, and
    `subscriber_versions` the major versions that it reads.
    """

    event: str
    versions: tuple[Version, ...]
    status_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    subscriber_versions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def current(self) -> int:
        """The major version that readers should be on."""
        return max(version.major for version in self.versions if not version.deprecated)

    def deprecated(self, major: int) -> Version | None:
        """The version, where it is deprecated."""
        return next(
            (version for version in self.versions if version.major == major and version.deprecated),
            None,
        )

    def status_map(self, subscriber: str) -> Mapping[str, str]:
        """How the subscriber reads statuses that it does not know; empty where it parks them."""
        return self.status_maps.get(subscriber, {})


def load(event: str, file: Path = FILE) -> Registry:
    """Read what ships with this package.

    Raises:
        KeyError: the registry knows no such event.
    """
    entry = json.loads(file.read_text(encoding="utf-8"))[event]
    subscribers = entry["subscribers"]
    return Registry(
        event=event,
        versions=tuple(_version(version) for version in entry["versions"]),
        status_maps={one["name"]: dict(one.get("status_map") or {}) for one in subscribers},
        subscriber_versions={one["name"]: tuple(one.get("versions") or ()) for one in subscribers},
    )


def events(file: Path = FILE) -> tuple[str, ...]:
    """The names of the events that ship with this package."""
    return tuple(json.loads(file.read_text(encoding="utf-8")))


# Private functions


def _version(entry: Mapping[str, Any]) -> Version:
    sunset = entry.get("sunset")
    return Version(
        major=entry["major"],
        deprecated=entry["status"] == "deprecated",
        sunset=date.fromisoformat(sunset) if sunset else None,
    )
