"""Read the locks that `make lock` writes: `name==version` with hashes, one per distribution."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout.errors import WrongUse

_PINNED: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9][\w.-]*)(\[[^]]*\])?==(?P<version>[^\s;\\]+)\s*(?P<marker>;.*?)?\s*\\?$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One distribution of a lock; `conditional` where it is wanted on some machines only."""

    name: str
    version: str
    conditional: bool


def read(path: Path) -> tuple[Locked, ...]:
    """The distributions of a lock, in its order.

    Raises:
        WrongUse: a line is no exact pin, so a build from it could not be repeated.
    """
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return tuple(
        _locked(path, number, line)
        for number, line in lines
        if line.strip() and not line.startswith((" ", "\t", "#"))
    )


def normalized(name: str) -> str:
    """A distribution's name as packaging tools compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


# Private functions


def _locked(path: Path, number: int, line: str) -> Locked:
    found = _PINNED.match(line)
    if found is None:
        raise WrongUse(
            f"{path.name} line {number} pins no exact version: {line.strip()!r}; "
            "write the wish into the .in file and run `make lock`."
        )
    return Locked(
        name=normalized(found["name"]),
        version=found["version"],
        conditional=found["marker"] is not None,
    )
