#!/bin/bash
# Proves what setup.sh promises of a guest: one line for each promise, exit
# code 1 and the names of the broken ones when any does not hold. Changes nothing.
set -euo pipefail

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

promises </dev/null
