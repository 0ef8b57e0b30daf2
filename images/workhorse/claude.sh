#!/bin/bash
# Claude Code, without any key or login. Runs after node.sh.
#
#   CLAUDE_VERSION  version of the npm package
set -euo pipefail

CLAUDE_VERSION=${CLAUDE_VERSION:-2.1.332}

# >>> npm (the scripts reach the guest one at a time: each carries these lines)
# global_package NAME VERSION installs a program of npm in that very version.
global_package() {
  npm ls --global --depth=0 "$1@$2" >/dev/null 2>&1 ||
    npm install --global --no-fund --no-audit "$1@$2"
}
# <<< npm

main() {
  global_package @anthropic-ai/claude-code "$CLAUDE_VERSION"
  claude --version
}

main </dev/null
