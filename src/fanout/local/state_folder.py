"""The folder of a local deployment: its state, its logs, and nothing that outlives `down`.

Only names listed here are ever written or removed, and a folder that holds anything else is
refused, so that a mistyped `--state` destroys nothing.
"""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from fanout.errors import WrongUse
from fanout.local.deployment import LocalDeployment
from fanout.local.processes import RecordedProcess

_STATE, _POLLER_REPORT = "state.json", "poller.json"
_LOG_TAIL_LINES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedState:
    """What a deployment wrote down: its processes, and its description once it is ready."""

    status: Literal["starting", "running"]
    supervisor: RecordedProcess
    emulator: RecordedProcess | None = None
    deployment: LocalDeployment | None = None

    def is_running(self) -> bool:
        """Whether the supervisor lives; it ends when the emulator or the poller does."""
        return self.supervisor.is_running()

    def processes(self) -> list[RecordedProcess]:
        """The supervisor first, since it ends the others when it is asked to."""
        return [self.supervisor, *([self.emulator] if self.emulator else [])]


class StateFolder:
    """The files of a local deployment under one path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.emulator_log = path / "ministack.log"
        self.supervisor_log = path / "supervisor.log"
        self.packages = path / "packages"
        self.temporary = path / "tmp"
        """The temporary folder, and the home, of the emulator and its Lambda processes."""

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            WrongUse: it can't be written, or holds something that is not ours.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            foreign = sorted({entry.name for entry in self.path.iterdir()} - self._own_names())
            if foreign:
                raise WrongUse(
                    f"The state folder {self.path} holds {foreign[0]!r}, which is not ours: "
                    "name an empty or a new folder with --state."
                )
            self.temporary.mkdir(exist_ok=True)
        except OSError as error:
            raise WrongUse(
                f"The state folder {self.path} can't be written ({error.strerror}): "
                "name one that can with --state."
            ) from None

    def claim(self, state: RecordedState) -> bool:
        """Write the first state; False where another supervisor was quicker."""
        try:
            with (self.path / _STATE).open("x", encoding="utf-8") as file:
                json.dump(asdict(state), file)
        except FileExistsError:
            return False
        return True

    def write(self, state: RecordedState) -> None:
        """Replace the state in one step, so that a reader never sees half of it."""
        self._replace(_STATE, asdict(state))

    def write_poller_report(self, report: dict[str, Any]) -> None:
        """Replace what the stream poller says of itself."""
        self._replace(_POLLER_REPORT, report)

    def read_poller_report(self) -> dict[str, Any]:
        """What the stream poller last said; empty before it has said anything."""
        try:
            report: dict[str, Any] = json.loads((self.path / _POLLER_REPORT).read_bytes())
        except (OSError, ValueError):
            return {}
        return report

    def read(self) -> RecordedState | None:
        """The recorded state; None where there is none, or a crash left an unreadable one."""
        try:
            return TypeAdapter(RecordedState).validate_json((self.path / _STATE).read_bytes())
        except (OSError, ValueError):
            return None

    def remove(self) -> None:
        """Remove everything of ours, and the folder itself where nothing else is in it."""
        # The state goes last: as long as it is there, the folder is known as ours.
        for name in sorted(self._own_names(), key=lambda name: name == _STATE):
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
        with suppress(OSError):
            self.path.rmdir()

    def log_tail(self) -> str:
        """The last lines of both logs, for a person who has to find out what went wrong."""
        lines = []
        for log in (self.supervisor_log, self.emulator_log):
            with suppress(OSError):
                text = log.read_text(encoding="utf-8", errors="replace")
                lines += text.splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join(lines)

    # Private functions

    def _own_names(self) -> set[str]:
        paths = (self.emulator_log, self.supervisor_log, self.packages, self.temporary)
        drafts = {f"{_STATE}.new", f"{_POLLER_REPORT}.new"}
        return {_STATE, _POLLER_REPORT, *drafts, *(path.name for path in paths)}

    def _replace(self, name: str, document: dict[str, Any]) -> None:
        draft = self.path / f"{name}.new"
        draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        draft.replace(self.path / name)
