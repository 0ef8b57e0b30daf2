#!/bin/bash
# Installs GitHub's runner program for Linux on arm64 in ~/actions-runner, once
# its checksum has been verified.
set -euo pipefail

: "${RUNNER_VERSION:?}" "${RUNNER_SHA256:?needs the checksum of the runner package, see README.md}"
package=actions-runner-linux-arm64-$RUNNER_VERSION.tar.gz
cd "$(mktemp -d)"
curl --fail --silent --show-error --location --output "$package" \
  "https://github.com/actions/runner/releases/download/v$RUNNER_VERSION/$package"
echo "$RUNNER_SHA256  $package" | sha256sum --check --quiet
mkdir -p runner
tar -xzf "$package" -C runner
sudo runner/bin/installdependencies.sh
rm -rf ~/actions-runner
mv runner ~/actions-runner
