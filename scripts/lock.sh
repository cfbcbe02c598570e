#!/bin/sh
# Usage: scripts/lock.sh BIN   (make lock)
# Locks pyproject.toml into requirements/*.txt: hashes, no addresses, one version of everything.
set -eu
bin=$1
"$bin/python" -m pip install --quiet "uv>=0.9"
compile() { "$bin/uv" pip compile --quiet --upgrade --no-emit-index-url --no-header --generate-hashes --universal --python-version 3.11 "$@"; }

compile --extra local --extra dev pyproject.toml -o requirements/dev.txt
compile -c requirements/dev.txt --extra local pyproject.toml -o requirements/local.txt
compile requirements/audit/audit.in -o requirements/audit/audit.txt
compile requirements/policy/policy.in -o requirements/policy/policy.txt
compile requirements/sam/sam.in -o requirements/sam/sam.txt
compile -c requirements/dev.txt requirements/mutation/mutation.in -o requirements/mutation/mutation.txt
for service in requirements/*.in; do
    compile -c requirements/dev.txt "$service" -o "${service%.in}.txt"
done
