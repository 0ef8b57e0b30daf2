#!/bin/bash
# Codex, without any key or login. Runs after node.sh.
#
#   CODEX_VERSION  version of the npm package
set -euo pipefail

CODEX_VERSION=${CODEX_VERSION:-0.169.0}

# >>> npm (the scripts reach the guest one at a time: each carries these lines)
# global_package NAME VERSION installs a program of npm in that very version.
global_package() {
  npm ls --global --depth=0 "$1@$2" >/dev/null 2>&1 ||
    npm install --global --no-fund --no-audit "$1@$2"
}
# <<< npm

main() {
  global_package @openai/codex "$CODEX_VERSION"
  codex --version
}

main </dev/null
