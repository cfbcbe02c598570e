"""Read the folder `schemas/`: each event with its registry, schemas and examples."""

import datetime as dt
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from fanout.errors import WrongUse

# Read a `registry.yaml`, and refuse one that could not be worked with, in one sentence


_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
# What the YAML library lets through besides its own error: a day that no month has, a tag whose
# value is none, nesting without end.
_UNREADABLE = (
    yaml.YAMLError,
    AttributeError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
_NEEDED_BY_ALL = frozenset({"versions", "major", "schema", "name"})


def parse_registry(text: str, where: str, *, complete: bool = False) -> dict[str, Any]:
    """The registry, with every field that this project reads of the form that it relies on.

    Args:
        text: the file.
        where: names the file in an error.
        complete: refuse a field that is missing; an older revision may lack what came later.

    Raises:
        WrongUse: names the field at fault and what was expected.
    """
    try:
        registry = yaml.safe_load(text)
    except _UNREADABLE as error:
        said = " ".join(str(error).split()) if isinstance(error, yaml.YAMLError) else ""
        raise WrongUse(
            f"{where} is not valid YAML: {said[:300] or type(error).__name__}."
        ) from error
    if not isinstance(registry, dict):
        raise WrongUse(f"{where} has no `versions`: it is not an object.")
    try:
        _Registry.model_validate(registry)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            missing = fault["type"] == "missing"
            if complete or not missing or fault["loc"][-1] in _NEEDED_BY_ALL:
                raise WrongUse(
                    _sentence(where, fault["loc"], "" if missing else fault["msg"])
                ) from None
    return registry


def _file_name(value: object) -> object:
    if not isinstance(value, str) or not _FILE_NAME.fullmatch(value):
        raise ValueError("expected the name of a file beside it")
    return value


_Text = Annotated[str, Field(min_length=1)]
_Major = Annotated[int, Field(ge=1)]


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Filters(_Form):
    status: _Text
    previous_status: _Text


class _Version(_Form):
    major: _Major
    schema_: Annotated[str, BeforeValidator(_file_name), Field(alias="schema")]
    owner: _Text
    status: Literal["current", "deprecated"]
    sunset: dt.date | None = None
    filters: _Filters | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.status == "deprecated" and self.sunset is None:
            raise ValueError("a deprecated version needs a `sunset`, such as 2027-06-30")
        return self


class _Publisher(_Form):
    name: _Text
    owner: _Text
    source: _Text


class _Subscriber(_Form):
    name: _Text
    owner: _Text
    versions: Annotated[list[_Major], Field(min_length=1)]
    fields_: Annotated[list[_Text], Field(alias="fields")]
    statuses: list[_Text]
    filter_statuses: list[_Text] | None = None
    latest_state: bool
    status_map: dict[_Text, _Text] | None = None


class _Registry(_Form):
    versions: Annotated[list[_Version], Field(min_length=1)]
    subscribers: list[_Subscriber]
    event: _Text
    type: _Text
    summary: _Text
    owner: _Text
    compatibility: _Text
    publishers: list[_Publisher]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        majors = [version.major for version in self.versions]
        if all(version.status == "deprecated" for version in self.versions):
            raise ValueError("one of the `versions` has to be current")
        for names in (list(map(str, majors)), [one.name for one in self.subscribers]):
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{twice[0]} is listed twice")
        for one in self.subscribers:
            if unknown := set(one.versions) - set(majors):
                raise ValueError(f"{one.name} reads version {min(unknown)}, which is not listed")
        return self


def _sentence(where: str, loc: tuple[int | str, ...], expected: str) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc]
    path = "".join(parts).removeprefix(".")[:100]
    if not expected:
        return f"{where} has no `{path}`."
    said = expected.removeprefix("Value error, ").removesuffix(".")
    return f"{where}: `{path}`: {said}." if path else f"{where}: {said}."


# Where schema files are read from: a folder, or a folder as it was in a git revision


GIT_TIMEOUT_SECONDS = 60


class Tree(Protocol):
    """Text files by their name below the folder, with `/` between the parts."""

    @property
    def label(self) -> str:
        """What a person calls it."""
        ...

    def names(self) -> list[str]:
        """Every file, sorted."""
        ...

    def text(self, name: str) -> str:
        """Raises: WrongUse where the file can't be read as UTF-8."""
        ...


class FolderTree:
    """A folder on disk.

    Raises:
        WrongUse: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise WrongUse(f"{folder} is no folder: name the one that holds the schemas.")
        self._folder = folder

    @property
    def label(self) -> str:
        """The folder's path."""
        return str(self._folder)

    def names(self) -> list[str]:
        """Every file, sorted."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self._folder).as_posix() for path in files)

    def text(self, name: str) -> str:
        """Raises: WrongUse where the file can't be read as UTF-8."""
        try:
            return (self._folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUse(f"{self._folder / name} can't be read: {error}.") from error


class RevisionTree:
    """The same folder, as a git revision has it.

    Raises:
        WrongUse: git is missing, the folder is in no repository, or there is no such revision.
    """

    def __init__(self, folder: Path, revision: str) -> None:
        self._folder = folder
        self._revision = revision
        if not folder.is_dir():
            raise WrongUse(f"{folder} is no folder: name the one that holds the schemas.")
        if self._run("rev-parse", "--is-inside-work-tree") is None:
            raise WrongUse(
                f"{folder} is in no git repository, so there is no revision {revision!r} of it: "
                "give --against a folder instead."
            )
        commit = f"{revision}^{{commit}}"
        if self._run("rev-parse", "--verify", "--quiet", "--end-of-options", commit) is None:
            raise WrongUse(f"{revision!r} is neither a folder nor a revision that git knows here.")

    @property
    def label(self) -> str:
        """The revision as it was asked for."""
        return self._revision

    def names(self) -> list[str]:
        """Every file, sorted."""
        listed = self._run("ls-tree", "-r", "-z", "--name-only", self._revision, "--", ".") or ""
        return sorted(name for name in listed.split("\0") if name)

    def text(self, name: str) -> str:
        """Raises: WrongUse where the file can't be read as UTF-8."""
        text = self._run("show", f"{self._revision}:./{name}")
        if text is None:
            raise WrongUse(f"{name} can't be read as text from {self._revision}.")
        return text

    def _run(self, *arguments: str) -> str | None:
        """What git prints; None where it fails or prints no text."""
        try:
            done = run_git(self._folder, *arguments)
            return done.stdout.decode("utf-8") if done.returncode == 0 else None
        except FileNotFoundError as error:
            raise WrongUse("git is not installed: give --against a folder instead.") from error
        except subprocess.TimeoutExpired as error:
            raise WrongUse(f"git did not answer within {GIT_TIMEOUT_SECONDS} seconds.") from error
        except UnicodeDecodeError:
            return None


def run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git on the repository that the folder is in.

    A hook inherits variables that name the repository of the commit, such as GIT_DIR, and git
    believes them more than the folder: they are left out, and settings (GIT_CONFIG_*) kept.

    Raises:
        FileNotFoundError: git is not installed.
        TimeoutExpired: git did not answer.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_")
    }
    return subprocess.run(  # noqa: S603 - git, with arguments that no shell reads
        ["git", "-C", str(folder), *arguments],  # noqa: S607 - the person's own git
        env=environment,
        capture_output=True,
        timeout=GIT_TIMEOUT_SECONDS,
        check=False,
    )


def read_json(tree: Tree, name: str) -> Any:
    """A JSON file of the tree.

    Raises:
        WrongUse: it is missing, or no JSON, or names a field twice.
    """
    if name not in tree.names():
        raise WrongUse(f"There is no {name} in {tree.label}, though it is referred to.")
    try:
        return parse_json(tree.text(name))
    except ValueError as error:
        raise WrongUse(f"{name} in {tree.label} is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise WrongUse(f"{name} in {tree.label} is nested too deep.") from error


def parse_json(text: str) -> Any:
    """JSON to the letter. Raises: ValueError: it is none, or names a field twice."""
    return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two fields with one name a reader would silently take the last."""
    names = [name for name, _ in pairs]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(doubles)} stands there twice")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


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


# The published schemas of one tree, and who relies on them


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
