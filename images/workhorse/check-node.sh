#!/bin/bash
# Proves node.sh: Node of that release line comes first, and npm runs.
set -euo pipefail

NODE_MAJOR=${NODE_MAJOR:-22}

die() {
  echo "check-node.sh: $*" >&2
  exit 1
}

main() {
  local said
  said=$(node --version) || die "node does not run"
  case $said in
    "v$NODE_MAJOR".*) ;;
    *) die "node is $said, not $NODE_MAJOR" ;;
  esac
  npm --version >/dev/null || die "npm does not run"
  echo "ok    Node $said"
}

main </dev/null
