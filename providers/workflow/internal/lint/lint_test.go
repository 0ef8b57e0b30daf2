package lint

import (
	"fmt"
	"strings"
	"testing"
)

const sha = "11bd71901bbe5b1630ceea73d27597364c9af683"

// file is a workflow that is fine, with one part replaced.
func file(old, new string) string {
	text := `name: x
on: [push]
permissions:
  contents: read
jobs:
  a:
    runs-on: [self-hosted, macOS, tester]
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@` + sha + `
      - run: echo hello
`
	if !strings.Contains(text, old) {
		panic(old)
	}
	return strings.Replace(text, old, new, 1)
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		old, new string
		line     int    // 0: nothing is found
		says     string // in the finding
	}{
		{"", "", 0, ""},
		{"permissions:\n  contents: read\n", "", 4, `"a" has no permissions`},
		{"    timeout-minutes: 5\n", "    permissions: {}\n", 6, "no timeout-minutes"},
		{"permissions:\n  contents: read\n", "# none\n", 5, "no permissions"},
		{"@" + sha, "@v4", 10, `"actions/checkout@v4" is not pinned`},
		{"@" + sha, "@" + sha[:39], 10, "not pinned"},
		{"uses: actions/checkout@" + sha, "uses: ./local", 0, ""},
		{"uses: actions/checkout@" + sha, "uses: docker://alpine:3", 10, "not pinned"},
		{"uses: actions/checkout@" + sha, "uses: docker://alpine@sha256:0123", 0, ""},
		{"echo hello", "echo ${{ github.event.issue.title }}", 11, "github.event.issue.title stands in a script"},
		{"echo hello", "echo ${{ github.head_ref }}", 11, "github.head_ref stands in a script"},
		{"echo hello", "echo ${{ github.event.inputs.name }}", 11, "stands in a script"},
		{"echo hello", "echo ${{ github.event_name }} ${{ github.event.issue.number }} ${{ github.event.pull_request.head.sha }}", 0, ""},
		{"echo hello", "|\n          echo\n          echo ${{ toJSON(github.event.comment.body) }}", 11, "stands in a script"},
		{"run: echo hello", "run: echo \"$TITLE\"\n        env:\n          TITLE: ${{ github.event.issue.title }}", 0, ""},
		{"run: echo hello", "uses: some/agent@" + sha + "\n        with:\n          prompt: Do ${{ github.event.comment.body }}", 13, "stands in prompt"},
		{"run: echo hello", "uses: some/agent@" + sha + "\n        with:\n          title: ${{ github.event.comment.body }}", 0, ""},
		{"on: [push]", "on: [issue_comment]", 0, ""},
		{"[push]", "[nonsense]", 2, "unknown Webhook event"},
		{"echo hello", "echo ${{ needs.b.outputs.x }}", 11, `property "b" is not defined`},
		{"tester]", "testre]", 7, `label "testre" is unknown`},
		{"tester]", "vm-12-1]", 0, ""},
		{"[self-hosted, macOS, tester]", `[self-hosted, "${{ github.run_id }}"]`, 0, ""},
		{"steps:", "stepz:", 9, "unexpected key"},
	} {
		found, err := Check(file(c.old, c.new), []string{"tester", "vm-*"})
		if err != nil {
			t.Fatal(err)
		}
		hit := false
		for _, f := range found {
			hit = hit || f.Line == c.line && strings.Contains(f.Text, c.says)
		}
		if hit != (c.line > 0) || c.line == 0 && len(found) > 0 {
			t.Errorf("%q for %q: found %v, want line %d: %s", c.new, c.old, found, c.line, c.says)
		}
		for _, f := range found {
			if f.Doubt != strings.Contains(f.Text, "is unknown. available labels") {
				t.Errorf("doubt about %v", f)
			}
		}
	}
}

// Whoever comments must not get their code run with our secrets.
func TestCheckoutsForOutsiders(t *testing.T) {
	for _, c := range []struct {
		event, with string
		wrong       bool
	}{
		{"issue_comment", "ref: refs/pull/${{ github.event.issue.number }}/head", true},
		{"pull_request_target", "ref: ${{ github.event.pull_request.head.sha }}", true},
		{"workflow_run", "ref: ${{ github.event.workflow_run.head_sha }}", true},
		{"pull_request_target", "ref: ${{ github.event.pull_request.head.sha }}\n          path: pr-head", false},
		{"issue_comment", "ref: main", false},
		{"issue_comment", "fetch-depth: 0", false},
		{"pull_request", "ref: ${{ github.event.pull_request.head.sha }}", false},
	} {
		event := c.event + ":"
		if c.event == "workflow_run" {
			event += " { workflows: [x] }"
		}
		text := strings.Replace(file("@"+sha, "@"+sha+"\n        with:\n          "+c.with), "[push]", fmt.Sprintf("{ %s }", event), 1)
		found, err := Check(text, []string{"tester"})
		if err != nil {
			t.Fatal(err)
		}
		if (len(found) > 0) != c.wrong || c.wrong && !strings.Contains(found[0].Text, "pull request's code") {
			t.Errorf("%s with %s: found %v", c.event, c.with, found)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for b.Loop() {
		if found, err := Check(file("", ""), []string{"tester"}); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	}
}
