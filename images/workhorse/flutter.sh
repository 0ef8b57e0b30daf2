#!/bin/bash
# Flutter and Dart. Homebrew has the newest release only, so the pin is a
# refusal: with FLUTTER_VERSION set, another release fails the build.
#
#   FLUTTER_VERSION  the release that is expected; empty takes what comes
set -euo pipefail

FLUTTER_VERSION=${FLUTTER_VERSION:-}

main() {
  local said
  brew list --cask --versions flutter >/dev/null 2>&1 || brew install --cask flutter
  said=$(flutter --version)
  echo "$said"
  [ -z "$FLUTTER_VERSION" ] && return
  echo "$said" | awk -v want="$FLUTTER_VERSION" '$1 == "Flutter" && $2 == want { found = 1 } END { exit !found }' || {
    echo "flutter.sh: this is not Flutter $FLUTTER_VERSION: try the release that Homebrew has, then set FLUTTER_VERSION to it" >&2
    exit 1
  }
}

main </dev/null
