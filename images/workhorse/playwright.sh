#!/bin/bash
# Playwright with its browsers. Runs after node.sh.
#
#   PLAYWRIGHT_VERSION   version of the npm package; it decides the browsers' versions
#   PLAYWRIGHT_BROWSERS  which of them
set -euo pipefail

PLAYWRIGHT_VERSION=${PLAYWRIGHT_VERSION:-1.65.1}
PLAYWRIGHT_BROWSERS=${PLAYWRIGHT_BROWSERS:-chromium firefox webkit}

# >>> npm (the scripts reach the guest one at a time: each carries these lines)
# global_package NAME VERSION installs a program of npm in that very version.
global_package() {
  npm ls --global --depth=0 "$1@$2" >/dev/null 2>&1 ||
    npm install --global --no-fund --no-audit "$1@$2"
}
# <<< npm

main() {
  global_package playwright "$PLAYWRIGHT_VERSION"
  # Playwright knows which browsers it has, and downloads the others.
  # shellcheck disable=SC2086 # a list
  playwright install $PLAYWRIGHT_BROWSERS
}

main </dev/null
