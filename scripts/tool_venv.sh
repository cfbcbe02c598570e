#!/bin/sh
# Usage: scripts/tool_venv.sh BIN NAME
# Makes a virtual environment of requirements/NAME/NAME.txt, for tools that could not run beside our
# own dependencies; prints its folder. No dependency is looked up: the lock names all of them.
set -eu
bin=$1
venv=build/$2-venv
lock=requirements/$2/$2.txt
if ! cmp -s "$lock" "$venv/installed.txt"; then
    rm -rf "$venv"
    "$bin/python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
    cp "$lock" "$venv/installed.txt"
fi
echo "$venv"
