#!/bin/sh
# Usage: scripts/audit.sh BIN   (make audit)
# Fails where a locked package has a known vulnerability, or could not be looked up. It asks the
# package index, so it is no part of `make check`.
set -eu
bin=$1
venv=$(sh scripts/tool_venv.sh "$bin" audit)

for locked in publisher payments_consumer sentinel local dev; do
    echo "audit: requirements/$locked.txt"
    "$venv/bin/pip-audit" --strict --progress-spinner off --disable-pip --require-hashes -r "requirements/$locked.txt"
done
