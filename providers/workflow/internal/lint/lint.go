// Package lint reads a workflow file as GitHub will, and as an attacker would,
// before it is written anywhere. actionlint says whether it works; rules.go
// says whether it is fit to run beside a Mac that others share:
//
//  1. What the job's token may do is written down: permissions, at the top or
//     at every job.
//  2. Every job has a timeout.
//  3. Actions are pinned to a full commit, which nobody can move.
//  4. What a stranger can write (titles, bodies, branch names) never becomes
//     part of a script or of a prompt; it comes in a variable.
//  5. A pull request's code is not checked out in a workflow that others
//     trigger with our secrets at hand.
//
// No program is started and no file is read. Start at Check.
package lint

import (
	"cmp"
	"io"
	"slices"

	"github.com/rhysd/actionlint"
)

// Finding is something that is wrong with a workflow file.
type Finding struct {
	Line int // from 1
	Text string
	// Doubt marks what may be right all the same: a runner's label that the
	// configuration does not have.
	Doubt bool
}

// Check lints a file. labels are those that runners of the configuration have;
// * stands for any characters, as in "vm-*". The error is one of the linter
// itself.
func Check(content string, labels []string) ([]Finding, error) {
	known := &actionlint.Config{}
	known.SelfHostedRunner.Labels = append([]string{}, labels...)
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{
		WorkingDir: "/",
		OnRulesCreated: func(rules []actionlint.Rule) []actionlint.Rule {
			for _, r := range rules {
				r.SetConfig(known)
			}
			return append(rules, newSafety())
		},
	})
	if err != nil {
		return nil, err
	}
	errs, err := linter.Lint("workflow.yml", []byte(content), nil)
	if err != nil {
		return nil, err
	}
	found := make([]Finding, len(errs))
	for i, e := range errs {
		found[i] = Finding{Line: e.Line, Text: e.Message, Doubt: e.Kind == "runner-label"}
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.Line, b.Line) })
	return found, nil
}
