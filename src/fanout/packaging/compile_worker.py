"""Runs in the target's interpreter: `compile_worker.py ROOT`, with a JSON list of paths on stdin.

Standard library only, since it runs without this project.
"""

import json
import pathlib
import py_compile
import sys

DEPLOYED_AT = "/var/task"


def main(root: pathlib.Path, names: list[str]) -> None:
    """Compile each source below `root` as if it lay where Lambda unpacks it."""
    tag = sys.implementation.cache_tag
    for name in names:
        source = root / name
        try:
            py_compile.compile(
                str(source),
                cfile=str(source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"),
                dfile=f"{DEPLOYED_AT}/{name}",
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except py_compile.PyCompileError as error:
            reason = error.exc_value
            sys.exit(
                f"{name}, line {getattr(reason, 'lineno', '?')}: {getattr(reason, 'msg', reason)}"
            )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), json.load(sys.stdin))
