// Package images owns the golden-image scripts that hostler ships.
//
//  1. base/ makes a public macOS guest into the base that jobs run on;
//     workhorse/ adds tools, one script for each, with a check-*.sh beside it.
//  2. A script reaches the guest alone, as a file or on standard input of
//     /bin/bash -l. What two of them need stands in both, between the marks
//     ">>> name" and "<<< name"; a test holds such blocks equal.
//  3. Scripts read before they write: a second run changes and downloads
//     nothing. Versions are pinned by environment variables.
//
// Start with base/README.md, then base/setup.sh.
package images

import "embed"

// FS holds the folders base and workhorse. It is never written to.
//
//go:embed base workhorse
var FS embed.FS
