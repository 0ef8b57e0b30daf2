// Package policy owns which jobs a coordinator takes: GitHub's runner program
// asks before the first step of each, by `hostler hook job-started`, and a job
// that is refused fails there.
//
// Invariants:
//
//  1. What can't be read, or does not say what it is, is refused.
//  2. A pull request of a fork is refused, whatever the policy says: its
//     workflow file is a stranger's.
//
// Start at Judge.
package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Policy is what a runner's block says, as its file holds it.
type Policy struct {
	Owner     string   `json:"owner"`               // the organization, or OWNER/REPOSITORY
	Workflows []string `json:"workflows,omitempty"` // OWNER/REPOSITORY/PATH, or with @REF; none: any
	Events    []string `json:"events,omitempty"`    // none: any
}

// Job is a job that is about to start.
type Job struct {
	Repository string // OWNER/REPOSITORY
	Workflow   string // OWNER/REPOSITORY/PATH@REF
	Event      string
	Head       string // of a pull request: the repository that it comes from
}

// Of reads the job from the environment that GitHub's runner program gives to a
// hook. Errors: what is missing in it.
func Of(getenv func(string) string) (Job, error) {
	j := Job{Repository: getenv("GITHUB_REPOSITORY"), Workflow: getenv("GITHUB_WORKFLOW_REF"), Event: getenv("GITHUB_EVENT_NAME")}
	for name, value := range map[string]string{"GITHUB_REPOSITORY": j.Repository, "GITHUB_WORKFLOW_REF": j.Workflow, "GITHUB_EVENT_NAME": j.Event} {
		if value == "" {
			return j, fmt.Errorf("the environment has no %s", name)
		}
	}
	data, err := os.ReadFile(getenv("GITHUB_EVENT_PATH"))
	if err != nil {
		return j, fmt.Errorf("the event can't be read: %w", err)
	}
	var event struct {
		PullRequest *struct {
			Head struct {
				Repo struct {
					FullName string `json:"full_name"`
				} `json:"repo"`
			} `json:"head"`
		} `json:"pull_request"`
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return j, fmt.Errorf("the event can't be read: %w", err)
	}
	if event.PullRequest != nil {
		if j.Head = event.PullRequest.Head.Repo.FullName; j.Head == "" {
			j.Head = "a repository that is gone"
		}
	}
	return j, nil
}

// Judge is nil for a job that the coordinator takes; else it says why it does
// not.
func (p Policy) Judge(j Job) error {
	owner, _, _ := strings.Cut(j.Repository, "/")
	if !strings.EqualFold(p.Owner, j.Repository) && !strings.EqualFold(p.Owner, owner) {
		return fmt.Errorf("it is of %s, and this runner is %s's", j.Repository, p.Owner)
	}
	if j.Head != "" && !strings.EqualFold(j.Head, j.Repository) {
		return fmt.Errorf("its pull request comes from %s, and a fork's code does not run on the Mac itself", j.Head)
	}
	if len(p.Events) > 0 && !slices.Contains(p.Events, j.Event) {
		return fmt.Errorf("its event is %s, and this runner takes %s", j.Event, strings.Join(p.Events, ", "))
	}
	path, _, _ := strings.Cut(j.Workflow, "@")
	if len(p.Workflows) > 0 && !slices.ContainsFunc(p.Workflows, func(w string) bool {
		return strings.EqualFold(w, path) || strings.EqualFold(w, j.Workflow)
	}) {
		return fmt.Errorf("its workflow is %s, and this runner takes %s", j.Workflow, strings.Join(p.Workflows, ", "))
	}
	return nil
}
