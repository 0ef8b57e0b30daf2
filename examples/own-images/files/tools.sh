#!/bin/bash
# Installs the Homebrew formulas of $TOOLS.
set -euo pipefail
export HOMEBREW_NO_AUTO_UPDATE=1 HOMEBREW_NO_ANALYTICS=1
for tool in $TOOLS; do
  brew list --formula "$tool" >/dev/null 2>&1 || brew install --quiet "$tool"
done
