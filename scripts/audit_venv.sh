#!/bin/sh
# Usage: scripts/audit_venv.sh BIN
# Makes the virtual environment of the tools that judge and describe what is locked; prints it.
set -eu
bin=$1
venv=build/audit-venv
lock=requirements/audit/audit.txt
if ! cmp -s "$lock" "$venv/installed.txt"; then
    rm -rf "$venv"
    "$bin/python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    cp "$lock" "$venv/installed.txt"
fi
echo "$venv"
