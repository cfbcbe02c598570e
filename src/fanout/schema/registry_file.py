"""Read a `registry.yaml`, and refuse one that could not be worked with, in one sentence."""

import datetime as dt
import re
from typing import Annotated, Any, Literal, Self

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


# Private functions


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
