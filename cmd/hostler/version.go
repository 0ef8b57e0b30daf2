package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view"
)

// release is the version of hostler that this source becomes, and what
// required_version is checked against.
const release = "0.1.0"

// commit is the revision that the program was built from, "" if unknown.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var revision, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+changes"
			}
		}
	}
	return revision + modified
}

func version(a *app, f *pflag.FlagSet) func([]string) error {
	jsonFlag(a, f)
	return func(args []string) error {
		platform := runtime.GOOS + "_" + runtime.GOARCH
		if a.json {
			return view.VersionJSON(a.stdout, release, platform)
		}
		fmt.Fprintln(a.stdout, strings.TrimSpace(fmt.Sprintf("hostler v%s on %s %s", release, platform, commit())))
		return nil
	}
}
