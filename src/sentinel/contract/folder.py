"""Read the folder `schemas/`: each event with its registry, schemas and examples."""

import datetime as dt
import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from customer_events.shipped import project_root
from sentinel.errors import WrongUse

# The form of a registry and of a schema: every field that this project reads of them

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_NEEDED_BY_ALL = frozenset({"versions", "major", "schema", "name"})
# The YAML library's own error, and what it lets through besides: a day that no month has, a tag
# whose value is none, nesting without end.
_UNREADABLE = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, RuntimeError)


def _file_name(value: object) -> object:
    if not isinstance(value, str) or not _FILE_NAME.fullmatch(value):
        raise ValueError("expected the name of a file beside it")
    return value


def _full(mode: str) -> str:
    """Within a major version old and new readers must both be able to read."""
    if mode != "full":
        raise ValueError("expected `full`; `backward` and `forward` are not offered any more")
    return mode


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
    compatibility: Annotated[str, AfterValidator(_full)]
    publishers: list[_Publisher]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        majors = [version.major for version in self.versions]
        if all(version.status == "deprecated" for version in self.versions):
            raise ValueError("one of the `versions` has to be current")
        for names in (list(map(str, majors)), [reader.name for reader in self.subscribers]):
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{twice[0]} is listed twice")
        for reader in self.subscribers:
            if unknown := set(reader.versions) - set(majors):
                raise ValueError(f"{reader.name} reads version {min(unknown)}, which is not listed")
        return self


class _Property(_Form):
    description: str = ""


class _Schema(_Form):
    id_: Annotated[str, Field(alias="$id")]
    description: str
    properties: dict[str, _Property]


def parse_registry(text: str, where: str, *, complete: bool = False) -> dict[str, Any]:
    """The registry, with every field that this project reads of the form that it relies on.

    `where` names the file in an error. `complete` refuses a field that is missing; an older
    revision may lack what came later.

    Raises: WrongUse: names the field at fault and what was expected.
    """
    try:
        registry = yaml.safe_load(text)
    except (*_UNREADABLE, TypeError, ValueError) as error:
        said = " ".join(str(error).split()) if isinstance(error, yaml.YAMLError) else ""
        raise WrongUse(
            f"{where} is not valid YAML: {said[:300] or type(error).__name__}."
        ) from error
    _require(_Registry, registry, where, complete=complete)
    return dict(registry)


def _require(form: type[_Form], document: Any, where: str, *, complete: bool = True) -> None:
    """Raises: WrongUse with the first fault; unless `complete`, a field may be missing."""
    try:
        form.model_validate(document)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            is_missing = fault["type"] == "missing"
            if complete or not is_missing or fault["loc"][-1] in _NEEDED_BY_ALL:
                raise WrongUse(_sentence(where, fault)) from None


def _sentence(where: str, fault: ErrorDetails) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]]
    path = "".join(parts).removeprefix(".")[:100]
    if fault["type"] == "missing":
        return f"{where} has no `{path}`."
    said = fault["msg"].removeprefix("Value error, ").removesuffix(".")[:300]
    if fault["type"] == "model_type":  # the library names a class of this module
        said = "expected an object"
    return f"{where}: `{path}`: {said}." if path else f"{where}: {said}."


# Where schema files are read from: a folder, or a folder as it was in a git revision

GIT_TIMEOUT_SECONDS = 60
DEFAULT_FOLDER = Path("schemas")
ENVELOPE_FILE = "envelope.schema.json"
REGISTRY_FILE = "registry.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A folder of schemas, as it is or as a git revision has it.

    Raises: WrongUse: there is no such folder.
    """

    folder: Path
    revision: str | None = None

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise WrongUse(f"{self.folder} is not a folder: name the one that holds the schemas.")

    def where(self, name: str) -> str:
        """The file as an error names it: by its path, or as git writes a file of a revision."""
        return str(self.folder / name) if self.revision is None else f"{self.revision}:{name}"

    def read_json(self, name: str) -> Any:
        """Raises: as the function `read_json` does."""
        return read_json(self.folder / name, self.where(name))


@contextmanager
def checked_out(folder: Path, revision: str) -> Iterator[Source]:
    """The folder as a git revision has it, for as long as the context lasts.

    Raises: WrongUse: git is missing, the folder is in no repository, or there is no such revision.
    """
    Source(folder=folder)
    if git(folder, "rev-parse", "--is-inside-work-tree") is None:
        raise WrongUse(
            f"{folder} is in no git repository, so there is no revision {revision!r} of it: "
            "give --against a folder instead."
        )
    names = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    commit = git(folder, *names)
    if commit is None:
        raise WrongUse(f"{revision!r} is neither a folder nor a revision that git knows here.")
    with TemporaryDirectory(prefix="fanout-schemas-") as scratch:
        # Of the folder alone; nothing where the revision does not have it.
        packed = git(folder, "archive", "--format=zip", commit.decode().strip())
        if packed is not None:
            zipfile.ZipFile(io.BytesIO(packed)).extractall(scratch)
        yield Source(folder=Path(scratch), revision=revision)


def git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints about the repository that the folder is in; None where it fails.

    A hook inherits variables that name the repository of the commit, such as GIT_DIR, and git
    believes them more than the folder: they are left out, and settings (GIT_CONFIG_*) kept.

    Raises: WrongUse: git is not installed, or did not answer.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_")
    }
    try:
        done = subprocess.run(  # noqa: S603 - git, with arguments that no shell reads
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the person's own git
            env=environment,
            capture_output=True,
            timeout=GIT_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise WrongUse("git is not installed: give --against a folder instead.") from error
    except subprocess.TimeoutExpired as error:
        raise WrongUse(f"git did not answer within {GIT_TIMEOUT_SECONDS} seconds.") from error
    return done.stdout if done.returncode == 0 else None


def read_text(path: Path, where: object = "") -> str:
    """The file, which errors call `where`, or by its path.

    Raises: WrongUse: it is missing, or is not UTF-8.
    """
    where = where or path
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{where} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise WrongUse(f"{where} can't be read: it is not UTF-8.") from error


def read_json(path: Path, where: object = "") -> Any:
    """The file, as JSON to the letter; of two fields with one name a reader would take the last.

    Raises: WrongUse: as `read_text` does, and where it is not JSON or names a field twice.
    """
    where = where or path
    text = read_text(path, where)
    try:
        return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse)
    except ValueError as error:
        raise WrongUse(f"{where} is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise WrongUse(f"{where} is nested too deep.") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(doubles)} appears twice")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


# The contract: each event with its versions, schemas and examples


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
        return str(self.registry.get("event", self.folder))

    def type_of(self, major: int) -> str:
        """The CloudEvents type of a major version."""
        return f"{self.registry['type']}.v{major}"

    def version(self, major: int) -> EventVersion:
        """Raises: WrongUse where there is no such version."""
        for version in self.versions:
            if version.major == major:
                return version
        known = ", ".join(str(version.major) for version in self.versions)
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
        known = ", ".join(event.name for event in self.events)
        raise WrongUse(f"No event {name!r} in the registry; known: {known}.")


def read_contract(folder: Path = DEFAULT_FOLDER) -> Contract:
    """Read every event folder, that is, every folder with a `registry.yaml`.

    Raises: WrongUse: no such folder, or a file in it that can't be read.
    """
    return contract_of(Source(folder=folder))


def contract_of(source: Source, *, complete: bool = True) -> Contract:
    """`complete`: refuse a registry with a field missing."""
    paths = sorted(source.folder.glob(f"*/{REGISTRY_FILE}"))
    if not paths:
        raise WrongUse(
            f"There are no schemas in {source.revision or source.folder}: no event's folder there "
            f"holds a {REGISTRY_FILE}; --schemas names another folder."
        )
    events = tuple(_event(source, path.parent.name, complete=complete) for path in paths)
    if len({event.name for event in events}) < len(events):
        raise WrongUse("Two registries have the same `event`: each needs its own.")
    return Contract(events=events, envelope=_schema(source, ENVELOPE_FILE, "type"))


@cache
def installed_contract() -> Contract:
    """The contract that came with this program, for commands that run outside of a clone."""
    return read_contract(project_root() / "schemas")


def _event(source: Source, folder: str, *, complete: bool) -> EventContract:
    name = f"{folder}/{REGISTRY_FILE}"
    registry = parse_registry(
        read_text(source.folder / name, source.where(name)), source.where(name), complete=complete
    )
    entries = sorted(registry["versions"], key=lambda entry: int(entry["major"]))
    return EventContract(
        folder=folder,
        registry=registry,
        versions=tuple(_version(source, folder, entry) for entry in entries),
    )


def _version(source: Source, folder: str, entry: dict[str, Any]) -> EventVersion:
    examples = f"{folder}/examples/v{entry['major']}"
    filters = entry.get("filters") or {}
    listed = [filters[name] for name in _Filters.model_fields if name in filters]
    return EventVersion(
        major=entry["major"],
        entry=entry,
        schema=_schema(source, f"{folder}/{entry['schema']}", *listed),
        examples={
            path.stem: source.read_json(f"{examples}/{path.name}")
            for path in sorted((source.folder / examples).glob("*.json"))
        },
    )


def _schema(source: Source, name: str, *listed: str) -> dict[str, Any]:
    """A schema with what is read of it later; the `listed` fields have an `enum`."""
    schema, where = source.read_json(name), source.where(name)
    _require(_Schema, schema, where)
    for field in listed:
        if not isinstance(schema["properties"].get(field, {}).get("enum"), list):
            raise WrongUse(f"{where}: `{field[:100]}` has no `enum`, which lists its values.")
    return dict(schema)
