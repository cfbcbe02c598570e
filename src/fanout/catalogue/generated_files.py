"""The files that follow from `schemas/`, and whether the ones on disk are current."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from fanout.catalogue import asyncapi, page, shipped_registry
from fanout.catalogue.contract_folder import ENVELOPE_FILE, Contract
from fanout.errors import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedFile:
    """A file below the project's folder, what it should hold, and the command that writes it."""

    path: Path
    render: Callable[[Contract], str]
    command: str


GENERATED = {
    "registry": GeneratedFile(
        path=Path("src/customer_events/registry.json"),
        render=shipped_registry.render,
        command="fanout schema registry",
    ),
    "asyncapi": GeneratedFile(
        path=Path("schemas/asyncapi.yaml"), render=asyncapi.render, command="fanout schema asyncapi"
    ),
    "docs": GeneratedFile(
        path=Path("docs/catalogue.html"), render=page.render, command="fanout schema docs"
    ),
}
"""By the command of `fanout schema` that writes it."""


def with_every_type(contract: Contract) -> str:
    """The envelope's schema; its `type` gains what the registries hold, and never loses a value."""
    types = [event.type_of(one.major) for event in contract.events for one in event.versions]
    envelope = deepcopy(contract.envelope)
    listed = envelope["properties"]["type"]["enum"]
    listed += [name for name in types if name not in listed]
    return json.dumps(envelope, indent=2, ensure_ascii=False) + "\n"


ENVELOPE = GeneratedFile(
    path=Path("schemas") / ENVELOPE_FILE, render=with_every_type, command="fanout schema registry"
)


def produce(
    file: GeneratedFile, contract: Contract, target: Path | None = None, *, check: bool = False
) -> str:
    """Write the file, or only compare it; answers with what was done.

    Raises:
        Found: compared, and it is missing or no longer follows from the schemas.
    """
    path = target or file.path
    text = file.render(contract)
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return f"Written: {path}"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        raise Found(f"{path} does not follow from the schemas any more; run `{file.command}`.")
    return f"Current: {path}"
