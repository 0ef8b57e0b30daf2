#!/bin/bash
# Proves python.sh: python3 is of that release line and makes an environment with pip.
set -euo pipefail

PYTHON_VERSION=${PYTHON_VERSION:-3.13}

die() {
  echo "check-python.sh: $*" >&2
  exit 1
}

main() {
  local said
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  said=$(python3 --version) || die "python3 does not run"
  case $said in
    "Python $PYTHON_VERSION".*) ;;
    *) die "python3 is $said, not $PYTHON_VERSION" ;;
  esac
  python3 -m venv "$work/env" || die "python3 makes no virtual environment"
  "$work/env/bin/python" -m pip --version >/dev/null || die "pip does not run"
  echo "ok    $said"
}

main </dev/null
