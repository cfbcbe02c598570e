"""The contract's own documents: those that a consumer has to read, and to refuse."""

from pathlib import Path

_FOLDER = Path(__file__).parents[3] / "schemas" / "customer_status_changed"


def examples(major: int = 2) -> dict[str, str]:
    """Documents of a major version as their text, by name: each has to end in a row."""
    return _texts("examples", major)


def rejected(major: int = 2) -> dict[str, str]:
    """Documents that break the contract: each has to be parked."""
    return _texts("rejected", major)


# Private functions


def _texts(kind: str, major: int) -> dict[str, str]:
    paths = sorted((_FOLDER / kind / f"v{major}").glob("*.json"))
    if not paths:
        raise ValueError(f"no {kind} of version {major} in the contract")
    return {path.stem: path.read_text(encoding="utf-8") for path in paths}
