#!/bin/bash
# Proves codex.sh: Codex runs, and is the pinned version.
set -euo pipefail

CODEX_VERSION=${CODEX_VERSION:-0.169.0}

die() {
  echo "check-codex.sh: $*" >&2
  exit 1
}

main() {
  local said
  said=$(codex --version) || die "codex does not run"
  case " $said " in
    *" $CODEX_VERSION "*) echo "ok    Codex $CODEX_VERSION" ;;
    *) die "codex is $said, not $CODEX_VERSION" ;;
  esac
}

main </dev/null
