#!/bin/bash
# Python 3.
#
#   PYTHON_VERSION  release line of Python
set -euo pipefail

PYTHON_VERSION=${PYTHON_VERSION:-3.13}

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
  formula "python@$PYTHON_VERSION"
  # Homebrew links python3 for one release line only; this folder has the
  # plain names of each.
  first_on_path "$(brew --prefix)/opt/python@$PYTHON_VERSION/libexec/bin"
  python3 --version
}

main </dev/null
