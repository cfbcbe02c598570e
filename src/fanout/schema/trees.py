"""Where schema files are read from: a folder, or a folder as it was in a git revision."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Protocol

from fanout.errors import WrongUse

GIT_TIMEOUT_SECONDS = 60


class Tree(Protocol):
    """Text files by their name below the folder, with `/` between the parts."""

    @property
    def label(self) -> str:
        """What a person calls it."""
        ...

    def names(self) -> list[str]:
        """Every file, sorted."""
        ...

    def text(self, name: str) -> str:
        """Raises: WrongUse where the file can't be read as UTF-8."""
        ...


class FolderTree:
    """A folder on disk.

    Raises:
        WrongUse: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise WrongUse(f"{folder} is no folder: name the one that holds the schemas.")
        self._folder = folder

    @property
    def label(self) -> str:
        """The folder's path."""
        return str(self._folder)

    def names(self) -> list[str]:
        """Every file, sorted."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self._folder).as_posix() for path in files)

    def text(self, name: str) -> str:
        """Raises: WrongUse where the file can't be read as UTF-8."""
        try:
            return (self._folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WrongUse(f"{self._folder / name} can't be read: {error}.") from error


class RevisionTree:
    """The same folder, as a git revision has it.

    Raises:
        WrongUse: git is missing, the folder is in no repository, or there is no such revision.
    """

    def __init__(self, folder: Path, revision: str) -> None:
        self._folder = folder
        self._revision = revision
        if not folder.is_dir():
            raise WrongUse(f"{folder} is no folder: name the one that holds the schemas.")
        if self._run("rev-parse", "--is-inside-work-tree") is None:
            raise WrongUse(
                f"{folder} is in no git repository, so there is no revision {revision!r} of it: "
                "give --against a folder instead."
            )
        commit = f"{revision}^{{commit}}"
        if self._run("rev-parse", "--verify", "--quiet", "--end-of-options", commit) is None:
            raise WrongUse(f"{revision!r} is neither a folder nor a revision that git knows here.")

    @property
    def label(self) -> str:
        """The revision as it was asked for."""
        return self._revision

    def names(self) -> list[str]:
        """Every file, sorted."""
        listed = self._run("ls-tree", "-r", "-z", "--name-only", self._revision, "--", ".") or ""
        return sorted(name for name in listed.split("\0") if name)

    def text(self, name: str) -> str:
        """Raises: WrongUse where the file can't be read as UTF-8."""
        text = self._run("show", f"{self._revision}:./{name}")
        if text is None:
            raise WrongUse(f"{name} can't be read as text from {self._revision}.")
        return text

    def _run(self, *arguments: str) -> str | None:
        """What git prints; None where it fails or prints no text."""
        try:
            done = run_git(self._folder, *arguments)
            return done.stdout.decode("utf-8") if done.returncode == 0 else None
        except FileNotFoundError as error:
            raise WrongUse("git is not installed: give --against a folder instead.") from error
        except subprocess.TimeoutExpired as error:
            raise WrongUse(f"git did not answer within {GIT_TIMEOUT_SECONDS} seconds.") from error
        except UnicodeDecodeError:
            return None


def run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git on the repository that the folder is in.

    A hook inherits variables that name the repository of the commit, such as GIT_DIR, and git
    believes them more than the folder: they are left out, and settings (GIT_CONFIG_*) kept.

    Raises:
        FileNotFoundError: git is not installed.
        TimeoutExpired: git did not answer.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_")
    }
    return subprocess.run(  # noqa: S603 - git, with arguments that no shell reads
        ["git", "-C", str(folder), *arguments],  # noqa: S607 - the person's own git
        env=environment,
        capture_output=True,
        timeout=GIT_TIMEOUT_SECONDS,
        check=False,
    )


def read_json(tree: Tree, name: str) -> Any:
    """A JSON file of the tree.

    Raises:
        WrongUse: it is missing, or no JSON, or names a field twice.
    """
    if name not in tree.names():
        raise WrongUse(f"There is no {name} in {tree.label}, though it is referred to.")
    try:
        return parse_json(tree.text(name))
    except ValueError as error:
        raise WrongUse(f"{name} in {tree.label} is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise WrongUse(f"{name} in {tree.label} is nested too deep.") from error


def parse_json(text: str) -> Any:
    """JSON to the letter. Raises: ValueError: it is none, or names a field twice."""
    return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two fields with one name a reader would silently take the last."""
    names = [name for name, _ in pairs]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(doubles)} stands there twice")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
