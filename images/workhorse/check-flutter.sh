#!/bin/bash
# Proves flutter.sh: Flutter runs and knows its release.
set -euo pipefail

die() {
  echo "check-flutter.sh: $*" >&2
  exit 1
}

main() {
  local said
  said=$(flutter --version) || die "flutter does not run"
  said=$(echo "$said" | grep '^Flutter ') || die "flutter --version names no release"
  echo "ok    $said"
}

main </dev/null
