"""Where the project's other files lie, such as `schemas/`, `infra/` and `requirements/`."""

from pathlib import Path

_PACKAGES = Path(__file__).resolve().parents[1]
SHIPPED = _PACKAGES / "fanout" / "shipped"
"""What a wheel brings of the other files, laid out as in a clone; `pyproject.toml` lists them."""


def project_root() -> Path:
    """The clone that this program runs from; `SHIPPED`, where it was installed; or, in a Lambda
    package that has `schemas/`, the package itself.
    """
    for root in (SHIPPED, _PACKAGES):
        if (root / "schemas").is_dir():
            return root
    return _PACKAGES.parent
