#!/bin/bash
# Makes a guest cloned from ghcr.io/cirruslabs/macos-*-base into the base that
# jobs run on. Runs in the guest as its login user, who has sudo without a
# password. Reads before it writes: a second run changes and downloads nothing.
#
#   RUNNER_VERSION  release of the GitHub Actions runner
#   RUNNER_SHA256   checksum of actions-runner-osx-arm64-VERSION.tar.gz; has no
#                   default, README.md says where to find it
set -euo pipefail

RUNNER_VERSION=${RUNNER_VERSION:-2.336.0}
RUNNER_SHA256=${RUNNER_SHA256:-}

# >>> promises (setup.sh and check.sh reach the guest one at a time: both carry these lines)
runner=$HOME/actions-runner
package=$runner/.hostler-package # what was installed: VERSION SHA256
updates=/Library/Preferences/com.apple.SoftwareUpdate
update_keys="AutomaticCheckEnabled AutomaticDownload AutomaticallyInstallMacOSUpdates ConfigDataInstall CriticalUpdateInstall"

# grep reads to the end here, never -q: leaving early would kill the tool by
# SIGPIPE, and pipefail would call that a broken promise.
no_sleep() {
  pmset -g custom | awk '
    $1 == "sleep" { seen = 1 }
    $1 ~ /^(sleep|displaysleep|disksleep)$/ && $2 != 0 { bad = 1 }
    END { exit bad || !seen }'
}
no_spotlight() { mdutil -s / | grep 'disabled\.' >/dev/null; }
no_screen_saver() {
  [ "$(defaults -currentHost read com.apple.screensaver idleTime 2>/dev/null)" = 0 ] &&
    [ "$(defaults read /Library/Preferences/com.apple.screensaver loginWindowIdleTime 2>/dev/null)" = 0 ]
}
no_screen_lock() { sysadminctl -screenLock status 2>&1 | grep 'screenLock is off' >/dev/null; }
# The keys and not `softwareupdate --schedule`, which is reported to lie on macOS 26.
no_updates() {
  local key
  for key in $update_keys; do
    [ "$(defaults read "$updates" "$key" 2>/dev/null)" = 0 ] || return 1
  done
}
auto_login() { sysadminctl -autologin status 2>&1 | grep -E "Automatic login user: $(id -un) *\$" >/dev/null; }
no_filevault() { fdesetup status 2>&1 | grep 'FileVault is Off' >/dev/null; }
login_shell() { /bin/bash -lc 'command -v brew' >/dev/null 2>&1; }
runner_runs() {
  local version
  [ -f "$package" ] && read -r version _ <"$package" &&
    [ "$("$runner/bin/Runner.Listener" --version 2>/dev/null)" = "$version" ]
}
runner_free() {
  local file
  for file in .runner .credentials .credentials_rsaparams; do
    [ ! -e "$runner/$file" ] || return 1
  done
}

# promise PROBE WHAT prints one line and remembers a failure.
promise() {
  if "$1"; then echo "ok    $2"; else
    echo "FAIL  $2"
    broken="$broken $1"
  fi
}
promises() {
  broken=
  promise no_sleep "never sleeps (pmset -g custom)"
  promise no_spotlight "Spotlight does not index (mdutil -s /)"
  promise no_screen_saver "no screen saver (defaults -currentHost read com.apple.screensaver idleTime; loginWindowIdleTime of /Library/Preferences)"
  promise no_screen_lock "the screen does not lock (sysadminctl -screenLock status)"
  promise no_updates "macOS does not update itself (defaults read $updates)"
  promise auto_login "$(id -un) is logged in at boot (sysadminctl -autologin status)"
  promise no_filevault "FileVault is off, which would stop that login (fdesetup status)"
  promise login_shell "a login bash finds Homebrew (~/.profile)"
  promise runner_runs "the runner is the package whose checksum was verified, and runs ($package)"
  promise runner_free "the runner is registered nowhere (.runner and .credentials* in $runner)"
  [ -z "$broken" ] || {
    echo "does not hold:$broken" >&2
    return 1
  }
}
# <<< promises

die() {
  echo "setup.sh: $*" >&2
  exit 1
}

# keep PROBE FIX makes a promise true that is not so yet.
keep() {
  "$1" && return
  echo "fixing $1"
  "$2"
}

# system_setup ARGS: systemsetup exits 0 when it refuses, and says so on stdout.
system_setup() {
  local said
  said=$(sudo -n systemsetup "$@" 2>&1) || die "systemsetup $*: $said"
  case $said in *"administrator access"*) die "systemsetup $*: $said" ;; esac
}

stop_sleep() {
  system_setup -setsleep Off
  sudo -n pmset -a sleep 0 displaysleep 0 disksleep 0
}
stop_spotlight() { sudo -n mdutil -a -i off; }
stop_screen_saver() {
  defaults -currentHost write com.apple.screensaver idleTime -int 0
  sudo -n defaults write /Library/Preferences/com.apple.screensaver loginWindowIdleTime -int 0
}
# The public images' well-known password. Another would be a secret in an
# argument list: such an image must bring the setting along.
stop_screen_lock() {
  sysadminctl -screenLock off -password admin ||
    die "the screen lock stays on: switch it off in the image by hand (it needs the desktop session and the password)"
}
stop_updates() {
  local key
  sudo -n softwareupdate --schedule off
  for key in $update_keys; do
    sudo -n defaults write "$updates" "$key" -bool false
  done
}

runner_wanted() { [ "$(cat "$package" 2>/dev/null)" = "$RUNNER_VERSION $RUNNER_SHA256" ] && runner_runs; }

# The runner appears whole, by rename, or not at all.
install_runner() {
  local name=actions-runner-osx-arm64-$RUNNER_VERSION.tar.gz sum said
  local url=https://github.com/actions/runner/releases/download/v$RUNNER_VERSION/$name
  rm -rf "$HOME"/.actions-runner.* # of a run that was killed
  work=$(mktemp -d "$HOME/.actions-runner.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  curl --fail --silent --show-error --location --retry 3 --output "$work/$name" "$url" || die "download $url"
  sum=$(shasum -a 256 "$work/$name")
  sum=${sum%% *}
  [ "$sum" = "$RUNNER_SHA256" ] ||
    die "$name has the checksum $sum, not $RUNNER_SHA256: nothing was installed; check RUNNER_SHA256"
  mkdir "$work/new"
  tar -xzf "$work/$name" -C "$work/new" || die "unpack $name"
  said=$("$work/new/bin/Runner.Listener" --version) || die "the runner in $name does not run"
  [ "$said" = "$RUNNER_VERSION" ] || die "the runner in $name says it is $said: nothing was installed"
  echo "$RUNNER_VERSION $RUNNER_SHA256" >"$work/new/.hostler-package"
  [ ! -e "$runner" ] || mv "$runner" "$work/old"
  mv "$work/new" "$runner"
}

main() {
  case $RUNNER_VERSION in
    *[!0-9.]* | .* | *. | *..*) die "RUNNER_VERSION is $RUNNER_VERSION: write a release such as 2.336.0" ;;
  esac
  [ -n "$RUNNER_SHA256" ] || die "no checksum is known for runner $RUNNER_VERSION: set RUNNER_SHA256 to the one GitHub" \
    "publishes for actions-runner-osx-arm64-$RUNNER_VERSION.tar.gz"
  RUNNER_SHA256=$(echo "$RUNNER_SHA256" | tr A-F a-f)
  case $RUNNER_SHA256 in
    *[!0-9a-f]*) die "RUNNER_SHA256 is not hexadecimal" ;;
  esac
  [ ${#RUNNER_SHA256} -eq 64 ] || die "RUNNER_SHA256 has ${#RUNNER_SHA256} characters: a SHA-256 has 64"
  sudo -n true || die "sudo asks $(id -un) for a password: start from an image that does not, such as macos-*-base"
  runner_free || die "$runner is registered with GitHub, and every clone would be that runner: remove the registration first"

  keep no_sleep stop_sleep
  keep no_spotlight stop_spotlight
  keep no_screen_saver stop_screen_saver
  keep no_screen_lock stop_screen_lock
  keep no_updates stop_updates
  keep runner_wanted install_runner
  promises
}

# One word to run, and no input: the script may itself arrive on standard input.
main </dev/null
