#!/bin/bash
# A guest's tools, simulated: one program under many names. The guest is the
# folder $MAC: state/ holds one file for each setting, calls every call, changes
# every call that altered something, fault names what goes wrong.
set -euo pipefail
me=${0##*/}
echo "$me $*" >>"$MAC/calls"
while read -r; do :; done # a tool that reads its input must not swallow the script that called it

changed() { echo "$me $*" >>"$MAC/changes"; }
put() {
  local file=$MAC/state/$1
  [ -d "${file%/*}" ] || mkdir -p "${file%/*}"
  echo "$2" >"$file"
}
# get NAME DEFAULT sets got, without another process.
get() {
  got=$2
  [ ! -f "$MAC/state/$1" ] || read -r got <"$MAC/state/$1" || true
}
say() {
  get "$@"
  echo "$got"
}
fault() {
  local name=
  [ ! -f "$MAC/fault" ] || read -r name <"$MAC/fault" || true
  [ "$name" = "$1" ]
}
root() { [ "${AS_ROOT:-}" = yes ] || refuse "$me: must be run as root"; }
refuse() {
  echo "$*" >&2
  exit 1
}
unknown() { refuse "the double of $me does not know: $*"; }

# provide DIR NAME...: programs that are doubles too.
provide() {
  local dir=$1 name
  shift
  mkdir -p "$dir"
  for name in "$@"; do ln -sf "$MAC/double.sh" "$dir/$name"; done
}

case "$me $*" in
  "sudo -n "*)
    fault "sudo asks" && refuse "sudo: a password is required"
    shift
    fault "sudo is powerless" || export AS_ROOT=yes
    exec "$@"
    ;;

  "pmset -g custom")
    printf 'AC Power:\n Sleep On Power Button 1\n'
    for key in sleep displaysleep disksleep; do
      get "pmset/$key" 10
      printf ' %-20s %s\n' "$key" "$got"
    done
    ;;
  "pmset -a "*)
    root
    changed "$@"
    shift
    while [ $# -gt 0 ]; do
      put "pmset/$1" "$2"
      shift 2
    done
    ;;
  systemsetup*)
    # As the real one: refused, on standard output, with exit code 0.
    [ "${AS_ROOT:-}" = yes ] || {
      echo "You need administrator access to run this tool... exiting!"
      exit 0
    }
    [ "$*" = "-setsleep Off" ] || unknown "$@"
    changed "$@"
    put pmset/sleep 0
    ;;

  "mdutil -s /") get mdutil "Indexing enabled. " && printf '/:\n\t%s\n' "$got" ;;
  "mdutil -a -i off")
    root
    changed "$@"
    put mdutil "Indexing disabled."
    ;;

  "defaults -currentHost read "* | "defaults read "*)
    if [ "$1" = read ]; then key=$2/$3; else key=host.$3/$4; fi
    get "defaults/$key" ""
    [ -n "$got" ] || refuse "The domain/default pair of $key does not exist"
    echo "$got"
    ;;
  "defaults -currentHost write "*)
    changed "$@"
    put "defaults/host.$3/$4" "$6"
    ;;
  "defaults write /Library/"*" -int 0" | "defaults write /Library/"*" -bool false")
    root
    changed "$@"
    put "defaults/$2/$3" 0
    ;;

  "sysadminctl -screenLock status") get screenLock "delay is 300 seconds" && echo "sysadminctl[7:7] screenLock $got" >&2 ;;
  "sysadminctl -screenLock off -password admin")
    fault "no desktop" && refuse "sysadminctl: screenLock needs a session"
    changed "$@"
    put screenLock "is off"
    ;;
  "sysadminctl -autologin status") say autologin "Automatic login user: $(id -un)" >&2 ;;
  "fdesetup status") say filevault "FileVault is Off." ;;

  "softwareupdate --schedule off")
    root
    changed "$@"
    ;;

  curl*)
    url=${*: -1}
    while [ "$1" != --output ]; do shift; done
    package=$MAC/downloads/${url##*/}
    half() { head -c $(($(wc -c <"$package") / 2)) "$package"; }
    fault offline && {
      echo "curl: (6) Could not resolve host" >&2
      exit 6
    }
    fault cut && {
      half >"$2"
      echo "curl: (18) transfer closed" >&2
      exit 18
    }
    fault killed && {
      half >"$2"
      kill -9 $PPID
      exit 0
    }
    if fault short; then half >"$2"; else cp "$package" "$2"; fi
    ;;
  "shasum -a 256 "*) PATH=/usr/bin:/bin && { sha256sum "$3" 2>/dev/null || shasum -a 256 "$3"; } ;;

  "brew --prefix") echo "$MAC/brew" ;;
  "brew list --versions "*) [ -d "$MAC/brew/opt/$3" ] ;;
  "brew list --cask --versions "*) [ -d "$MAC/brew/opt/$4" ] ;;
  "brew install node@"*)
    changed "$@"
    provide "$MAC/brew/opt/$2/bin" node npm
    ;;
  "brew install python@"*)
    changed "$@"
    provide "$MAC/brew/opt/$2/libexec/bin" python3
    ;;
  "brew install ffmpeg"*)
    changed "$@"
    provide "$MAC/brew/opt/$2/bin" ffmpeg ffprobe
    ;;
  "brew install --cask flutter")
    changed "$@"
    mkdir -p "$MAC/brew/opt/flutter"
    provide "$MAC/brew/bin" flutter
    ;;

  "npm --version") echo 10.9.0 ;;
  "npm root --global") echo "$MAC/brew/lib/node_modules" ;;
  "npm ls --global --depth=0 "*) get "npm/${4%@*}" "" && [ "$got" = "${4##*@}" ] ;;
  "npm install --global --no-fund --no-audit "*@*)
    changed "$@"
    put "npm/${5%@*}" "${5##*@}"
    case $5 in
      playwright@*) provide "$MAC/brew/bin" playwright ;;
      @anthropic-ai/claude-code@*) provide "$MAC/brew/bin" claude ;;
      @openai/codex@*) provide "$MAC/brew/bin" codex ;;
      *) unknown "$@" ;;
    esac
    ;;
  "playwright install "*)
    shift
    for browser in "$@"; do
      get "browser/$browser" no
      [ "$got" = yes ] || changed "$browser"
      put "browser/$browser" yes
    done
    ;;

  "node --version") keg=${0##*@} && say node "v${keg%%/*}.9.0" ;;
  "node -e "*) # what the page's script does is tested with a real node
    shift 2
    for browser in "$@"; do
      get "browser/$browser" no
      [ "$got" = yes ] || refuse "Executable doesn't exist: $browser"
      echo "ok    $browser"
    done
    ;;
  "python3 --version") keg=${0##*@} && say python "Python ${keg%%/*}.7" ;;
  "python3 -m venv "*)
    fault "no venv" && refuse "Error: ensurepip failed"
    provide "$3/bin" python
    ;;
  "python -m pip --version") echo "pip 25.0" ;;
  "ffmpeg -version") echo "ffmpeg version 8.0" ;;
  "ffmpeg "*.m4a)
    fault "no encoder" && refuse "Unknown encoder 'aac'"
    : >"${*: -1}"
    ;;
  "ffprobe "*) say tone 1.021678 ;;
  "flutter --version") get flutter "Flutter 3.44.0 • channel stable" && printf 'Building flutter tool...\n%s\nEngine\n' "$got" ;;
  "claude --version") get npm/@anthropic-ai/claude-code "" && get claude "$got" && echo "$got (Claude Code)" ;;
  "codex --version") get npm/@openai/codex "" && get codex "$got" && echo "codex-cli $got" ;;
  *) unknown "$@" ;;
esac
