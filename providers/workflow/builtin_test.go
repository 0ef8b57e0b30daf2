package workflow

import (
	"maps"
	"os/exec"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"go.yaml.in/yaml/v3"
)

// agents has a profile for what a model writes.
func agents() blocks {
	all := profiles()
	agent := all["profile.tester"].AsValueMap()
	agent["trust"] = cty.StringVal("agent")
	all["profile.agent"] = cty.ObjectVal(agent)
	return all
}

// of renders a template of our own.
func (b *bed) of(template, profile string, with map[string]string) (string, error) {
	set := attrs{"directory": "/Users/admin/app", "template": template, "profile": profile}
	if len(with) > 0 {
		set["with"] = with
	}
	v, err := b.resolve(b.value(set), b.Null())
	if err != nil {
		return "", err
	}
	return text(v, "content"), nil
}

// Whatever is given to them, they are accepted by the same inspection as
// everybody's, and their scripts are shell.
func TestOurTemplatesAreSound(t *testing.T) {
	odd := map[string]string{
		"run": "echo \"it's: #1\" && true\n# done", "release": "yes", "coordinator": "tester", "mention": "@it's", "task": "say: \"hi\" # now",
		"args": "--x 'y: z'", "publish_on": "ubuntu-latest", "cron": "0 4 * * *", "tools": "node ffmpeg", "secret": "OTHER_KEY",
	}
	for _, own := range builtins() {
		for _, with := range []map[string]string{{"run": "true"}, odd} {
			b := newBed(t)
			b.blocks = agents()
			content, err := b.of(own.word, "profile.agent", maps.Clone(with))
			if err != nil {
				t.Errorf("%s with %v: %v", own.word, with, err)
				continue
			}
			for _, script := range scripts(t, content) {
				c := exec.Command("bash", "-n")
				c.Stdin = strings.NewReader(script)
				if out, err := c.CombinedOutput(); err != nil {
					t.Errorf("%s: %v: %s\n%s", own.word, err, out, script)
				}
			}
		}
	}
}

// scripts are what the steps of a workflow file run.
func scripts(t *testing.T, content string) (all []string) {
	var doc struct {
		Jobs map[string]struct {
			Steps []struct{ Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(content), &doc); err != nil {
		t.Fatal(err)
	}
	for _, j := range doc.Jobs {
		for _, s := range j.Steps {
			if s.Run != "" {
				all = append(all, s.Run)
			}
		}
	}
	if len(all) == 0 {
		t.Errorf("no scripts in\n%s", content)
	}
	return all
}

// What the agents' files promise, held to the parsed file: the gate stands at
// the first job, keys and write permissions are never in one job, and no job
// checks out a pull request.
func TestAgentsAreFenced(t *testing.T) {
	for _, word := range []string{"claude-agent", "codex-agent"} {
		b := newBed(t)
		b.blocks = agents()
		content, err := b.of(word, "profile.agent", nil)
		b.must(err)
		var doc struct {
			On          map[string]struct{ Types []string }
			Permissions map[string]string
			Concurrency struct {
				Cancel bool `yaml:"cancel-in-progress"`
			}
			Jobs map[string]struct {
				If          string
				Needs       string
				Permissions map[string]string
				Steps       []struct {
					Uses string
					With map[string]string
					Env  map[string]string
				}
			}
		}
		b.must(yaml.Unmarshal([]byte(content), &doc))
		for event, on := range doc.On {
			if len(on.Types) != 1 || on.Types[0] != "created" {
				t.Errorf("%s: %s of %v", word, event, on.Types)
			}
		}
		if doc.Permissions == nil || len(doc.Permissions) > 0 || doc.Concurrency.Cancel {
			t.Errorf("%s: permissions %v, concurrency %v", word, doc.Permissions, doc.Concurrency)
		}
		boot, agent, publish := doc.Jobs["boot"], doc.Jobs["agent"], doc.Jobs["publish"]
		for _, part := range []string{`'["OWNER", "MEMBER", "COLLABORATOR"]'`, "author_association", "sender.type == 'User'", "comment.body"} {
			if !strings.Contains(boot.If, part) || boot.Needs != "" {
				t.Errorf("%s: boot's condition %q lacks %q", word, boot.If, part)
			}
		}
		if agent.Needs != "boot" || publish.Needs != "agent" {
			t.Errorf("%s: agent needs %q, publish needs %q", word, agent.Needs, publish.Needs)
		}
		for name, j := range doc.Jobs {
			key, writes := false, false
			for _, p := range j.Permissions {
				writes = writes || p == "write"
			}
			for _, s := range j.Steps {
				for _, v := range s.Env {
					key = key || strings.Contains(v, "secrets.")
				}
				if ref := s.With["ref"]; ref != "" {
					t.Errorf("%s: %s checks out %q", word, name, ref)
				}
			}
			if key && writes || writes != (name == "publish") || key != (name == "agent") {
				t.Errorf("%s: %s has a key: %v, may write: %v", word, name, key, writes)
			}
		}
	}
}

func TestOurTemplatesWantAFittingProfile(t *testing.T) {
	b := newBed(t)
	b.blocks = agents()
	_, err := b.of("claude-agent", "profile.tester", nil)
	if !pointsAt(err, "profile") || !strings.Contains(err.Error(), `trust = "agent"`) {
		t.Errorf("an agent beside branches: %v", err)
	}
	_, err = b.resolve(b.value(attrs{"directory": "/Users/admin/app", "template": "job", "with": map[string]string{"run": "ls"}}), b.Null())
	if !pointsAt(err, "profile") {
		t.Errorf("no profile: %v", err)
	}
	if _, err = b.of("job", "profile.tester", nil); !pointsAt(err, "template") || !strings.Contains(err.Error(), "run") {
		t.Errorf("nothing to run: %v", err)
	}
}

// A dangerous file is refused where GitHub would read it, and only there.
func TestDangerousFilesAreRefused(t *testing.T) {
	const bad = "on: issues\npermissions: {}\njobs:\n  a:\n    runs-on: [self-hosted, elsewhere]\n    timeout-minutes: 1\n    steps:\n      - run: echo ${{ github.event.issue.title }}\n"
	b := newBed(t)
	b.template("t.yml.tmpl", bad)
	_, err := b.resolve(b.value(attrs{"directory": "/Users/admin/app", "template": "t.yml.tmpl"}), b.Null())
	if !pointsAt(err, "template") || !strings.Contains(err.Error(), `rendered line 9 is "- run: echo ${{ github.event.issue.title }}"`) {
		t.Errorf("%v", err)
	}
	if _, err := b.resolve(b.value(attrs{"directory": "/Users/admin/app", "template": "t.yml.tmpl", "path": "docs/t.yml"}), b.Null()); err != nil {
		t.Errorf("no workflow: %v", err)
	}
}
