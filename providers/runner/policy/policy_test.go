package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	p := Policy{Owner: "acme", Workflows: []string{"acme/app/.github/workflows/test.yml", "acme/app/.github/workflows/deploy.yml@refs/heads/main"}, Events: []string{"push", "pull_request"}}
	const test, deploy = "acme/app/.github/workflows/test.yml@refs/heads/x", "acme/app/.github/workflows/deploy.yml@refs/heads/"
	for _, c := range []struct {
		what string
		job  Job
		want string
	}{
		{"what is allowed", Job{"acme/app", test, "push", ""}, ""},
		{"by another spelling", Job{"Acme/App", "Acme/App/.github/workflows/test.yml@refs/heads/x", "push", ""}, ""},
		{"its own pull request", Job{"acme/app", "acme/app/.github/workflows/test.yml@refs/pull/7/merge", "pull_request", "acme/app"}, ""},
		{"the branch that is allowed", Job{"acme/app", deploy + "main", "push", ""}, ""},
		{"another branch", Job{"acme/app", deploy + "evil", "push", ""}, "its workflow is"},
		{"a fork", Job{"acme/app", test, "pull_request", "evil/app"}, "comes from evil/app"},
		{"another owner", Job{"acme2/app", test, "push", ""}, "it is of acme2/app"},
		{"another file", Job{"acme/app", "acme/app/.github/workflows/evil.yml@refs/heads/main", "push", ""}, "evil.yml"},
		{"another repository's file", Job{"acme/site", "acme/site/.github/workflows/test.yml@refs/heads/main", "push", ""}, "its workflow is"},
		{"another event", Job{"acme/app", test, "issue_comment", ""}, "its event is issue_comment"},
	} {
		err := p.Judge(c.job)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if err := (Policy{Owner: "acme/app"}).Judge(Job{"acme/app", "acme/app/.github/workflows/any.yml@refs/heads/main", "schedule", ""}); err != nil {
		t.Error(err)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	event := filepath.Join(t.TempDir(), "event.json")
	for _, c := range []struct{ text, head, err string }{
		{`{"ref": "x"}`, "", ""}, {`{"pull_request": {"head": {"repo": {"full_name": "evil/app"}}}}`, "evil/app", ""},
		{`{"pull_request": {"head": {"repo": null}}}`, "a repository that is gone", ""}, {`{`, "", "can't be read"}, {`[]`, "", "can't be read"},
	} {
		if err := os.WriteFile(event, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"GITHUB_REPOSITORY": "acme/app", "GITHUB_WORKFLOW_REF": "acme/app/x@y", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": event}
		j, err := Of(func(name string) string { return env[name] })
		if j.Head != c.head || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %+v %v", c.text, j, err)
		}
		for name := range env {
			kept := env[name]
			env[name] = ""
			if _, err := Of(func(name string) string { return env[name] }); err == nil {
				t.Errorf("without %s it is taken", name)
			}
			env[name] = kept
		}
	}
}
