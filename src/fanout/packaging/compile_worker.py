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
    for name in names:
        source = root / name
        tag = sys.implementation.cache_tag
        py_compile.compile(
            str(source),
            cfile=str(source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"),
            dfile=f"{DEPLOYED_AT}/{name}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), json.load(sys.stdin))
