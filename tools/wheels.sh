#!/bin/sh
# Builds both wheels into dist/: bearwitness (which holds the verifier too), and the verifier alone for those who only check.
set -eu
here=$(pwd)
python=$here/.venv/bin/python
rm -rf dist build
"$python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp packaging/verify/* "$work/"
cp LICENSE "$work/"
cp -r src/bearwitness_verify "$work/"
(cd "$work" && "$python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$here/dist" .)
ls -l dist
