package guest

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// loader is the program that stands in the arguments of every script: a shell
// reads three lines, a mark, the variables and the script, each written for
// printf's %b, and what follows on stdin is the script's. The mark tells the
// script's output from a profile's, and its exit code from everybody else's.
const loader = `# hostler: load
cd 2>/dev/null
IFS= read -r hostler_mark && IFS= read -r hostler_vars && IFS= read -r hostler_script || exit 1
eval "$(printf %b "$hostler_vars")"
hostler_script=$(printf %b "$hostler_script")
printf '%s begin %s\n' "$hostler_mark" "$$"
(eval "unset hostler_mark hostler_vars hostler_script
$hostler_script")
printf '%s end %s\n' "$hostler_mark" "$?"
`

// shell is the command by which a guest runs a script: as its user would, with
// the profile that puts Homebrew's programs into PATH. Our own are for any sh.
func shell(os string, c Command) []string {
	switch {
	case c.ours:
		return []string{"/bin/sh", "-c", loader}
	case os == "darwin":
		return []string{"/bin/zsh", "-l", "-c", loader}
	}
	return []string{"/bin/sh", "-l", "-c", loader}
}

// head is what the loader reads.
func head(mark string, c Command) (string, error) {
	if strings.Contains(c.Script, "\x00") {
		return "", errors.New("it holds a zero byte")
	}
	var vars strings.Builder
	export := func(name, value string) error {
		if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
			return fmt.Errorf("%q can't be the name of a variable", name)
		}
		if strings.Contains(value, "\x00") {
			return fmt.Errorf("the variable %s holds a zero byte", name)
		}
		fmt.Fprintf(&vars, "export %s=%s\n", name, quote(value))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if err := export(name, c.Env[name]); err != nil {
			return "", err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		if err := export(name, c.Secrets[name].Reveal()); err != nil {
			return "", err
		}
	}
	return mark + "\n" + escape(vars.String()) + "\n" + escape(c.Script) + "\n", nil
}

// escape writes s on one line of printable ASCII, for printf's %b.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\0%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// quote makes s one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// The scripts of our own. The first line says which it is, for those who read
// along.
const (
	diskScript = `# hostler: disk
: >"$HOME/.hostler-probe" && rm "$HOME/.hostler-probe" || {
	echo "the home folder $HOME can't be written" >&2
	exit 1
}
[ -z "$HOSTLER_SHARES" ] || mount | grep -qF " on $HOSTLER_SHARES (" || {
	echo "nothing is mounted on $HOSTLER_SHARES" >&2
	exit 1
}
`
	clockScript = `# hostler: clock
date +%s
`
	// The new file is written beside the old one, held against its checksum and
	// only then given its name.
	uploadScript = `# hostler: upload
set -e
umask 077
mkdir -p "$(dirname "$HOSTLER_PATH")"
temp=$HOSTLER_PATH.hostler-tmp
cat >"$temp"
sum=$( (sha256sum || shasum -a 256) 2>/dev/null <"$temp")
if [ "${sum%% *}" != "$HOSTLER_SUM" ]; then
	echo "$(wc -c <"$temp") bytes arrived with the checksum ${sum%% *}" >&2
	rm -f "$temp"
	exit 1
fi
chmod "$HOSTLER_MODE" "$temp"
mv -f "$temp" "$HOSTLER_PATH"
`
	// What a script has started is found before the first signal: a process
	// whose parent has ended can't be traced to it any more.
	killScript = `# hostler: kill
below() {
	ps -A -o pid= -o ppid= | awk -v root="$HOSTLER_PID" '
		{ parent[$1] = $2 }
		END {
			for (p in parent) {
				x = p
				for (n = 0; n < 100 && x != root && x in parent; n++) x = parent[x]
				if (x == root && p != root) print p
			}
		}'
}
hit() {
	for p in $1; do
		kill "-$2" "$p" 2>/dev/null || sudo -n kill "-$2" "$p" 2>/dev/null
	done
}
left() {
	for p in $1; do
		kill -0 "$p" 2>/dev/null && return 0
	done
	return 1
}
all=$(below)
hit "$all" TERM
for second in 1 2 3 4 5 6 7 8 9 10; do
	left "$all" || exit 0
	sleep 0.2
done
hit "$all $(below)" KILL
`
)
