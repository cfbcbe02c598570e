"""A copy of this project in a repository of its own, in which a page's commands are typed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PROGRAMS = {
    "fanout": "-c 'from fanout.cli import main; main()'",
    "python": "",
    "pytest": "-m pytest",
    "lint-imports": "-c 'from importlinter.cli import lint_imports_command as c; c()'",
}
_SHELL_OR_DIFF = re.compile(r"^```(sh|diff)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def copy_project(folder: Path) -> Path:
    """This project as it stands, committed."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    copy_compiled(folder)
    git = ["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "As it is"], check=True)
    return folder


def copy_compiled(folder: Path) -> None:
    """Link the compiled dependencies, which an empty cache would get; see test_packages.py."""
    linked = folder / "build" / "packages"
    linked.mkdir(parents=True)
    for compiled in (ROOT / "build" / "packages").glob("*/"):
        if not compiled.name.startswith("partial-"):
            (linked / compiled.name).symlink_to(compiled)


def run(clone: Path, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """In the clone, with this interpreter's packages and the clone's own sources before them."""
    programs = clone / "programs"
    if not programs.exists():
        programs.mkdir()
        for name, call in _PROGRAMS.items():
            path = programs / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n')
            path.chmod(0o755)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "PATH": os.pathsep.join(
            [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        ),
        "PYTHONPATH": str(clone / "src"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "XDG_STATE_HOME": str(clone / "programs" / "state"),
    }
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script}"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def as_script(page: Path) -> str:
    """A page from its top, for one shell: its shell blocks, and its diffs as calls of `change`."""
    shown = _SHELL_OR_DIFF.findall(page.read_text(encoding="utf-8"))
    change = "python tests/project_copy.py <<'END OF DIFF'"
    return "\n".join(
        block if kind == "sh" else f"{change}\n{block}END OF DIFF" for kind, block in shown
    )


def change(clone: Path, diff: str) -> None:
    """Make a page's change: after `--- FILE`, each hunk's lines stand in the file exactly once.

    An empty line, or one that begins with @@, ends a hunk.
    """
    name, _, body = diff.removeprefix("--- ").partition("\n")
    path = clone / name
    text = path.read_text(encoding="utf-8")
    for hunk in re.split(r"^(?:@@.*)?\n", body, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        if lines:
            assert text.count(before) == 1, f"{name}: {text.count(before)} times\n{before}"
            text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    change(Path.cwd(), sys.stdin.read())
