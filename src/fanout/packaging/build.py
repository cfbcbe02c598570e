"""Build a Lambda package: a zip with a service, what it imports, and nothing else."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout.console import ERR
from fanout.errors import WrongUse
from fanout.packaging import archive, bytecode, dependencies
from fanout.packaging.dependencies import Dependencies, Wanted
from fanout.packaging.imports import Module, Scan, reach
from fanout.packaging.project import Project, here
from fanout.packaging.target import Target, choose

_NOT_DATA: Final = {".py", ".pyc", ".pyi", ".md"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPackage:
    """A package on disk; `pyc` says whether it carries compiled files."""

    service: str
    arch: str
    path: Path
    sha256: str
    size_bytes: int
    unzipped_bytes: int
    python_version: str
    pyc: bool


def say_on_stderr(sentence: str) -> None:
    """The default way to report progress and warnings."""
    ERR.print(sentence, markup=False)


def build_package(
    service: str, *, arch: str = "local", output: Path, python_version: str | None = None
) -> Path:
    """Build `output/<service>-<arch>.zip` from this clone and return its path.

    Args:
        service: The name of its package in `src/`, such as `publisher`.
        arch: `local` (this machine and interpreter), `arm64` or `x86_64` (Lambda).
        output: The folder for the package; made if it is missing.
        python_version: `3.13` and the like; None is the running one for `local`, else Lambda's.

    Raises:
        WrongUse: an unknown service, architecture or version; a dependency that is not locked.
        Refused: the output can't be written, or a dependency can't be had.
    """
    return build(service, target=choose(arch, python_version), output=output).path


def build(
    service: str,
    *,
    target: Target,
    output: Path,
    project: Project | None = None,
    say: Callable[[str], None] = say_on_stderr,
) -> BuiltPackage:
    """Like `build_package`, with the facts about the result, from any clone, reporting to `say`."""
    project = project or here()
    project.require(service)
    interpreter = _interpreter(service, target, say)
    modules = _first_party(project)
    found = reach(modules, [name for name in modules if name.split(".")[0] == service])
    third_party = dependencies.find(project.lock(service), target, project.cache, say)
    _require_locked(found, modules, third_party)
    staged = dependencies.stage(third_party, _wanted(found), interpreter, say)
    with tempfile.TemporaryDirectory(prefix="fanout-package-") as scratch:
        root = Path(scratch)
        groups = _copy(project, [modules[name] for name in found], root)
        if interpreter is not None:
            bytecode.compile_tree(root, groups, interpreter)
        path = output / f"{service}-{target.arch}.zip"
        unzipped = archive.write(path, _files(staged) | _files(root))
    content = path.read_bytes()
    return BuiltPackage(
        service=service,
        arch=target.arch,
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        unzipped_bytes=unzipped,
        python_version=target.python_version,
        pyc=interpreter is not None,
    )


# Private functions


def _interpreter(
    service: str, target: Target, say: Callable[[str], None]
) -> bytecode.Interpreter | None:
    interpreter = bytecode.find(target.python_version)
    if interpreter is None:
        say(
            f"Warning: no working python{target.python_version} on the PATH, so {service} is built "
            "without .pyc files and starts about half as fast; install that Python and build again."
        )
    return interpreter


def _first_party(project: Project) -> dict[str, Module]:
    modules: dict[str, Module] = {}
    for path in project.sources.rglob("*.py"):
        parts = path.relative_to(project.sources).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = Module(name=name, path=path, is_package=is_package)
    return modules


def _require_locked(
    found: dict[str, Scan], modules: dict[str, Module], third_party: Dependencies
) -> None:
    own = {name.partition(".")[0] for name in modules}
    provided = own | third_party.top_level | sys.stdlib_module_names
    for name in sorted(found):
        for wanted in sorted(found[name].required):
            if wanted.partition(".")[0] not in provided:
                raise WrongUse(
                    f"{name} imports {wanted}, which {third_party.lock.name} does not lock: add "
                    f"its distribution to {third_party.lock.stem}.in and run `make lock`."
                )


def _wanted(found: dict[str, Scan]) -> Wanted:
    return Wanted(
        modules=frozenset(name for scan in found.values() for name in scan.names),
        aws_services=frozenset(name for scan in found.values() for name in scan.aws_services),
    )


def _copy(project: Project, modules: list[Module], root: Path) -> list[list[str]]:
    """Copy sources and data files; return the sources by package, as paths below `root`."""
    groups: dict[str, list[str]] = {}
    for module in modules:
        name = module.path.relative_to(project.sources).as_posix()
        groups.setdefault(module.name.partition(".")[0], []).append(name)
        _copy_file(module.path, root / name)
    for package in groups:
        for path in _data_files(project.sources / package):
            _copy_file(path, root / path.relative_to(project.sources))
    return list(groups.values())


def _data_files(package: Path) -> Iterator[Path]:
    """What a package reads at run time, such as the schema registry; linked folders count."""
    for folder, folders, names in os.walk(package, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        paths = (Path(folder, name) for name in names)
        yield from (
            path
            for path in paths
            if path.suffix not in _NOT_DATA and path.name != "py.typed" and path.name[0] != "."
        )


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _files(root: Path) -> dict[str, Path]:
    return {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
