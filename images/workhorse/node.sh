#!/bin/bash
# Node and npm, for all that follows here.
#
#   NODE_MAJOR  release line of Node
set -euo pipefail

NODE_MAJOR=${NODE_MAJOR:-22}

# >>> brew (the scripts reach the guest one at a time: each carries these lines)
# formula NAME installs a Homebrew formula that is missing.
formula() { brew list --versions "$1" >/dev/null || brew install "$1"; }

# first_on_path DIR, for this script and for every login shell: the public
# images link ~/.profile to ~/.zprofile, so bash and zsh both read it.
first_on_path() {
  local line="export PATH=\"$1:\$PATH\""
  grep -qxF "$line" "$HOME/.zprofile" || echo "$line" >>"$HOME/.zprofile"
  PATH=$1:$PATH
}
# <<< brew

main() {
  formula "node@$NODE_MAJOR"
  first_on_path "$(brew --prefix)/opt/node@$NODE_MAJOR/bin"
  node --version
}

main </dev/null
