"""Read a `registry.yaml`, and refuse one that could not be worked with, in one sentence."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from fanout.errors import WrongUse

Check = Callable[[Any], bool]
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


def parse_registry(text: str, where: str) -> dict[str, Any]:
    """The registry, with every field that this project reads of the form that it relies on.

    Args:
        text: the file.
        where: names the file in an error.

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
    if not isinstance(registry, dict) or not _are(registry.get("versions"), _VERSION_NEEDED):
        raise WrongUse(
            f"{where} has no `versions` with a `major` and a `schema` each, the name of a file "
            "beside it."
        )
    if not _are(registry.get("subscribers") or [], {"name": _is_text}):
        raise WrongUse(f"{where} has a subscriber without a `name`.")
    for name, entries, forms in (
        ("the registry", [registry], _REGISTRY),
        ("a version", registry["versions"], _VERSION),
        ("a subscriber", registry.get("subscribers") or [], _SUBSCRIBER),
    ):
        for entry in entries:
            if fault := _fault(entry, forms):
                raise WrongUse(f"{where}: {name} has {fault}.")
    return registry


# Private functions


def _fault(entry: Mapping[str, Any], forms: Mapping[str, tuple[Check, str]]) -> str:
    for name, (check, expected) in forms.items():
        if name in entry and not check(entry[name]):
            return f"a `{name}` that is not {expected}"
    return ""


def _are(entries: Any, needed: Mapping[str, Check]) -> bool:
    return isinstance(entries, list) and all(
        isinstance(entry, dict)
        and all(name in entry and check(entry[name]) for name, check in needed.items())
        for entry in entries
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_file_name(value: Any) -> bool:
    return isinstance(value, str) and bool(_FILE_NAME.fullmatch(value))


def _is_major(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _each(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_map_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(one) for pair in value.items() for one in pair)


def _is_day(value: Any) -> bool:
    return value is None or type(value) is dt.date


_TEXT = (_is_text, "text")
_TEXTS = (_each(_is_text), "a list of texts")
_VERSION_NEEDED: Mapping[str, Check] = {"major": _is_major, "schema": _is_file_name}
_REGISTRY: Mapping[str, tuple[Check, str]] = {
    **dict.fromkeys(("event", "type", "summary", "owner", "compatibility"), _TEXT),
    "publishers": (lambda value: _are(value, {"name": _is_text}), "a list with a `name` each"),
}
_VERSION: Mapping[str, tuple[Check, str]] = {
    **dict.fromkeys(("owner", "status"), _TEXT),
    "filters": (_is_map_of_texts, "fields by name"),
    "sunset": (_is_day, "a day, such as 2027-06-30"),
}
_SUBSCRIBER: Mapping[str, tuple[Check, str]] = {
    "owner": _TEXT,
    "versions": (_each(_is_major), "a list of major versions"),
    "fields": _TEXTS,
    "statuses": _TEXTS,
    "filter_statuses": _TEXTS,
    "latest_state": (lambda value: isinstance(value, bool), "true or false"),
    "status_map": (_is_map_of_texts, "statuses by status"),
}
