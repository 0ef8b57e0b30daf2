#!/bin/bash
# Proves claude.sh: Claude Code runs, and is the pinned version.
set -euo pipefail

CLAUDE_VERSION=${CLAUDE_VERSION:-2.1.332}

die() {
  echo "check-claude.sh: $*" >&2
  exit 1
}

main() {
  local said
  said=$(claude --version) || die "claude does not run"
  case " $said " in
    *" $CLAUDE_VERSION "*) echo "ok    Claude Code $CLAUDE_VERSION" ;;
    *) die "claude is $said, not $CLAUDE_VERSION" ;;
  esac
}

main </dev/null
