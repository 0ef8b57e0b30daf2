package images

import (
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// shipped is the embedded scripts by path; it also proves that they are those
// on disk.
func shipped(t *testing.T) map[string]string {
	t.Helper()
	scripts := map[string]string{}
	for _, pattern := range []string{"base/*.sh", "workhorse/*.sh"} {
		names, err := fs.Glob(os.DirFS("."), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := FS.ReadFile(name)
			if err != nil {
				t.Fatalf("not embedded: %v", err)
			}
			scripts[name] = string(b)
		}
	}
	if want := 2 + 2*len(tools); len(scripts) != want {
		t.Fatalf("%d scripts, want %d: add the new tool to the tests", len(scripts), want)
	}
	return scripts
}

// notIn32 is syntax that bash 3.2, the one of macOS, does not have.
var notIn32 = regexp.MustCompile(`\b(mapfile|readarray|coproc)\b|\b(declare|local|typeset) -[a-zA-Z]*[Agn]|\$\{\w+(,,?|\^\^?|@[A-Za-z])|&>>|\|&|\bwait -n\b|;;?&|\{\w+\}[<>]|\[\[ -v `)

// askingSudo is sudo where a command stands, without -n.
var askingSudo = regexp.MustCompile(`(?m)(^\s*|\$\(|[|&;{] )sudo (-[^n]|[^-])`)

func TestScriptsAreSound(t *testing.T) {
	for name, text := range shipped(t) {
		if !strings.HasPrefix(text, "#!/bin/bash\n# ") || !strings.Contains(text, "\nset -euo pipefail\n") {
			t.Errorf("%s: wants a shebang, a comment that says what it does, and strict mode", name)
		}
		if !strings.HasSuffix(text, "</dev/null\n") {
			t.Errorf("%s: its last line must run it without input: it may itself arrive on standard input", name)
		}
		if m := notIn32.FindString(text); m != "" {
			t.Errorf("%s: %q is not in bash 3.2", name, m)
		}
		if askingSudo.MatchString(text) {
			t.Errorf("%s: sudo without -n may wait for a password forever", name)
		}
		if out, err := exec.Command("/bin/bash", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("bash -n %s: %v\n%s", name, err, out)
		}
	}
}

func TestSoundnessSeesViolations(t *testing.T) {
	for _, bad := range []string{"  sudo pmset -a", "x=$(sudo id)", "true && sudo -u root id"} {
		if !askingSudo.MatchString(bad) {
			t.Errorf("missed: %s", bad)
		}
	}
	for _, bad := range []string{"mapfile -t a", "declare -A m", "local -n r=x", "echo ${x,,}", "echo ${x^}", "a |& b", "a &>> b", "case x in a) ;;& esac"} {
		if !notIn32.MatchString(bad) {
			t.Errorf("missed: %s", bad)
		}
	}
}

func TestShellcheck(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed: apt-get install -y shellcheck, or brew install shellcheck")
	}
	args := []string{"testdata/double.sh"}
	for name := range shipped(t) {
		args = append(args, name)
	}
	if out, err := exec.Command("shellcheck", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSharedLinesAreEqual: scripts reach the guest alone, so what two of them
// need stands in both.
func TestSharedLinesAreEqual(t *testing.T) {
	block := regexp.MustCompile(`(?ms)^# >>> (\w+) .*?^# <<< (\w+)$`)
	first, count := map[string]string{}, map[string]int{}
	for name, text := range shipped(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			if m[1] != m[2] {
				t.Errorf("%s: block %s ends as %s", name, m[1], m[2])
			}
			if count[m[1]]++; count[m[1]] == 1 {
				first[m[1]] = m[0]
			}
			if m[0] != first[m[1]] {
				t.Errorf("%s: its block %s differs from another script's", name, m[1])
			}
		}
	}
	if count["promises"] != 2 || count["brew"] != 3 || count["npm"] != 3 || len(count) != 3 {
		t.Errorf("blocks: %v", count)
	}
}

// TestReadmesTellTheTruth: each variable has one default, which the README
// states; the HCL in it is HCL, and names scripts and variables that exist.
func TestReadmesTellTheTruth(t *testing.T) {
	scripts := shipped(t)
	variable := regexp.MustCompile(`(?m)^(\w+)=\$\{(\w+):-(.*)\}$`)
	defaults := map[string]map[string]string{"base": {}, "workhorse": {}}
	for name, text := range scripts {
		folder, _, _ := strings.Cut(name, "/")
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			if m[1] != m[2] {
				t.Errorf("%s: %s", name, m[0])
			}
			if other, seen := defaults[folder][m[1]]; seen && other != m[3] {
				t.Errorf("%s: %s is %q here and %q elsewhere", name, m[1], m[3], other)
			}
			defaults[folder][m[1]] = m[3]
		}
	}
	for folder, variables := range defaults {
		b, err := FS.ReadFile(folder + "/README.md")
		if err != nil {
			t.Fatal(err)
		}
		readme := string(b)
		for name, value := range variables {
			if value == "" {
				value = "none"
			}
			row := "| `" + name + "` | " + value + " |"
			if !strings.Contains(readme, row) {
				t.Errorf("%s/README.md: no row %q", folder, row)
			}
		}
		for name := range scripts {
			if in, file, _ := strings.Cut(name, "/"); in == folder && !strings.Contains(readme, file) {
				t.Errorf("%s/README.md does not name %s", folder, file)
			}
		}
		snippets := regexp.MustCompile("(?ms)^```hcl\n(.*?)^```$").FindAllStringSubmatch(readme, -1)
		if len(snippets) == 0 {
			t.Errorf("%s/README.md shows no image block", folder)
		}
		for _, s := range snippets {
			if _, diags := hclsyntax.ParseConfig([]byte(s[1]), folder+"/README.md", hcl.InitialPos); diags.HasErrors() {
				t.Error(diags)
			}
			for _, m := range regexp.MustCompile(`"\.\./\.\./images/([^"]+)"`).FindAllStringSubmatch(s[1], -1) {
				if _, ok := scripts[m[1]]; !ok {
					t.Errorf("%s/README.md uses %s, which is not shipped", folder, m[1])
				}
			}
			for _, m := range regexp.MustCompile(`\b([A-Z]+_[A-Z0-9]+) *=`).FindAllStringSubmatch(s[1], -1) {
				if _, ok := variables[m[1]]; !ok {
					t.Errorf("%s/README.md sets %s, which no script reads", folder, m[1])
				}
			}
		}
	}
	if defaults["base"]["RUNNER_VERSION"] != runnerVersion {
		t.Errorf("the tests expect another runner than %s", defaults["base"]["RUNNER_VERSION"])
	}
}
