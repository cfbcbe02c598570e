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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout.errors import Refused, WrongUse

DEPLOYED_AT: Final = "/var/task"
_PINNED: Final = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)\s*(;.*?)?\s*\\?$")
_SERVICES: Final = re.compile(r"^# botocore services: (.+)$", re.MULTILINE)
_SHARED_DATA: Final = {"_retry.json", "partitions.json", "sdk-default-configuration.json"}
_OFFLINE: Final = (
    *("NewConnectionError", "NameResolutionError", "ConnectTimeout", "Max retries exceeded"),
    "No matching distribution found",
)
LEFT_OUT: Final = (
    "aws_lambda_powertools/event_handler",  # web handlers, with a page of Swagger
    "aws_lambda_powertools/utilities/auth_alpha",  # for these handlers
)
"""Parts of distributions that no queue or stream consumer can need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A CPython that compiles for a target; `build` is its full version text."""

    path: str
    version: str
    build: str


def running_version() -> str:
    """The running interpreter's version, without the patch number."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def find_interpreter(python_version: str) -> Interpreter:
    """The running interpreter if its version fits, else `pythonX.Y` on the PATH.

    Raises:
        Refused: neither is there. Without compiled files a cold start takes twice as long.
    """
    if python_version == running_version():
        return Interpreter(path=sys.executable, version=python_version, build=sys.version)
    about = (
        "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2], sys.version)"
    )
    path = shutil.which(f"python{python_version}")
    if path is not None:
        answer = subprocess.run(  # noqa: S603 - an interpreter from the PATH, no shell
            [path, "-I", "-c", about], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0 and answer.stdout.startswith(f"cpython {python_version} "):
            build = answer.stdout.strip()
            return Interpreter(path=path, version=python_version, build=build)
    raise Refused(
        f"No working python{python_version} on the PATH, which compiles the package: install it, "
        "or name another with --python-version."
    )


def stage(
    lock: Path,
    *,
    platform: str | None,
    interpreter: Interpreter,
    cache: Path,
    say: Callable[[str], None],
) -> Path:
    """A folder with the files to package, compiled.

    Args:
        lock: `NAME.txt`; `NAME.in` beside it states the AWS services (`# botocore services: sqs`).
        platform: the wheels' platform; None: this machine.
        interpreter: compiles.
        cache: the folder for results.
        say: called with a sentence before work that takes long.

    Raises:
        WrongUse: a line of the lock pins no version, or the services are not stated.
        Refused: a wheel can't be downloaded, or the cache can't be written.
    """
    services = _stated_services(lock)
    facts = [lock.read_text(encoding="utf-8"), platform, interpreter.build, services]
    facts.append(Path(__file__).read_text(encoding="utf-8"))
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    folder = cache / key
    if folder.is_dir():
        return folder
    say(f"Installing and compiling the dependencies in {lock.name}.")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(
            dir=cache, prefix="partial-", ignore_cleanup_errors=True
        )
    except OSError as error:
        raise Refused(
            f"The build cache {cache} can't be written ({error.strerror}): make it writable."
        ) from None
    with scratch as name:
        partial = Path(name)
        if platform is not None or not _copy_installed(_pins(lock), partial):
            _install(lock, partial, platform, interpreter)
        _leave_out(partial, lock, services)
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

    Raises:
        WrongUse: a source does not compile.
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


# Private functions


def _pins(lock: Path) -> list[tuple[str, str]]:
    """Name and version of each distribution; conditional ones count.

    Raises:
        WrongUse: a line pins no exact version, so a build from it could not be repeated.
    """
    pins = []
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith((" ", "\t", "#")):
            continue
        pin = _PINNED.match(line)
        if pin is None:
            raise WrongUse(
                f"{lock.name} line {number} pins no exact version: {line.strip()!r}; "
                "change the .in file and run `make lock`."
            )
        pins.append((pin[1], pin[2]))
    return pins


def _stated_services(lock: Path) -> list[str]:
    source = lock.with_suffix(".in")
    stated = _SERVICES.search(source.read_text(encoding="utf-8")) if source.is_file() else None
    return sorted(stated[1].split()) if stated else []


def _copy_installed(pins: list[tuple[str, str]], into: Path) -> bool:
    """Copy the running environment's files; False where its versions are not the locked ones."""
    distributions = []
    for name, version in pins:
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            return False
        if distribution.version != version or not distribution.files:
            return False
        distributions.append(distribution)
    for distribution in distributions:
        for file in distribution.files or ():
            source = Path(str(distribution.locate_file(file)))
            if file.parts[0] != ".." and not file.is_absolute() and source.is_file():
                target = into / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    return True


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
    if answer.returncode:
        raise Refused(_sentence(answer.stderr + answer.stdout, lock, platform))


def _sentence(output: str, lock: Path, platform: str | None) -> str:
    where = platform or "this machine"
    if "DO NOT MATCH THE HASHES" in output:
        return (
            f"A downloaded file does not have the hash that {lock.name} demands: nothing was "
            "built; find out who changed it before you lock anew."
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    last = errors[-1].removeprefix("ERROR:").strip() if errors else output.strip()[-200:]
    hint = " Is the package index reachable?" if any(s in output for s in _OFFLINE) else ""
    return f"pip could not get the dependencies in {lock.name} for {where}: {last}.{hint}"


def _leave_out(root: Path, lock: Path, services: list[str]) -> None:
    """Remove what Lambda never reads, and of botocore's data what no client of ours reads."""
    for part in LEFT_OUT:
        shutil.rmtree(root / part, ignore_errors=True)
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir() and (path.name in {"tests", "__pycache__"} or path.suffix == ".dist-info"):
            shutil.rmtree(path)
        elif path.suffix in {".pyc", ".pyi"} or path.name == "py.typed":
            path.unlink(missing_ok=True)
    shutil.rmtree(root / "bin", ignore_errors=True)
    data = root / "botocore" / "data"
    if not data.is_dir():
        return
    if unknown := set(services) - {path.name for path in data.iterdir()}:
        raise WrongUse(f"botocore has no service {', '.join(sorted(unknown))}: see {lock.stem}.in.")
    if not services:
        raise WrongUse(
            f"{lock.stem}.in does not state which AWS services are called: add a line such as "
            "`# botocore services: dynamodb sqs`."
        )
    _cut_data(data, set(services))


def _cut_data(data: Path, services: set[str]) -> None:
    """Keep the newest model of each service, and their share of the endpoints (16 ms to parse)."""
    prefixes = set(services)
    for path in data.iterdir():
        if path.name in services:
            newest = max(path.iterdir())
            for other in path.iterdir():
                if other != newest:
                    shutil.rmtree(other)
            for example in newest.glob("examples-*"):
                example.unlink()
            prefixes.add(_endpoint_prefix(newest))
        elif path.is_dir():
            shutil.rmtree(path)
        elif path.name not in _SHARED_DATA | {"endpoints.json"}:
            path.unlink()
    endpoints = json.loads((data / "endpoints.json").read_bytes())
    for partition in endpoints["partitions"]:
        described = partition["services"]
        partition["services"] = {name: described[name] for name in described if name in prefixes}
    text = json.dumps(endpoints, separators=(",", ":"), sort_keys=True)
    (data / "endpoints.json").write_text(text, encoding="utf-8")


def _endpoint_prefix(version: Path) -> str:
    packed = version / "service-2.json.gz"
    content = (
        gzip.decompress(packed.read_bytes())
        if packed.is_file()
        else (version / "service-2.json").read_bytes()
    )
    return str(json.loads(content)["metadata"]["endpointPrefix"])
