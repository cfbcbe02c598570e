#!/bin/sh
# Usage: scripts/mutate.sh BIN [MUTANT...]   (make mutate)
# Changes the modules that decide in small ways, one at a time, in a copy of the tree, and lists the
# changes that no test noticed. The copy and the virtual environment are kept in build/.
set -eu
bin=$1
shift
venv=build/mutation-venv
copy=build/mutation
mkdir -p "$copy"
if ! cat requirements/dev.txt requirements/mutation/mutation.txt | cmp -s - "$venv/installed.txt"; then
    rm -rf "$venv"
    "$bin/python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r requirements/dev.txt -r requirements/mutation/mutation.txt
    cat requirements/dev.txt requirements/mutation/mutation.txt >"$venv/installed.txt"
fi
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
mutmut=$PWD/$venv/bin/mutmut
cd "$copy"
"$mutmut" run "$@"
"$mutmut" results
