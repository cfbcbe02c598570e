"""Build a Lambda package: a zip with a service, the first-party modules that it imports, its locked
dependencies, compiled files, and nothing else. The same bytes every time.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Final

from fanout.console import ERR
from fanout.errors import Refused, WrongUse
from fanout.packaging import dependencies
from fanout.packaging.dependencies import Interpreter

ARCHITECTURES: Final = ("local", "arm64", "x86_64")
LAMBDA_PYTHON: Final = "3.13"
ENTRY_MODULE: Final = "lambda_entry"
_WHEEL_MACHINE: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
_VERSION: Final = re.compile(r"3\.(1[1-9]|[2-9][0-9])")
_NOT_DATA: Final = {".py", ".pyc", ".pyi", ".md"}
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_LEVEL: Final = 6  # 9 takes three times as long and saves less than a hundredth
_START_TIMEOUT_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`arch` is `local`, `arm64` or `x86_64`; `python_version` is `3.13` and the like."""

    arch: str
    python_version: str

    @property
    def is_local(self) -> bool:
        """Whether the package is for this machine and the running interpreter."""
        return self.arch == "local"

    @property
    def platform(self) -> str | None:
        """The wheels' platform, which every Lambda runtime from Python 3.11 on has; None: ours."""
        return None if self.is_local else f"manylinux2014_{_WHEEL_MACHINE[self.arch]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A clone of the repository.

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
        """What builds share: downloaded wheels, and compiled dependencies."""
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
    """The clone that this program runs from.

    Raises:
        WrongUse: the program was installed elsewhere, so there is nothing to package.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / "requirements").is_dir():
        raise WrongUse(
            "Packages are built from a clone of the repository, and this is an installation: "
            "run `make install` in a clone and use the `fanout` in its .venv/bin."
        )
    return Project(root=root)


def choose(arch: str, python_version: str | None) -> Target:
    """The target that was asked for: this Python for `local`, else Lambda's, unless named.

    Raises:
        WrongUse: an unknown architecture or version, or `local` with another Python.
    """
    if arch not in ARCHITECTURES:
        raise WrongUse(f"No architecture {arch!r}; known: {', '.join(ARCHITECTURES)}.")
    if python_version is not None and not _VERSION.fullmatch(python_version):
        raise WrongUse(
            f"Not a Python version: {python_version!r}; write it as 3.13 (3.11 or newer)."
        )
    if arch != "local":
        return Target(arch=arch, python_version=python_version or LAMBDA_PYTHON)
    running = dependencies.running_version()
    if python_version not in {None, running}:
        raise WrongUse(
            f"A local package runs in this interpreter, Python {running}, not in {python_version}: "
            "leave --python-version out, or name another --arch."
        )
    return Target(arch=arch, python_version=running)


def say_on_stderr(sentence: str) -> None:
    """The default way to report progress."""
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
        Refused: the target's Python is missing, the output can't be written, a dependency can't
            be downloaded, or the package does not start.
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
    interpreter = dependencies.find_interpreter(target.python_version)
    staged = dependencies.stage(
        project.lock(service),
        platform=target.platform,
        interpreter=interpreter,
        cache=project.cache,
        say=say,
    )
    with tempfile.TemporaryDirectory(prefix="fanout-package-") as scratch:
        root = Path(scratch)
        _copy_first_party(project, service, root)
        dependencies.compile_tree(root, interpreter)
        path = output / f"{service}-{target.arch}.zip"
        unzipped = write_zip(path, _files(staged) | _files(root))
    if target.is_local:
        require_start(path, service, interpreter)
    content = path.read_bytes()
    return BuiltPackage(
        service=service,
        arch=target.arch,
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        unzipped_bytes=unzipped,
        python_version=target.python_version,
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


def require_start(path: Path, service: str, interpreter: Interpreter) -> None:
    """Import the service from the very zip, in an interpreter that sees nothing else.

    Raises:
        Refused: it does not start; names the module that is missing.
    """
    script = f"import sys; sys.path.insert(0, sys.argv[1]); import {service}.bootstrap"
    with tempfile.TemporaryDirectory(prefix="fanout-start-") as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        try:
            answer = subprocess.run(  # noqa: S603 - an interpreter that we chose, no shell
                [interpreter.path, "-I", "-S", "-B", "-c", script, folder],
                capture_output=True,
                text=True,
                check=False,
                timeout=_START_TIMEOUT_SECONDS,
                env={},
            )
        except subprocess.TimeoutExpired:
            raise Refused(
                f"{path.name} did not start within {_START_TIMEOUT_SECONDS} seconds."
            ) from None
    if answer.returncode:
        path.unlink()
        raise Refused(
            f"{path.name} does not start: {answer.stderr.strip().splitlines()[-1]}. A distribution "
            f"that {service} imports belongs into requirements/{service}.in; then run `make lock`."
        )


def write_zip(path: Path, files: Mapping[str, Path]) -> int:
    """Write `files` (name in the archive to file), all or nothing; bytes depend on these alone.

    Returns:
        The unpacked size in bytes.

    Raises:
        Refused: the folder can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    except OSError as error:
        raise Refused(
            f"The output folder {path.parent} can't be written ({error.strerror}): "
            "make it writable or name another with --output."
        ) from None
    size = 0
    try:
        with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name, date_time=_DATE)
                entry.create_system = _UNIX
                entry.external_attr = 0o100644 << 16
                content = files[name].read_bytes()
                size += len(content)
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED, _LEVEL)
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)
    return size


# Private functions


def _copy_first_party(project: Project, service: str, root: Path) -> None:
    modules = first_party(project, service)
    data = (
        path
        for package in {name.partition(".")[0] for name in modules}
        for path in _data_files(project.sources / package)
    )
    for path in (*modules.values(), *data):
        target = root / path.relative_to(project.sources)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _data_files(package: Path) -> Iterator[Path]:
    """What a package reads at run time, such as the schema registry; linked folders count."""
    for folder, folders, names in os.walk(package, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for path in (Path(folder, name) for name in names):
            if path.suffix not in _NOT_DATA and path.name != "py.typed" and path.name[0] != ".":
                yield path


def _files(root: Path) -> dict[str, Path]:
    return {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
