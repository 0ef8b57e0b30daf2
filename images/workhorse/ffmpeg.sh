#!/bin/bash
# FFmpeg.
#
#   FFMPEG_FORMULA  Homebrew's formula; ffmpeg@N holds it to a release line
set -euo pipefail

FFMPEG_FORMULA=${FFMPEG_FORMULA:-ffmpeg}

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
  formula "$FFMPEG_FORMULA"
  first_on_path "$(brew --prefix)/opt/$FFMPEG_FORMULA/bin"
  ffmpeg -version
}

main </dev/null
