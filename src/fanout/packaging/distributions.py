"""Get the locked distributions: from the running environment, or as wheels through pip.

A local package copies what is installed already, if every version is the locked one and every file
still has the hash that its wheel recorded: no download, and it works offline. Everything else is
downloaded once for each lock and target, checked against the lock's hashes, and kept in the cache.
"""

import base64
import hashlib
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fanout.errors import Refused
from fanout.packaging.cache import scratch, settle
from fanout.packaging.lock import Locked, normalized
from fanout.packaging.target import Target

_OFFLINE = ("NewConnectionError", "NameResolutionError", "ConnectTimeout", "Max retries exceeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledFile:
    """A file of a distribution; `name` is its path below site-packages, with slashes."""

    distribution: str
    name: str
    path: Path
    sha256: str | None

    def is_intact(self) -> bool:
        """Whether the content still has the hash that its wheel recorded, if it recorded one."""
        if self.sha256 is None:
            return True
        digest = base64.urlsafe_b64encode(hashlib.sha256(self.path.read_bytes()).digest())
        return digest.rstrip(b"=").decode() == self.sha256


def installed_here(locked: Iterable[Locked]) -> list[InstalledFile] | None:
    """The files of the running environment, or None where its versions are not the locked ones."""
    files: list[InstalledFile] = []
    for wanted in locked:
        try:
            found = importlib.metadata.distribution(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            return None
        if wanted.conditional or found.version != wanted.version or not found.files:
            return None
        files.extend(_files(found))
    return files


def are_intact(files: Iterable[InstalledFile]) -> bool:
    """Whether every file is there as its wheel brought it."""
    return all(file.path.is_file() and file.is_intact() for file in files)


def downloaded(
    lock: Path, target: Target, cache: Path, say: Callable[[str], None]
) -> list[InstalledFile]:
    """The files of the locked wheels for the target, from the cache or else from the index.

    Raises:
        Refused: no network, no wheel for the target, a hash that differs, no room to write.
    """
    key = hashlib.sha256(
        f"{target.platform}\n{target.python_version}\n".encode() + lock.read_bytes()
    ).hexdigest()[:32]
    folder = cache / "wheels" / key
    if not folder.is_dir():
        say(f"Downloading the dependencies in {lock.name} for {target.platform}.")
        _fill(folder, lock, target)
    found = importlib.metadata.distributions(path=[str(folder)])
    return [file for distribution in found for file in _files(distribution)]


# Private functions


def _files(distribution: importlib.metadata.Distribution) -> list[InstalledFile]:
    name = normalized(distribution.metadata["Name"])
    return [
        InstalledFile(
            distribution=name,
            name=file.as_posix(),
            path=Path(str(distribution.locate_file(file))),
            sha256=file.hash.value if file.hash and file.hash.mode == "sha256" else None,
        )
        for file in distribution.files or ()
        if _belongs(file)
    ]


def _belongs(file: PurePosixPath) -> bool:
    """Leave out scripts, the installer's notes and what only compilers and type checkers read."""
    first = file.parts[0]
    if first == ".." or file.is_absolute() or "__pycache__" in file.parts:
        return False
    if first.endswith(".dist-info"):
        return file.name == "METADATA"
    return file.suffix not in {".pyc", ".pyi"} and file.name != "py.typed"


def _fill(folder: Path, lock: Path, target: Target) -> None:
    with scratch(folder.parent) as partial:
        answer = subprocess.run(  # noqa: S603 - our own interpreter, no shell
            _pip(partial, lock, target), capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            raise Refused(_sentence(answer.stderr + answer.stdout, lock, target))
        settle(partial, folder)


def _pip(into: Path, lock: Path, target: Target) -> list[str]:
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries=1"]
    options += ["--no-deps", "--require-hashes", "--no-compile", "--only-binary=:all:"]
    if not target.is_local:
        options += [f"--platform={target.platform}", "--implementation=cp"]
        options += [f"--python-version={target.python_version}"]
    command = [sys.executable, "-m", "pip", "install", *options]
    return [*command, f"--target={into}", f"--requirement={lock}"]


def _sentence(output: str, lock: Path, target: Target) -> str:
    if "DO NOT MATCH THE HASHES" in output:
        return (
            f"A downloaded file does not have the hash that {lock.name} demands: nothing was "
            "built; find out who changed it before you lock anew."
        )
    if any(sign in output for sign in _OFFLINE):
        return (
            f"The package index can't be reached, and the dependencies in {lock.name} for "
            f"{target.platform} are not in the cache yet: connect once, then builds work offline."
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    last = errors[-1].removeprefix("ERROR:").strip() if errors else output.strip()[-200:]
    python = f"Python {target.python_version} on {target.platform}"
    return f"pip could not get the dependencies in {lock.name} for {python}: {last}"
