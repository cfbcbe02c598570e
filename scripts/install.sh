#!/bin/sh
# Usage: scripts/install.sh VENV REQUIREMENTS
# Makes the virtual environment and installs the locked dependencies and this project into it.
set -eu
venv=$1
requirements=$2
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "install: Python 3.11 or newer is needed, and \"$python\" is not; name one: make PYTHON=python3.12" >&2
    exit 2
}
if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv" || {
        echo "install: $python can't make a virtual environment in $venv; install its venv module (Debian: python3-venv) or make the folder writable" >&2
        exit 2
    }
fi
echo "install: $requirements into $venv"
log=$venv/install.log
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements" >"$log" 2>&1 &&
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >>"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    echo "install: the packages could not be installed; is the package index reachable? The whole log is in $log" >&2
    exit 3
}
