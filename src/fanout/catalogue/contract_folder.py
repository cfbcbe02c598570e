"""Read the folder `schemas/`: each event with its registry, schemas and examples."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fanout.errors import WrongUse
from fanout.schema.registry_file import parse_registry
from fanout.schema.trees import parse_json

DEFAULT_FOLDER = Path("schemas")
ENVELOPE_FILE = "envelope.schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventVersion:
    """A major version: its registry entry, the schema of `data`, documents by file name."""

    major: int
    entry: dict[str, Any]
    schema: dict[str, Any]
    examples: dict[str, dict[str, Any]]

    @property
    def deprecated(self) -> bool:
        """Whether it ends; `entry["sunset"]` then says when."""
        return bool(self.entry["status"] == "deprecated")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContract:
    """One event: its folder's name, its registry, and its versions, lowest first."""

    folder: str
    registry: dict[str, Any]
    versions: tuple[EventVersion, ...]

    @property
    def name(self) -> str:
        """Such as `CustomerStatusChanged`."""
        return str(self.registry["event"])

    def type_of(self, major: int) -> str:
        """The CloudEvents type of a major version."""
        return f"{self.registry['type']}.v{major}"

    def version(self, major: int) -> EventVersion:
        """Raises: WrongUse where there is no such version."""
        for version in self.versions:
            if version.major == major:
                return version
        known = ", ".join(str(one.major) for one in self.versions)
        raise WrongUse(f"{self.name} has no major version {major}; known: {known}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """All events, by folder name, and the schema of what surrounds `data`."""

    events: tuple[EventContract, ...]
    envelope: dict[str, Any]

    def event(self, name: str) -> EventContract:
        """Raises: WrongUse where there is no such event."""
        for event in self.events:
            if event.name == name:
                return event
        known = ", ".join(one.name for one in self.events)
        raise WrongUse(f"No event {name!r} in the registry; known: {known}.")


def read_contract(folder: Path = DEFAULT_FOLDER) -> Contract:
    """Read every event folder, that is, every folder with a `registry.yaml`.

    Raises:
        WrongUse: no such folder, or a file in it that can't be read.
    """
    registries = sorted(folder.glob("*/registry.yaml"))
    if not registries:
        raise WrongUse(
            f"No event in {folder}: expected folders with a registry.yaml; use --schemas."
        )
    events = tuple(_event(path.parent) for path in registries)
    if len({event.name for event in events}) < len(events):
        raise WrongUse(f"Two registries in {folder} have the same `event`: each needs its own.")
    return Contract(events=events, envelope=_schema(folder / ENVELOPE_FILE, "type"))


@cache
def installed_contract() -> Contract:
    """The contract that came with this program, for commands that run outside of a clone."""
    packaged, clone = Path(__file__).parent / "schemas", Path(__file__).resolve().parents[3]
    return read_contract(packaged if packaged.is_dir() else clone / "schemas")


# Private functions


def _event(folder: Path) -> EventContract:
    path = folder / "registry.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise WrongUse(f"{path} is no registry ({type(error).__name__}).") from error
    registry = parse_registry(text, str(path), complete=True)
    entries = sorted(registry["versions"], key=lambda entry: int(entry["major"]))
    return EventContract(
        folder=folder.name,
        registry=registry,
        versions=tuple(_version(folder, entry) for entry in entries),
    )


def _version(folder: Path, entry: dict[str, Any]) -> EventVersion:
    examples = sorted((folder / "examples" / f"v{entry['major']}").glob("*.json"))
    return EventVersion(
        major=entry["major"],
        entry=entry,
        schema=_schema(folder / entry["schema"], *(entry.get("filters") or {}).values()),
        examples={path.stem: _json(path) for path in examples},
    )


def _schema(path: Path, *with_values: str) -> dict[str, Any]:
    """A schema with what is read of it later; `with_values` are fields that list their values."""
    schema = _json(path)
    fields = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(fields, dict) or not all(isinstance(one, dict) for one in fields.values()):
        raise WrongUse(f"{path} has no `properties` with an object for each field.")
    for name in ("$id", "description"):
        if not isinstance(schema.get(name), str):
            raise WrongUse(f"{path} has no `{name}`, a text.")
    for name in with_values:
        if not isinstance(fields.get(name, {}).get("enum"), list):
            raise WrongUse(f"{path}: the field `{name}` has no `enum`, which lists its values.")
    return schema


def _json(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WrongUse(f"{path} can't be read as JSON ({type(error).__name__}).") from error
    return document
