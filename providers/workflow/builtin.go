package workflow

import (
	"embed"
	"slices"
)

// templates are those that hostler brings along.
//
//go:embed templates/*.tmpl
var templates embed.FS

// builtin is a template that a block names by a word.
type builtin struct {
	word, file string
	agent      map[string]string // what the template knows as .agent
	// trust is what the profile's must be; "" is any.
	trust string
}

// builtins are all of them. The programs of the agents are those of the golden
// image; they get the prompt on stdin, and leave the answer in a file.
func builtins() []builtin {
	return []builtin{
		{word: "job", file: "job.yml.tmpl"},
		{word: "claude-agent", file: "agent.yml.tmpl", trust: "agent", agent: map[string]string{
			"name": "Claude", "mention": "@claude", "env": "ANTHROPIC_API_KEY", "secret": "ANTHROPIC_API_KEY",
			"command": "claude --print", "args": "--permission-mode acceptEdits --max-turns 40",
			"files": `< "$RUNNER_TEMP/prompt" > "$RUNNER_TEMP/answer"`,
		}},
		{word: "codex-agent", file: "agent.yml.tmpl", trust: "agent", agent: map[string]string{
			"name": "Codex", "mention": "@codex", "env": "CODEX_API_KEY", "secret": "OPENAI_API_KEY",
			"command": "codex exec", "args": "--sandbox workspace-write",
			"files": `--output-last-message "$RUNNER_TEMP/answer" - < "$RUNNER_TEMP/prompt"`,
		}},
		{word: "selftest", file: "selftest.yml.tmpl"},
	}
}

func builtinOf(word string) (builtin, bool) {
	all := builtins()
	i := slices.IndexFunc(all, func(b builtin) bool { return b.word == word })
	if i < 0 {
		return builtin{}, false
	}
	return all[i], true
}

func builtinWords() []string {
	var out []string
	for _, b := range builtins() {
		out = append(out, b.word)
	}
	return out
}
