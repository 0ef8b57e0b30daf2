package images

import (
	"os/exec"
	"strings"
	"testing"
)

// tools in the order of the steps.
var tools = []string{"node", "python", "ffmpeg", "playwright", "flutter", "claude", "codex"}

func TestWorkhorseIsMadeOnce(t *testing.T) {
	g := newGuest(t)
	for _, tool := range tools {
		if out, code := g.run(asFile, "workhorse/check-"+tool+".sh"); code == 0 {
			t.Errorf("check-%s.sh passes before %s.sh ran\n%s", tool, tool, out)
		}
		g.must(onStdin, "workhorse/"+tool+".sh")
		if out := g.must(onStdin, "workhorse/check-"+tool+".sh"); !strings.HasPrefix(out, "ok    ") {
			t.Errorf("check-%s.sh says %q", tool, out)
		}
	}
	for _, want := range []string{
		"brew install node@22",
		"brew install python@3.13",
		"brew install ffmpeg",
		"npm install --global --no-fund --no-audit playwright@1.65.1",
		"playwright webkit",
		"brew install --cask flutter",
		"npm install --global --no-fund --no-audit @anthropic-ai/claude-code@2.1.332",
		"npm install --global --no-fund --no-audit @openai/codex@0.169.0",
	} {
		if !strings.Contains(g.read("changes"), want+"\n") {
			t.Errorf("not done: %s", want)
		}
	}
	before := g.snapshot(".")
	for _, tool := range tools {
		g.must(asFile, "workhorse/"+tool+".sh")
	}
	if after := g.snapshot("."); after != before {
		t.Errorf("the second run changed something\nbefore:\n%s\nafter:\n%s", before, after)
	}

	for _, c := range []struct{ tool, file, content, want string }{
		{"node", "state/node", "v24.1.0", "node is v24.1.0, not 22"},
		{"python", "state/python", "Python 3.9.6", "python3 is Python 3.9.6, not 3.13"},
		{"python", "fault", "no venv", "no virtual environment"},
		{"ffmpeg", "fault", "no encoder", "encodes no test tone"},
		{"ffmpeg", "state/tone", "0.2", "one second of tone became 0.2"},
		{"ffmpeg", "state/tone", "N/A", "one second of tone became N/A"},
		{"playwright", "state/browser/firefox", "no", "opens no page"},
		{"flutter", "state/flutter", "Error", "names no release"},
		{"claude", "state/claude", "2.1.3", "claude is 2.1.3 (Claude Code), not 2.1.332"},
		{"codex", "state/codex", "0.169.0-alpha", "codex is codex-cli 0.169.0-alpha, not 0.169.0"},
	} {
		t.Run("check "+c.tool+" "+c.content, func(t *testing.T) {
			g.t = t
			g.write(c.file, c.content+"\n")
			out, code := g.run(asFile, "workhorse/check-"+c.tool+".sh")
			if code != 1 || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want 1 and %q\n%s", code, c.want, out)
			}
			g.remove(c.file)
		})
	}
}

func TestWorkhorsePins(t *testing.T) {
	for _, c := range []struct {
		tool, pin, want string
	}{
		{"node", "NODE_MAJOR=24", "brew install node@24"},
		{"python", "PYTHON_VERSION=3.12", "brew install python@3.12"},
		{"ffmpeg", "FFMPEG_FORMULA=ffmpeg@7", "brew install ffmpeg@7"},
		{"playwright", "PLAYWRIGHT_VERSION=1.60.0", "playwright@1.60.0"},
		{"playwright", "PLAYWRIGHT_BROWSERS=webkit", "playwright webkit"},
		{"claude", "CLAUDE_VERSION=2.0.1", "claude-code@2.0.1"},
		{"codex", "CODEX_VERSION=0.1.0", "codex@0.1.0"},
	} {
		t.Run(c.pin, func(t *testing.T) {
			g := newGuest(t)
			if c.tool != "node" {
				g.must(asFile, "workhorse/node.sh")
			} else {
				g.remove("brew/opt/node@24")
			}
			g.must(asFile, "workhorse/"+c.tool+".sh", c.pin)
			if !strings.Contains(g.read("changes"), c.want+"\n") {
				t.Errorf("not done: %s\n%s", c.want, g.read("changes"))
			}
			g.must(asFile, "workhorse/check-"+c.tool+".sh", c.pin)
		})
	}
	t.Run("FLUTTER_VERSION", func(t *testing.T) {
		g := newGuest(t)
		g.must(asFile, "workhorse/flutter.sh", "FLUTTER_VERSION=3.44.0")
		if out, code := g.run(asFile, "workhorse/flutter.sh", "FLUTTER_VERSION=3.44"); code != 1 || !strings.Contains(out, "this is not Flutter 3.44:") {
			t.Errorf("exit code %d\n%s", code, out)
		}
	})
}

// TestPlaywrightCheckOpensPages runs the check's own JavaScript with a real
// Node and a double of the playwright package.
func TestPlaywrightCheckOpensPages(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node here: the JavaScript of check-playwright.sh is not run")
	}
	for name, c := range map[string]struct {
		title string
		want  string
		code  int
	}{
		"opens": {title: "open", want: "ok    Playwright opens a page in chromium\nok    Playwright opens a page in firefox\nok    Playwright opens a page in webkit\n"},
		"blank": {title: "", want: "chromium shows a page titled", code: 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t)
			g.must(asFile, "workhorse/node.sh")
			g.remove("brew/opt/node@22/bin/node")
			g.link(node, "brew/opt/node@22/bin/node")
			g.write("brew/lib/node_modules/playwright/index.js", `
const launch = async () => ({
  newPage: async () => ({
    goto: async (url) => { if (!url.startsWith("data:text/html,<title>open<")) throw new Error("opened " + url); },
    title: async () => "`+c.title+`",
  }),
  close: async () => {},
});
module.exports = { chromium: { launch }, firefox: { launch }, webkit: { launch } };
`)
			out, code := g.run(asFile, "workhorse/check-playwright.sh")
			if code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want %d and %q\n%s", code, c.code, c.want, out)
			}
		})
	}
}
