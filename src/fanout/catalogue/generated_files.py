"""The files that follow from `schemas/`, and whether the ones on disk are current."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fanout.catalogue.contract_folder import Contract
from fanout.console import OUT
from fanout.errors import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedFile:
    """A file below the project's folder, what it should hold, and the command that writes it."""

    path: Path
    render: Callable[[Contract], str]
    command: str


def write(file: GeneratedFile, contract: Contract, target: Path | None = None) -> Path:
    """Write the file anew; answers where it is."""
    path = target or file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(file.render(contract), encoding="utf-8")
    OUT.print(f"Written: {path}", markup=False)
    return path


def expect_current(file: GeneratedFile, contract: Contract, target: Path | None = None) -> None:
    """Raises: Found where the file is missing, or no longer follows from the schemas."""
    path = target or file.path
    if not path.is_file() or path.read_text(encoding="utf-8") != file.render(contract):
        raise Found(f"{path} does not follow from the schemas any more; run `{file.command}`.")
    OUT.print(f"Current: {path}", markup=False)
