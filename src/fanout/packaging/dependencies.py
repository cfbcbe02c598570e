"""The third-party part of a package: what the service can reach, trimmed, compiled and cached."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from fanout.packaging import aws_models, bytecode, distributions, lock
from fanout.packaging.cache import scratch, settle
from fanout.packaging.distributions import InstalledFile
from fanout.packaging.imports import Module, Scan, reach
from fanout.packaging.target import Target

_NATIVE: Final = ".so"
_TESTS: Final = {"tests", "test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the first-party code names: modules, and what may be AWS services."""

    modules: frozenset[str]
    aws_services: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """The locked distributions for a target, before anything is left out.

    `top_level` are the names that can be imported from them.
    """

    lock: Path
    target: Target
    cache: Path
    files: tuple[InstalledFile, ...]
    from_environment: bool
    top_level: frozenset[str]


def find(path: Path, target: Target, cache: Path, say: Callable[[str], None]) -> Dependencies:
    """The distributions of a lock, from this environment or from the wheels' cache or the index.

    Raises:
        Refused: they have to be downloaded and can't be.
        WrongUse: the lock is no lock.
    """
    installed = distributions.installed_here(lock.read(path)) if target.is_local else None
    files = installed or distributions.downloaded(path, target, cache, say)
    return Dependencies(
        lock=path,
        target=target,
        cache=cache,
        files=tuple(files),
        from_environment=installed is not None,
        top_level=frozenset(name.partition(".")[0] for name in _modules(files)),
    )


def stage(
    dependencies: Dependencies,
    wanted: Wanted,
    interpreter: bytecode.Interpreter | None,
    say: Callable[[str], None],
) -> Path:
    """A folder with the files to package, compiled where there is an interpreter for it.

    It is kept in the cache under everything that its content follows from, so that the next build
    neither reads nor compiles a dependency.
    """
    models = wanted.aws_services & aws_models.known_services(
        file.name for file in dependencies.files
    )
    modules = frozenset(
        name for name in wanted.modules if name.partition(".")[0] in dependencies.top_level
    )
    key = _key(dependencies, modules, models, interpreter)
    folder = dependencies.cache / "dependencies" / key
    if folder.is_dir():
        return folder
    files = dependencies.files
    if dependencies.from_environment and not distributions.are_intact(files):
        say(
            "An installed dependency was changed after its installation: taking the wheels instead."
        )
        files = tuple(
            distributions.downloaded(
                dependencies.lock, dependencies.target, dependencies.cache, say
            )
        )
    say(f"Selecting and compiling the dependencies in {dependencies.lock.name}.")
    kept = select(files, modules, models)
    contents = aws_models.cut_endpoints({f.name: f.path.read_bytes() for f in kept}, models)
    with scratch(folder.parent) as partial:
        _write(partial, contents)
        if interpreter is not None:
            bytecode.compile_tree(partial, _groups(kept), interpreter)
        settle(partial, folder)
    return folder


def select(
    files: Collection[InstalledFile], modules: Iterable[str], models: frozenset[str]
) -> list[InstalledFile]:
    """The files that a service which imports `modules` can come to need.

    Python and native modules that an import can reach; data files of the packages kept; of
    botocore's data, what clients of `models` read (all of it where no model is named, since then
    the services are chosen at run time); the metadata of a distribution that asks for its own.
    """
    index = _modules(files)
    found = reach(index, modules)
    owners = {index[name].path for name in found}
    folders = {_folder(module): False for module in index.values()}
    folders |= {_folder(index[name]): True for name in found}
    data = aws_models.keep((file.name for file in files), models) if models else None
    asked = _asked_for(found)
    return [
        file
        for file in files
        if _is_kept(file, owners=owners, folders=folders, data=data, asked=asked)
    ]


# Private functions


def _modules(files: Iterable[InstalledFile]) -> dict[str, Module]:
    modules = (_module(file) for file in files)
    return {module.name: module for module in modules if module is not None}


def _module(file: InstalledFile) -> Module | None:
    path = PurePosixPath(file.name)
    if path.suffix not in {".py", _NATIVE} or not all(
        part.isidentifier() for part in path.parts[:-1]
    ):
        return None
    stem = path.name.split(".")[0]
    is_package = stem == "__init__"
    parts = path.parts[:-1] if is_package else (*path.parts[:-1], stem)
    return Module(name=".".join(parts), path=file.path, is_package=is_package)


def _folder(module: Module) -> str:
    return module.package.replace(".", "/")


def _is_kept(
    file: InstalledFile,
    *,
    owners: Collection[Path],
    folders: Mapping[str, bool],
    data: Collection[str] | None,
    asked: Collection[str],
) -> bool:
    path = PurePosixPath(file.name)
    if path.name == "METADATA" and path.parts[0].endswith(".dist-info"):
        return file.distribution in asked
    if path.suffix in {".py", _NATIVE} and _module(file) is not None:
        return file.path in owners and not _TESTS & set(path.parts)
    if file.name.startswith(aws_models.DATA) and data is not None:
        return file.name in data
    if path.parts[0].endswith(".libs"):
        return True  # what native modules are linked with
    packages = (str(parent) for parent in path.parents if str(parent) in folders)
    return folders.get(next(packages, ""), False)


def _asked_for(found: Mapping[str, Scan]) -> frozenset[str]:
    """The distributions whose name stands in a module that reads installed metadata."""
    readers = (scan for scan in found.values() if "importlib.metadata" in scan.imports)
    return frozenset(lock.normalized(text) for scan in readers for text in scan.strings)


def _write(root: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _groups(files: Iterable[InstalledFile]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for file in files:
        if file.name.endswith(".py"):
            groups.setdefault(file.distribution, []).append(file.name)
    return list(groups.values())


def _key(
    dependencies: Dependencies,
    modules: frozenset[str],
    models: frozenset[str],
    interpreter: bytecode.Interpreter | None,
) -> str:
    packager = sorted(Path(__file__).parent.glob("*.py"))
    facts = {
        "lock": dependencies.lock.read_text(encoding="utf-8"),
        "platform": dependencies.target.platform,
        "python": dependencies.target.python_version,
        "compiled_by": interpreter.build if interpreter else None,
        "modules": sorted(modules),
        "models": sorted(models),
        "packager": [hashlib.sha256(path.read_bytes()).hexdigest() for path in packager],
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
