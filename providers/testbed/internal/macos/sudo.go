package macos

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"hostler/providers/testbed/internal/mac"
)

// Sudo is the program sudo, for a user who needs no password unless the Mac's
// settings say so. Then the files of /etc/sudoers.d decide.
func Sudo(p *mac.Process) int {
	args, uid, asks := p.Args, 0, true
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flag := args[0]
		args = args[1:]
		switch flag {
		case "--":
			return sudo(p, args, uid, asks)
		case "-n", "--non-interactive":
			asks = false
		case "-S", "-H", "-E", "-k", "-v":
		case "-u", "-g":
			if len(args) == 0 {
				return p.Errorf(1, "sudo: option requires an argument -- '%s'", flag[1:])
			}
			if flag == "-u" {
				var ok bool
				if uid, ok = p.Settings.Account(args[0]); !ok {
					return p.Errorf(1, "sudo: unknown user %s\nsudo: error initializing audit plugin sudoers_audit", args[0])
				}
			}
			args = args[1:]
		default:
			return p.Errorf(1, "sudo: illegal option `%s'\nusage: sudo -h | -K | -k | -V", flag)
		}
	}
	return sudo(p, args, uid, asks)
}

func sudo(p *mac.Process, args []string, uid int, asks bool) int {
	s, err := p.Mac.Settings()
	if err != nil {
		return p.Errorf(70, "sudo: %v", err)
	}
	if s.NoSudo && !p.Root() && !mayRun(p, args) {
		if asks {
			p.Errorf(1, "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper")
		}
		return p.Errorf(1, "sudo: a password is required")
	}
	if len(args) == 0 {
		return p.Errorf(1, "usage: sudo -h | -K | -k | -V")
	}
	if args[0] == "true" || args[0] == "/usr/bin/true" {
		return 0
	}
	code, ok := p.Exec(uid, args)
	if !ok {
		code, ok = script(p, args)
	}
	if !ok {
		return p.Errorf(1, "sudo: %s: command not found", args[0])
	}
	return code
}

// script runs a script of the Mac's that lies at an absolute path: by its
// interpreter on this machine.
func script(p *mac.Process, args []string) (code int, ok bool) {
	if !filepath.IsAbs(args[0]) {
		return 0, false
	}
	if data, err := os.ReadFile(p.Path(args[0])); err != nil || !strings.HasPrefix(string(data), "#!/bin/sh\n") {
		return 0, false
	}
	c := exec.Command(p.Path(args[0]), args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = p.Stdin, p.Stdout, p.Stderr
	for name, value := range p.Env {
		c.Env = append(c.Env, name+"="+value)
	}
	if err := c.Run(); err != nil && c.ProcessState == nil {
		return p.Errorf(1, "sudo: unable to execute %s: %v", args[0], err), true
	}
	return c.ProcessState.ExitCode(), true
}

// mayRun reports whether a line "USER ALL=(root) NOPASSWD: COMMAND, …" of
// sudoers names just this command, arguments and all.
func mayRun(p *mac.Process, args []string) bool {
	files, err := filepath.Glob(p.Mac.Path("/etc/sudoers.d/*"))
	if err != nil {
		return false
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return false
		}
		for line := range strings.Lines(string(data)) {
			list, ok := strings.CutPrefix(strings.TrimSpace(line), p.Settings.User+" ALL=(root) NOPASSWD: ")
			if ok && slices.Contains(sudoersCommands(list), strings.Join(args, " ")) {
				return true
			}
		}
	}
	return false
}

// sudoersCommands are the commands of a list. Where a special character stands
// without a backslash the list means something else, and nothing is allowed.
func sudoersCommands(list string) []string {
	var all []string
	var word strings.Builder
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '\\' && i+1 < len(list):
			i++
			word.WriteByte(list[i])
		case c == ',':
			all = append(all, strings.TrimSpace(word.String()))
			word.Reset()
		case strings.IndexByte(":=*?[]!#", c) >= 0:
			return nil
		default:
			word.WriteByte(c)
		}
	}
	return append(all, strings.TrimSpace(word.String()))
}
