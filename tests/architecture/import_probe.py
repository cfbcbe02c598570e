"""Import modules and tell what work their own code did meanwhile; run in a fresh interpreter.

Usage: import_probe.py FOLDER MODULE…  (FOLDER holds the modules). Prints a JSON list of findings.
What the interpreter does to import a module, and what dependencies do, is not held against it.
"""

import importlib
import json
import os
import sys
import threading
from types import FrameType
from typing import Any

WATCHED = ("socket.", "subprocess.", "shutil.", "tempfile.", "urllib.", "glob.", "os.")
findings: list[str] = []


def is_own_work(frame: FrameType | None, folder: str) -> bool:
    """Whether the nearest code that is neither the standard library's nor an import is ours."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or "site-packages" in file:
            return False
        if file.startswith(folder):
            return True
        frame = frame.f_back
    return False


def watch(folder: str) -> None:
    def on_audit(event: str, arguments: tuple[Any, ...]) -> None:
        if not (event == "open" or event.startswith(WATCHED)):
            return
        if is_own_work(sys._getframe(1), folder):
            findings.append(f"{event} {arguments[0] if arguments else ''}")
            raise PermissionError(event)

    def read_variable(environment: Any, name: str) -> str:
        if is_own_work(sys._getframe(1), folder):
            findings.append(f"environment {name}")
        return read_before(environment, name)

    read_before = type(os.environ).__getitem__
    type(os.environ).__getitem__ = read_variable  # type: ignore[method-assign]
    sys.addaudithook(on_audit)


def main(folder: str, *modules: str) -> None:
    sys.path.insert(0, folder)
    watch(folder)
    for module in modules:
        before = len(findings)
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            findings.append(repr(error))
        findings[before:] = [f"{module}: {finding}" for finding in findings[before:]]
    if threading.active_count() > 1:
        findings.append("a thread was left running")
    print(json.dumps(findings))  # noqa: T201 - the probe's answer


main(*sys.argv[1:])
