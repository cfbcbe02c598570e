"""The folder of a local deployment: its state, its logs, and nothing that outlives `down`.

Only names listed here are ever written or removed, and a folder that holds anything else is
refused, so that a slip of the hand in `--state` costs nothing.
"""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from fanout.errors import WrongUse
from fanout.local.deployment import LocalDeployment
from fanout.local.processes import RecordedProcess

_STATE = "state.json"
_LOG_TAIL_LINES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedState:
    """What a deployment wrote down: its processes, and its description once it is ready."""

    status: Literal["starting", "running"]
    supervisor: RecordedProcess
    emulator: RecordedProcess | None = None
    deployment: LocalDeployment | None = None

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read what `to_document` wrote."""
        emulator = document["emulator"]
        deployment = document["deployment"]
        return cls(
            status=document["status"],
            supervisor=RecordedProcess(**document["supervisor"]),
            emulator=RecordedProcess(**emulator) if emulator else None,
            deployment=LocalDeployment.from_document(deployment) if deployment else None,
        )

    def to_document(self) -> dict[str, Any]:
        """One JSON object, nested as the fields are."""
        return asdict(self)

    def is_running(self) -> bool:
        """Whether the supervisor lives; it ends when the emulator or the poller does."""
        return self.supervisor.is_running()

    def processes(self) -> list[RecordedProcess]:
        """The supervisor first, since it ends the others when it is asked to."""
        return [self.supervisor, *([self.emulator] if self.emulator else [])]


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The files of a local deployment under one path."""

    path: Path

    @property
    def emulator_log(self) -> Path:
        """What MiniStack printed."""
        return self.path / "ministack.log"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor and the stream poller logged."""
        return self.path / "supervisor.log"

    @property
    def poller_report(self) -> Path:
        """What the stream poller last said of itself, as JSON."""
        return self.path / "poller.json"

    @property
    def packages(self) -> Path:
        """Where the Lambda packages are built."""
        return self.path / "packages"

    @property
    def temporary(self) -> Path:
        """The temporary folder, and the home, of the emulator and its Lambda processes."""
        return self.path / "tmp"

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
                json.dump(state.to_document(), file)
        except FileExistsError:
            return False
        return True

    def write(self, state: RecordedState) -> None:
        """Replace the state in one step, so that a reader never sees half of it."""
        _replace(self.path / _STATE, state.to_document())

    def write_poller_report(self, report: dict[str, Any]) -> None:
        """Replace what the stream poller says of itself."""
        _replace(self.poller_report, report)

    def read_poller_report(self) -> dict[str, Any]:
        """What the stream poller last said; empty before it has said anything."""
        try:
            report: dict[str, Any] = json.loads(self.poller_report.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return report

    def read(self) -> RecordedState | None:
        """The recorded state; None where there is none, or a crash left an unreadable one."""
        try:
            document = json.loads((self.path / _STATE).read_text(encoding="utf-8"))
            return RecordedState.from_document(document)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self) -> None:
        """Remove everything of ours, and the folder itself where nothing else is in it."""
        for name in sorted(self._own_names() - {_STATE}):
            _remove(self.path / name)
        _remove(self.path / _STATE)  # last: as long as it is there, the folder is known as ours
        with suppress(OSError):
            self.path.rmdir()

    def log_tail(self) -> str:
        """The last lines of both logs, for a person who has to find out what went wrong."""
        lines = []
        for log in (self.supervisor_log, self.emulator_log):
            with suppress(OSError):
                lines += log.read_text(encoding="utf-8", errors="replace").splitlines()[
                    -_LOG_TAIL_LINES:
                ]
        return "\n".join(lines)

    def _own_names(self) -> set[str]:
        replaced = (_STATE, self.poller_report.name)
        others = (self.emulator_log, self.supervisor_log, self.packages, self.temporary)
        return {*replaced, *map(_draft_name, replaced), *(path.name for path in others)}


# Private functions


def _draft_name(name: str) -> str:
    return f"{name}.new"


def _replace(path: Path, document: dict[str, Any]) -> None:
    draft = path.with_name(_draft_name(path.name))
    draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
