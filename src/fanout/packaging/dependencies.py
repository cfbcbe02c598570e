"""The third-party part of a package: what the lock names, without what Lambda never reads.

For this machine the installed files are copied, if every version is the locked one: no download.
For Lambda pip gets the wheels, held to the lock's hashes. The result is compiled and kept in the
build cache under everything that it follows from.
"""

import gzip
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout.errors import Refused, WrongUse

DEPLOYED_AT: Final = "/var/task"
_PINNED: Final = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)")
_COMMENT: Final = re.compile(r"^ *#.*\n", re.MULTILINE)
_SERVICES: Final = re.compile(r"^# botocore services: (.+)$", re.MULTILINE)
_SHARED_DATA: Final = {"_retry.json", "partitions.json", "sdk-default-configuration.json"}
LEFT_OUT: Final = (
    "aws_lambda_powertools/event_handler",  # web handlers, with a page of Swagger
    "aws_lambda_powertools/utilities/auth_alpha",  # for these handlers
    "bin",
)
"""Parts of distributions that no queue or stream consumer can need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A CPython that compiles for a target; `version` is `3.13` and the like, `build` the rest."""

    path: str
    version: str
    build: str


def running_version() -> str:
    """The running interpreter's version, without the patch number."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def find_interpreter(python_version: str) -> Interpreter:
    """The running interpreter if its version fits, else `pythonX.Y` on the PATH.

    Raises: Refused: neither is there. Without compiled files a cold start takes twice as long.
    """
    if python_version == running_version():
        return Interpreter(path=sys.executable, version=python_version, build=sys.version)
    path = shutil.which(f"python{python_version}")
    if path is not None:
        about = "import sys; print(sys.implementation.name, sys.version)"
        answer = subprocess.run(  # noqa: S603 - an interpreter from the PATH, no shell
            [path, "-I", "-c", about], capture_output=True, text=True, check=False
        )
        if answer.stdout.startswith(f"cpython {python_version}."):
            return Interpreter(path=path, version=python_version, build=answer.stdout.strip())
    raise Refused(
        f"No working python{python_version} on the PATH, which compiles the package: install it, "
        "or name another with --python-version."
    )


def stage(lock: Path, *, platform: str | None, interpreter: Interpreter, cache: Path) -> Path:
    """A folder with the files to package, compiled.

    Beside the lock, `NAME.txt`, `NAME.in` states the AWS services (`# botocore services: sqs`).
    `platform` is that of the wheels, None for this machine.

    Raises:
        WrongUse: a line of the lock pins no exact version, or the services are not stated.
        Refused: a wheel can't be downloaded.
    """
    source = lock.with_suffix(".in")
    stated = _SERVICES.search(source.read_text(encoding="utf-8")) if source.is_file() else None
    services = set(stated[1].split()) if stated else set()
    locked = _COMMENT.sub("", lock.read_text(encoding="utf-8"))  # services that lock alike share
    facts = [locked, platform, interpreter.build, sorted(services)]
    facts.append(Path(__file__).read_text(encoding="utf-8"))
    folder = cache / hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    if folder.is_dir():
        return folder
    sys.stderr.write(f"Installing and compiling the dependencies in {lock.name}.\n")
    with tempfile.TemporaryDirectory(
        dir=cache, prefix="partial-", ignore_cleanup_errors=True
    ) as name:
        partial = Path(name)
        if platform is not None or not copy_installed(lock, partial, services):
            _install(lock, partial, platform, interpreter)
        _leave_out(partial)
        _cut_botocore(partial / "botocore" / "data", lock, services)
        compile_tree(partial, interpreter)
        try:
            partial.rename(folder)
        except OSError:
            if not folder.is_dir():  # another build came first, with the same result
                raise
    return folder


def compile_tree(root: Path, interpreter: Interpreter) -> None:
    """Write a `.pyc` beside each source, as if it lay where Lambda unpacks it.

    They say `unchecked-hash`, so that no time is in them and Lambda never compares them. One
    process for each folder, with a fixed hash seed: what marshal writes depends on what else the
    process has loaded.

    Raises: WrongUse: a source does not compile.
    """
    options = ["-q", "--invalidation-mode", "unchecked-hash", "-p", DEPLOYED_AT]

    def run(part: Path) -> str:
        command = [interpreter.path, "-I", "-W", "ignore", "-m", "compileall", *options]
        answer = subprocess.run(  # noqa: S603 - an interpreter that we chose, no shell
            [*command, "-s", str(root), str(part)],
            env={"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line for line in answer.stdout.replace(f"{root}/", "").splitlines() if line]
        return f"{lines[0].strip('* ')} {lines[-1].strip('* ')}" if answer.returncode else ""

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for failed in filter(None, pool.map(run, sorted(root.iterdir()))):
            raise WrongUse(f"{interpreter.path}: {failed}.")


def copy_installed(lock: Path, into: Path, services: set[str]) -> bool:
    """Copy the running environment's files; False where they are not exactly what is locked.

    Leaves out what is compiled and, most of botocore's files, the models of other AWS services.

    Raises: WrongUse: a line pins no exact version, so a build from it could not be repeated.
    """
    distributions = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith((" ", "\t", "#")):
            continue
        pin = _PINNED.match(line)
        if pin is None:
            raise WrongUse(
                f"{lock.name} pins no exact version: {line.strip()!r}; change the .in file and run "
                "`make lock`."
            )
        try:
            distribution = importlib.metadata.distribution(pin[1])
        except importlib.metadata.PackageNotFoundError:
            return False
        if distribution.version != pin[2] or not distribution.files:
            return False
        distributions.append(distribution)
    for distribution in distributions:
        for file in distribution.files or ():
            if file.suffix == ".pyc" or (
                file.match("botocore/data/*/*/*") and file.parts[2] not in services
            ):
                continue
            source = Path(str(distribution.locate_file(file)))
            if file.parts[0] != ".." and not file.is_absolute() and source.is_file():
                target = into / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    return True


# Private functions


def _install(lock: Path, into: Path, platform: str | None, interpreter: Interpreter) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries=1"]
    options += ["--no-deps", "--require-hashes", "--no-compile", "--only-binary=:all:"]
    if platform is not None:
        options += [f"--platform={platform}", "--implementation=cp"]
        options += [f"--python-version={interpreter.version}"]
    answer = subprocess.run(  # noqa: S603 - our own interpreter, no shell
        [sys.executable, "-m", "pip", "install", *options, f"--target={into}", "-r", str(lock)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not answer.returncode:
        return
    output = answer.stderr + answer.stdout
    if "DO NOT MATCH THE HASHES" in output:
        raise Refused(
            f"A downloaded file does not have the hash that {lock.name} demands: nothing was "
            "built; find out who changed it before you lock anew."
        )
    said = " ".join((output.partition("ERROR:")[2] or output).split())[:500]
    raise Refused(
        f"pip could not get the dependencies in {lock.name} for {platform or 'this machine'}; is "
        f"the package index reachable? pip says: {said}"
    )


def _leave_out(root: Path) -> None:
    for part in LEFT_OUT:
        shutil.rmtree(root / part, ignore_errors=True)
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir() and (path.name in {"tests", "__pycache__"} or path.suffix == ".dist-info"):
            shutil.rmtree(path)
        elif path.suffix in {".pyc", ".pyi"} or path.name == "py.typed":
            path.unlink(missing_ok=True)


def _cut_botocore(data: Path, lock: Path, services: set[str]) -> None:
    """Keep the newest model of each service, and their share of the endpoints (16 ms to parse)."""
    if not data.is_dir():
        return
    models = {
        service: max(data.glob(f"{service}/*/service-2.json.gz"), default=None)
        for service in services
    }
    newest = {service: path for service, path in models.items() if path}
    unknown = services - newest.keys()
    if unknown or not services:
        raise WrongUse(
            f"{lock.stem}.in has to state which AWS services are called, as botocore names them, "
            f"in a line such as `# botocore services: dynamodb sqs`; unknown: {unknown or 'none'}."
        )
    prefixes = {
        json.loads(gzip.decompress(path.read_bytes()))["metadata"]["endpointPrefix"]
        for path in newest.values()
    }
    _cut_endpoints(data / "endpoints.json", services | prefixes)
    for service, model in newest.items():
        for path in (data / service).iterdir():
            if path != model.parent:
                shutil.rmtree(path)
        for example in model.parent.glob("examples-*"):
            example.unlink()
    for path in data.iterdir():
        if path.is_dir() and path.name not in services:
            shutil.rmtree(path)
        elif path.is_file() and path.name not in _SHARED_DATA | {"endpoints.json"}:
            path.unlink()


def _cut_endpoints(path: Path, prefixes: set[str]) -> None:
    endpoints = json.loads(path.read_bytes())
    for partition in endpoints["partitions"]:
        described = partition["services"]
        partition["services"] = {name: described[name] for name in described if name in prefixes}
    path.write_text(json.dumps(endpoints, separators=(",", ":"), sort_keys=True), encoding="utf-8")
