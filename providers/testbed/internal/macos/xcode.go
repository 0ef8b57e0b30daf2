package macos

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"hostler/providers/testbed/internal/mac"
)

const (
	xcodeLink = "/var/db/xcode_select_link"
	clTools   = "/Library/Developer/CommandLineTools"
)

// developerDir is the folder in use; "" when there is none.
func developerDir(p *mac.Process) string {
	if to, err := os.Readlink(p.Mac.Path(xcodeLink)); err == nil {
		return to
	}
	for _, d := range []string{"/Applications/Xcode.app/Contents/Developer", clTools} {
		if exists(p, d) {
			return d
		}
	}
	return ""
}

// XcodeSelect is the program xcode-select: -p, -s and -r.
func XcodeSelect(p *mac.Process) int {
	if len(p.Args) == 0 {
		return p.Errorf(1, "xcode-select: error: no command option given\nUsage: xcode-select [options]")
	}
	switch p.Args[0] {
	case "-p", "--print-path":
		if d := developerDir(p); d != "" {
			return say(p, "%s", d)
		}
		return p.Errorf(2, "xcode-select: error: unable to get active developer directory, use `sudo xcode-select --switch path/to/Xcode.app` to set one (or see `man xcode-select`)")
	case "-s", "--switch":
		if len(p.Args) != 2 {
			return p.Errorf(1, "xcode-select: error: --switch requires a path argument")
		}
		return switchXcode(p, p.Args[1])
	case "-r", "--reset":
		if !p.Root() {
			return p.Errorf(1, "xcode-select: error: --reset must be run as root (e.g. `sudo xcode-select --reset`).")
		}
		os.Remove(p.Mac.Path(xcodeLink))
		return 0
	}
	return p.Errorf(1, "xcode-select: error: invalid argument '%s'", p.Args[0])
}

func switchXcode(p *mac.Process, to string) int {
	if !p.Root() {
		return p.Errorf(1, "xcode-select: error: --switch must be run as root (e.g. `sudo xcode-select --switch <xcode_folder_path>`).")
	}
	dir := path.Clean(to)
	if exists(p, dir+"/Contents/Developer") {
		dir += "/Contents/Developer"
	}
	if dir != clTools && !strings.HasSuffix(dir, "/Contents/Developer") || !exists(p, dir) {
		return p.Errorf(1, "xcode-select: error: invalid developer directory '%s'", to)
	}
	link := p.Mac.Path(xcodeLink)
	next := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := errors.Join(os.MkdirAll(path.Dir(link), 0o755), os.Symlink(dir, next), os.Rename(next, link)); err != nil {
		return p.Errorf(1, "xcode-select: error: %v", err)
	}
	return remember(p, func(s *system) { s.License, s.FirstLaunch = false, false })
}

// Xcodebuild is the program xcodebuild, as far as it makes Xcode ready.
func Xcodebuild(p *mac.Process) int {
	if dir := developerDir(p); dir == "" || dir == clTools {
		return p.Errorf(1, "xcode-select: error: tool 'xcodebuild' requires Xcode, but active developer directory '%s' is a command line tools instance", dir)
	}
	switch {
	case slices.Equal(p.Args, []string{"-license", "check"}):
		return ask(p, func(s *system) int {
			if !s.License {
				return p.Errorf(69, "You have not agreed to the Xcode license agreements.")
			}
			return 0
		})
	case slices.Equal(p.Args, []string{"-license", "accept"}):
		if !p.Root() {
			return p.Errorf(69, "You have not agreed to the Xcode license agreements. You must agree to both license agreements below in order to use Xcode.")
		}
		return remember(p, func(s *system) { s.License = true })
	case slices.Equal(p.Args, []string{"-checkFirstLaunchStatus"}):
		return ask(p, func(s *system) int {
			if !s.FirstLaunch {
				return 69
			}
			return 0
		})
	case slices.Equal(p.Args, []string{"-runFirstLaunch"}):
		if s, err := remembered(p); err != nil || !s.License {
			return p.Errorf(69, "You have not agreed to the Xcode license agreements.")
		}
		say(p, "Install Succeeded")
		return remember(p, func(s *system) { s.FirstLaunch = true })
	}
	return p.Errorf(64, "xcodebuild: error: invalid option '%s'", strings.Join(p.Args, " "))
}
