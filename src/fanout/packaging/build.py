"""Build a Lambda package: a zip with a service, the first-party modules that it imports, its locked
dependencies, compiled files, and nothing else. The same bytes every time.
"""

import filecmp
import hashlib
import io
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Final

from customer_events import shipped
from customer_events.shipped import SHIPPED, project_root
from fanout.errors import Refused, WrongUse
from fanout.packaging import dependencies
from fanout.packaging.dependencies import Interpreter

LAMBDA_PYTHON: Final = "3.13"
ENTRY_MODULE: Final = "lambda_entry"
PLATFORMS: Final = {
    "local": (None,),
    "arm64": ("manylinux2014_aarch64",),
    "x86_64": ("manylinux2014_x86_64",),
    "both": ("manylinux2014_aarch64", "manylinux2014_x86_64"),
}
"""The wheels' platforms by architecture, as every Lambda runtime from Python 3.11 on takes them."""
_VERSION: Final = re.compile(r"3\.(1[1-9]|[2-9][0-9])")
_NOT_DATA: Final = {".py", ".pyc", ".pyi", ".md"}
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_LEVEL: Final = 6  # 9 takes three times as long and saves less than a hundredth


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A clone of the repository, or what a wheel brings of it.

    A service is a package in `src/` that has a `lambda_entry` module and a lock,
    `requirements/<service>.txt`.
    """

    root: Path

    @property
    def sources(self) -> Path:
        """The folder of the first-party packages."""
        return self.root / "src"

    @property
    def cache(self) -> Path:
        """What builds share: compiled dependencies, and the last package of each service."""
        if self.root == SHIPPED:
            base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
            return Path(base, "fanout", "packages")
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
        """Raises: WrongUse where there is no such service; it names the known ones."""
        known = self.services()
        if service not in known:
            names = ", ".join(known) or f"none in {self.root}"
            raise WrongUse(
                f"No service {service!r}; known: {names}. A service has src/NAME/{ENTRY_MODULE}.py "
                "and requirements/NAME.txt."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPackage:
    """A package on disk."""

    service: str
    arch: str
    path: Path
    sha256: str
    size_bytes: int
    unzipped_bytes: int
    python_version: str


def here() -> Project:
    """The clone that this program runs from, or what it was installed with."""
    return Project(root=project_root())


def choose_python(arch: str, python_version: str | None) -> str:
    """The version that was asked for: this Python's for `local`, else Lambda's, unless named.

    Raises: WrongUse: an unknown architecture or version, or `local` with another Python.
    """
    if arch not in PLATFORMS:
        raise WrongUse(f"No architecture {arch!r}; known: {', '.join(PLATFORMS)}.")
    if python_version is not None and not _VERSION.fullmatch(python_version):
        raise WrongUse(
            f"Not a Python version: {python_version!r}; write it as 3.13 (3.11 or newer)."
        )
    if arch != "local":
        return python_version or LAMBDA_PYTHON
    running = dependencies.running_version()
    if python_version not in {None, running}:
        raise WrongUse(
            f"A local package runs in this interpreter, Python {running}, not in {python_version}: "
            "leave --python-version out, or name another --arch."
        )
    return running


def build_package(
    service: str,
    *,
    output: Path,
    arch: str = "local",
    python_version: str | None = None,
    project: Project | None = None,
) -> BuiltPackage:
    """Build `output/<service>-<arch>.zip`.

    `arch` is `local` (this machine and interpreter), or `arm64`, `x86_64` or `both` (Lambda); for
    `python_version` see `choose_python`. Builds from this clone unless another `project` is given.

    Raises:
        WrongUse: an unknown service, architecture or version; AWS services that are not stated.
        Refused: the target's Python is missing, the output or the cache can't be written, a
            dependency is not locked or can't be downloaded or differs between `both`, or the
            package does not start.
    """
    project = project or here()
    project.require(service)
    interpreter = dependencies.find_interpreter(choose_python(arch, python_version))
    lock, cache = project.lock(service), project.cache
    _require_writable(output, "make it writable or name another with --output")
    _require_writable(cache, "it holds what builds share; make it writable")
    staged = [
        dependencies.stage(lock, platform=platform, interpreter=interpreter, cache=cache)
        for platform in PLATFORMS[arch]
    ]
    path = output / f"{service}-{arch}.zip"
    kept = cache / f"{service}-{arch}-{_digest(project, staged)}.zip"
    try:
        content = kept.read_bytes()
    except FileNotFoundError:
        content = _pack(project, service, staged, interpreter)
        if arch == "local":
            require_start(content, service, interpreter)
        for older in cache.glob(f"{path.stem}-*.zip"):
            older.unlink(missing_ok=True)
        _place(kept, content)
    _place(path, content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unzipped_bytes = sum(entry.file_size for entry in archive.infolist())
    return BuiltPackage(
        service=service,
        arch=arch,
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        unzipped_bytes=unzipped_bytes,
        python_version=interpreter.version,
    )


def first_party(project: Project, service: str) -> dict[str, Path]:
    """The service whole, and of other first-party packages the modules that it can import.

    Every form of import counts, wherever in a file it stands.
    """
    own = {
        ".".join(path.relative_to(project.sources).with_suffix("").parts): path
        for path in (project.sources / service).rglob("*.py")
    }
    finder = ModuleFinder(path=[str(project.sources)])
    for name in own:
        with suppress(SyntaxError):  # `compileall` names the file
            finder.import_hook(name.removesuffix(".__init__"))
    imported = {name: getattr(each, "__file__", None) for name, each in finder.modules.items()}
    return own | {name: Path(path) for name, path in imported.items() if path}


def require_start(package: bytes, service: str, interpreter: Interpreter) -> None:
    """Import the service from the very zip, in an interpreter that sees nothing else.

    Raises: Refused: it does not start; names the module that is missing.
    """
    script = f"import sys; sys.path.insert(0, sys.argv[1]); import {service}.bootstrap"
    with tempfile.TemporaryDirectory(prefix="fanout-start-") as folder:
        zipfile.ZipFile(io.BytesIO(package)).extractall(folder)
        answer = subprocess.run(  # noqa: S603 - an interpreter that we chose, no shell
            [interpreter.path, "-I", "-S", "-B", "-c", script, folder],
            capture_output=True,
            text=True,
            check=False,
            env={},
        )
    if answer.returncode:
        raise Refused(
            f"The package does not start: {answer.stderr.strip().splitlines()[-1]}. A distribution "
            f"that {service} imports belongs into requirements/{service}.in; then run `make lock`."
        )


def zipped(files: Mapping[str, Path]) -> bytes:
    """A zip of `files` (name in the archive to file); its bytes depend on these alone."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_DATE)
            entry.create_system = _UNIX
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name].read_bytes(), zipfile.ZIP_DEFLATED, _LEVEL)
    return packed.getvalue()


# Private functions


def _require_writable(folder: Path, advice: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        says = f"The folder {folder} can't be written ({error.strerror}): {advice}."
        raise Refused(says) from None


def _pack(project: Project, service: str, staged: list[Path], interpreter: Interpreter) -> bytes:
    modules = first_party(project, service)
    data = [
        path
        for package in {name.partition(".")[0] for name in modules}
        for path in _walk(project.sources / package)
        if path.suffix not in _NOT_DATA and path.name != "py.typed" and path.name[0] != "."
    ]
    with tempfile.TemporaryDirectory(prefix="fanout-package-") as scratch:
        root = Path(scratch)
        for path in (*modules.values(), *data):
            target = root / path.relative_to(project.sources)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        if shipped.__name__ in modules:  # it reads the contract's folder
            shutil.copytree(project.root / "schemas", root / "schemas")
        dependencies.compile_tree(root, interpreter)
        return zipped(_merge([*staged, root]))


def _walk(folder: Path) -> Iterator[Path]:
    """Every file in it, in a fixed order, but for compiled ones; linked folders count."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (Path(parent, name) for name in sorted(names))


def _merge(folders: list[Path]) -> dict[str, Path]:
    """The files of all folders, by name; compiled modules have the name of their processor.

    Raises: Refused: a file differs between processors.
    """
    merged: dict[str, Path] = {}
    for folder in folders:
        paths = (path for path in folder.rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): path for path in paths}
        for name in merged.keys() & files.keys():
            if not filecmp.cmp(merged[name], files[name], shallow=False):
                raise Refused(
                    f"{name} differs between arm64 and x86_64, so one package can't serve both: "
                    "build one with `fanout package --arch arm64` or `--arch x86_64`."
                )
        merged |= files
    return merged


def _place(path: Path, content: bytes) -> None:
    """In one step: a full disk leaves no half package, and another build none of its own."""
    unfinished = path.with_suffix(f".unfinished-{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _digest(project: Project, staged: list[Path]) -> str:
    """What a package follows from: its dependencies, every source, and this module."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for dependency in staged:
        digest.update(dependency.name.encode())
    for folder in (project.sources, project.root / "schemas"):
        for file in _walk(folder):
            digest.update(file.relative_to(project.root).as_posix().encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]
