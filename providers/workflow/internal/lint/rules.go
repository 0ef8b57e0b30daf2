package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// safety is the rules of the package comment, as one pass of actionlint.
type safety struct {
	actionlint.RuleBase
	permitted bool // the workflow says what its token may do
	outsiders bool // it has our secrets, and runs for what an outsider does
}

func newSafety() *safety {
	return &safety{RuleBase: actionlint.NewRuleBase("hostler", "workflows that are safe beside a shared Mac")}
}

// forOutsiders are events that run the default branch's workflow, with its
// secrets, for what anybody may do.
var forOutsiders = []string{"pull_request_target", "issue_comment", "issues", "pull_request_review_comment", "workflow_run", "discussion_comment"}

func (s *safety) VisitWorkflowPre(w *actionlint.Workflow) error {
	s.permitted = w.Permissions != nil
	for _, e := range w.On {
		s.outsiders = s.outsiders || slices.Contains(forOutsiders, e.EventName())
	}
	return nil
}

func (s *safety) VisitJobPre(j *actionlint.Job) error {
	if !s.permitted && j.Permissions == nil {
		s.Errorf(j.Pos, "job %q has no permissions, so its token may do whatever the repository's settings allow; write permissions with the least that is needed, such as contents: read, at the top or here", j.ID.Value)
	}
	if j.TimeoutMinutes == nil && j.WorkflowCall == nil {
		s.Errorf(j.Pos, "job %q has no timeout-minutes, so one that hangs keeps its runner for six hours", j.ID.Value)
	}
	if j.WorkflowCall != nil {
		s.pinned(j.WorkflowCall.Uses)
	}
	return nil
}

func (s *safety) VisitStep(step *actionlint.Step) error {
	switch e := step.Exec.(type) {
	case *actionlint.ExecRun:
		s.clean(e.Run, "a script", "put it into env and use the variable, in quotes")
	case *actionlint.ExecAction:
		s.pinned(e.Uses)
		for name, in := range e.Inputs {
			if slices.Contains(programs, name) {
				s.clean(in.Value, name, "let the action read it from the event, or put it into env")
			}
		}
		s.ours(e)
	}
	return nil
}

// programs are inputs that an action runs, or has a model obey.
var programs = []string{"script", "run", "prompt", "direct_prompt", "custom_instructions", "args", "claude_args", "codex-args", "cmd", "command"}

var (
	expression = regexp.MustCompile(`(?s)\$\{\{.*?\}\}`)
	// written matches what outsiders write. Numbers, SHAs and names that
	// GitHub checks are not among it.
	written = regexp.MustCompile(`(?i)github\.(head_ref|event\.(inputs\b|client_payload|[a-z_.\[\]*0-9'"]*(title|body|label|name|message|email|ref|page_name|description|default_branch)\b))`)
	full    = regexp.MustCompile(`@[0-9a-f]{40}$`)
)

// clean refuses what outsiders write in a text that is executed.
func (s *safety) clean(text *actionlint.String, where, instead string) {
	if text == nil {
		return
	}
	for _, e := range expression.FindAllString(text.Value, -1) {
		if found := written.FindString(e); found != "" {
			s.Errorf(text.Pos, "%s stands in %s: whoever writes it could have it executed; %s", found, where, instead)
		}
	}
}

// pinned wants the full commit of what is used.
func (s *safety) pinned(uses *actionlint.String) {
	if uses == nil || strings.HasPrefix(uses.Value, "./") || full.MatchString(uses.Value) ||
		strings.HasPrefix(uses.Value, "docker://") && strings.Contains(uses.Value, "@sha256:") {
		return
	}
	s.Errorf(uses.Pos, "%q is not pinned: its tag or branch can be moved to other code; write the full commit, as in OWNER/NAME@<40 hex digits> # v1", uses.Value)
}

// ours refuses a checkout of a pull request's code over our own.
func (s *safety) ours(e *actionlint.ExecAction) {
	ref := e.Inputs["ref"]
	if !s.outsiders || ref == nil || !strings.HasPrefix(e.Uses.Value, "actions/checkout@") {
		return
	}
	foreign := regexp.MustCompile(`(?i)head|refs/pull|merge_commit|workflow_run`)
	if foreign.MatchString(ref.Value.Value) && e.Inputs["path"] == nil {
		s.Errorf(ref.Value.Pos, "this checks out a pull request's code in a workflow that has this repository's secrets; give it a path of its own (path: pr-head) and run nothing of it")
	}
}
