"""Give each cause a number that stays the same, however the groups grow and shrink.

A number that moved between a listing and the replay that goes by it would replay another group.
The numbers are this person's on this machine, for one DLQ; the cause's key is the same anywhere.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from fanout.dlq.diagnosis import Cause
from fanout.errors import WrongUse


class Numbering:
    """Numbers of causes, kept in a file.

    Args:
        folder: where this person's state for the deployment is.
        dlq_arn: the DLQ.
    """

    def __init__(self, folder: Path, dlq_arn: str) -> None:
        name = dlq_arn.replace(":", "_").replace("/", "_")
        self._path = folder / "groups" / f"{name}.json"
        self._numbers = self._read()

    def number(self, causes: Iterable[Cause]) -> dict[str, int]:
        """The number of each cause by its key; new ones get the next."""
        keys = [cause.key for cause in causes]
        new = [key for key in keys if key not in self._numbers]
        for key in new:
            self._numbers[key] = max(self._numbers.values(), default=0) + 1
        if new:
            self._write()
        return {key: self._numbers[key] for key in keys}

    def key_of(self, group: str) -> str:
        """The key of a cause by its number, or by the key itself.

        Raises:
            WrongUse: no cause has this number here.
        """
        keys = {str(number): key for key, number in self._numbers.items()}
        if group in keys:
            return keys[group]
        if len(group) == 8 and all(one in "0123456789abcdef" for one in group):  # noqa: PLR2004 (Cause.key)
            return group
        known = ", ".join(sorted(keys, key=int)) or "none yet"
        raise WrongUse(
            f"No group {group!r}; known on this machine: {known}. `fanout dlq show` numbers them."
        )

    # Private functions

    def _read(self) -> dict[str, int]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): int(number) for key, number in found.items()}

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps(self._numbers), encoding="utf-8")
        new.replace(self._path)
