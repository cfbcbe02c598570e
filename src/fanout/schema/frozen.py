"""What is published, as it was frozen: `frozen.json` beside the events' folders.

It holds each published schema whole, so that a change can be compared without git, and its hash,
so that nobody edits the record by hand to make a change pass.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fanout.errors import WrongUse
from fanout.schema.catalogue import Catalogue, Published
from fanout.schema.compatibility import canonical
from fanout.schema.trees import Tree, read_json

FILE = "frozen.json"
LABEL = "the frozen versions"
_KEYS = {"sha256", "sunset", "schema"}


def fingerprint(schema: Any) -> str:
    """SHA-256 of the canonical JSON: the layout of the file does not count, every word does."""
    return hashlib.sha256(canonical(schema).encode("ascii")).hexdigest()


def read_frozen(tree: Tree) -> Catalogue:
    """The frozen schemas; none where nothing has been recorded yet.

    Raises:
        WrongUse: the record was not written by `--record`.
    """
    if FILE not in tree.names():
        return Catalogue(label=LABEL)
    record = read_json(tree, FILE)
    entries = record.items() if isinstance(record, dict) else [("", None)]
    return Catalogue(
        label=LABEL, published={name: _published(tree, name, entry) for name, entry in entries}
    )


def _published(tree: Tree, name: str, entry: Any) -> Published:
    where = f"{FILE} in {tree.label}"
    if not isinstance(entry, dict) or set(entry) - {"compatibility"} != _KEYS:
        raise WrongUse(f"{where} is not as `--record` writes it: {name!r}. Restore the file.")
    if entry["sha256"] != fingerprint(entry["schema"]):
        raise WrongUse(
            f"{where} was changed by hand: {name} does not have the hash that stands beside it. "
            "Restore the file; a change of a schema is recorded by --record."
        )
    return Published(
        name=name,
        schema=entry["schema"],
        sunset=_day(entry["sunset"]),
    )


def _day(text: Any) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise WrongUse(f"{FILE} is not as `--record` writes it: {text!r} is no day.") from error


def unrecorded(frozen: Catalogue, proposed: Catalogue) -> list[str]:
    """The names whose record is missing, outdated or of no more use, sorted."""
    before, after = _record(frozen.published), _record(proposed.published)
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def write_frozen(folder: Path, published: Mapping[str, Published]) -> Path:
    """Record these schemas as published; returns the file."""
    path = folder / FILE
    text = json.dumps(_record(published), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _record(published: Mapping[str, Published]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "sha256": fingerprint(one.schema),
            "sunset": None if one.sunset is None else one.sunset.isoformat(),
            "schema": one.schema,
        }
        for name, one in sorted(published.items())
    }
