"""For which machine and which Python a package is built."""

import re
import sys
import sysconfig
from dataclasses import dataclass
from typing import Final

from fanout.errors import WrongUse

ARCHITECTURES: Final = ("local", "arm64", "x86_64")
LAMBDA_PYTHON: Final = "3.13"
_WHEEL_MACHINE: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
_VERSION: Final = re.compile(r"3\.(1[1-9]|[2-9][0-9])")


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
    def platform(self) -> str:
        """The wheel platform; manylinux2014 runs on every Lambda runtime from Python 3.11 on."""
        if self.is_local:
            return sysconfig.get_platform()
        return f"manylinux2014_{_WHEEL_MACHINE[self.arch]}"


def choose(arch: str, python_version: str | None) -> Target:
    """The target that was asked for: this Python for `local`, else Lambda's, unless named.

    Raises:
        WrongUse: an unknown architecture or version, or `local` with another Python.
    """
    if arch not in ARCHITECTURES:
        raise WrongUse(f"No architecture {arch!r}; known: {', '.join(ARCHITECTURES)}.")
    running = running_version()
    if python_version is not None and not _VERSION.fullmatch(python_version):
        raise WrongUse(
            f"Not a Python version: {python_version!r}; write it as 3.13 (3.11 or newer)."
        )
    if arch != "local":
        return Target(arch=arch, python_version=python_version or LAMBDA_PYTHON)
    if python_version not in {None, running}:
        raise WrongUse(
            f"A local package runs in this interpreter, Python {running}, not in {python_version}: "
            "leave --python-version out, or name another --arch."
        )
    return Target(arch=arch, python_version=running)


def running_version() -> str:
    """The running interpreter's version, without the patch number."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
