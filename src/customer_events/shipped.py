"""Where the project's other files lie, such as `schemas/`, `infra/` and `requirements/`."""

from pathlib import Path

_PACKAGES = Path(__file__).resolve().parents[1]
SHIPPED = _PACKAGES / "fanout" / "shipped"
"""What a wheel brings of the other files, laid out as in a clone; `pyproject.toml` lists them."""


def project_root() -> Path:
    """The clone that this program runs from, or, where it was installed, `SHIPPED`."""
    return SHIPPED if SHIPPED.is_dir() else _PACKAGES.parent
