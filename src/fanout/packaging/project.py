"""Where a clone keeps its sources, locks and build cache, and which services it has."""

from dataclasses import dataclass
from pathlib import Path

from fanout.errors import WrongUse

ENTRY_MODULE = "lambda_entry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A clone of the repository.

    A service is a package in `src/` that has a `lambda_entry` module and a lock,
    `requirements/<service>.txt`. Nothing else has to be told that there is a new one.
    """

    root: Path

    @property
    def sources(self) -> Path:
        """The folder of the first-party packages."""
        return self.root / "src"

    @property
    def cache(self) -> Path:
        """What builds share: downloaded wheels, and trimmed and compiled dependencies."""
        return self.root / "build" / "packages"

    def lock(self, service: str) -> Path:
        """The locked dependencies of a service."""
        return self.root / "requirements" / f"{service}.txt"

    def services(self) -> tuple[str, ...]:
        """The names of the services that can be packaged, sorted."""
        entries = self.sources.glob(f"*/{ENTRY_MODULE}.py")
        names = (entry.parent.name for entry in entries)
        return tuple(sorted(name for name in names if self.lock(name).is_file()))

    def require(self, service: str) -> None:
        """Raises: WrongUse where there is no such service; it names those that there are."""
        known = self.services()
        if service in known:
            return
        names = ", ".join(known) or f"none in {self.root}"
        raise WrongUse(
            f"No service {service!r}; known: {names}. A service has src/NAME/{ENTRY_MODULE}.py "
            "and requirements/NAME.txt."
        )


def here() -> Project:
    """The clone that this program runs from.

    Raises:
        WrongUse: the program was installed elsewhere, so there is nothing to package.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / "requirements").is_dir():
        raise WrongUse(
            "Packages are built from a clone of the repository, and this installation is none: "
            "run `make install` in a clone and use the `fanout` in its .venv/bin."
        )
    return Project(root=root)
