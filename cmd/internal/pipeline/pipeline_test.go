package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConvert(t *testing.T) {
	t.Parallel()
	got, err := Convert("pipeline.yml", []byte(`
github:
  org: acme
  runner_name: mini a
host:
  reserved_ram_gb: 4
  name: x
profiles:
  coder: {ram_mb: 2048, cpu: 4, timeout_minutes: 30}
  developer:
    ram_mb: 8192
    cpu: 6
  odd: {ram_mb: 5000, gpu: 1}
tools: [a]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`host "mini-a" {`, `memory = "4GiB" # kept for macOS`, `runner "mini-a" {`, `owner = "acme"`,
		"profile \"coder\" {\n  image   = image.base\n  memory  = \"4GiB\" # was 2048 MB, and a macOS guest takes 4 GiB\n  cpus    = 4\n  timeout = \"30m\"\n}",
		"profile \"developer\" {\n  image  = image.base\n  memory = \"8GiB\"\n  cpus   = 6\n}", `memory = "5000MiB"`,
	} {
		if !strings.Contains(got.HCL, want) {
			t.Errorf("%q is not in\n%s", want, got.HCL)
		}
	}
	notes := strings.Join(got.Notes, "\n")
	for _, want := range []string{
		"line 7: host.name is not known", "line 13: profiles.odd.gpu is not known", "line 14: tools is not known", `runner "mini a" is called "mini-a"`,
		"Profile coder has 4GiB instead of 2048 MB", "Profile odd said no cpu", "two macOS guests", "LaunchAgent", "Caches", "config.sh remove",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in\n%s", want, notes)
		}
	}
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "f.yml is empty"},
		{"- a\n", "f.yml line 1: want keys such as github, host and profiles"},
		{"a: [", "f.yml: line 1: did not find expected node content"},
		{"profiles: {a: {ram_mb: 1}}\n", "f.yml line 1: github.org is missing: whose jobs run on this Mac?"},
		{"github: {org: acme}\n", "f.yml line 1: profiles are missing: name at least one, with ram_mb and cpu"},
		{"github: acme\n", "f.yml line 1: github holds keys and values"},
		{"github: {org: a b}\nprofiles: {a: {ram_mb: lots}}\n", "f.yml line 1: \"a b\" is not an organization, or OWNER/REPOSITORY\nf.yml line 2: ram_mb is a whole number from 1 to 2097152, not \"lots\""},
		{"github: {org: acme}\nprofiles: {a: {cpu: 4}}\n", "f.yml line 2: profile a has no ram_mb"},
		{"github: {org: acme}\nprofiles:\n  a b: {ram_mb: 4096}\n  a-b: {ram_mb: 4096}\n", "f.yml line 4: two profiles would be called \"a-b\"; rename one"},
		{"github: {org: acme, org: b}\nprofiles: {a: {ram_mb: 4096}}\n", "f.yml line 1: github.org stands twice"},
	} {
		_, err := Convert("f.yml", []byte(c.text))
		if err == nil {
			t.Errorf("%q was taken", c.text)
		} else if d := cmp.Diff(c.want, err.Error()); d != "" {
			t.Errorf("%q: %s", c.text, d)
		}
	}
}

func FuzzConvert(f *testing.F) {
	f.Add("github: {org: acme}\nprofiles: {a: {ram_mb: 4096}}\n")
	f.Add("a: &a {b: *a}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := Convert("f.yml", []byte(text)); err == nil && !strings.Contains(r.HCL, "profile ") {
			t.Errorf("%q became %q", text, r.HCL)
		}
	})
}
