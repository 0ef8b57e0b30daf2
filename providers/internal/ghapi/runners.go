package ghapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/go-github/v62/github"

	"hostler/providers/secret"
)

// Runner is a self-hosted runner as GitHub knows it.
type Runner struct {
	ID      int64
	Name    string
	OS      string
	Online  bool
	Busy    bool
	Labels  []string // with those that GitHub adds
	Own     []string // without those
	Group   int64    // 0: a repository's
	Version string   // "" where GitHub does not tell
}

// answer is a runner as GitHub sends it; go-github's has neither group nor
// version.
type answer struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	OS      string `json:"os"`
	Status  string `json:"status"`
	Busy    bool   `json:"busy"`
	Group   int64  `json:"runner_group_id"`
	Version string `json:"version"`
	Labels  []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"labels"`
}

func (a answer) runner() Runner {
	out := Runner{ID: a.ID, Name: a.Name, OS: a.OS, Online: a.Status == "online", Busy: a.Busy, Group: a.Group, Version: a.Version}
	for _, l := range a.Labels {
		out.Labels = append(out.Labels, l.Name)
		if l.Type != "read-only" {
			out.Own = append(out.Own, l.Name)
		}
	}
	return out
}

// needsRunner is the permission for runners of the owner.
func (c *Client) needsRunner() string {
	if c.Repo() != "" {
		return needsAdmin
	}
	return needsRunners
}

// scope is the path of what runners belong to.
func (c *Client) scope() string {
	if c.Repo() != "" {
		return "repos/" + c.Owner
	}
	return "orgs/" + c.Owner
}

// Runners lists the owner's runners; name is one's name, "" for all.
func (c *Client) Runners(ctx context.Context, name string) ([]Runner, error) {
	list, err := pages(func(opt github.ListOptions) ([]answer, *github.Response, error) {
		query := url.Values{"per_page": {strconv.Itoa(opt.PerPage)}}
		if opt.Page > 0 {
			query.Set("page", strconv.Itoa(opt.Page))
		}
		if name != "" {
			query.Set("name", name)
		}
		req, err := c.gh.NewRequest(http.MethodGet, c.scope()+"/actions/runners?"+query.Encode(), nil)
		if err != nil {
			return nil, nil, err
		}
		var got struct{ Runners []answer }
		resp, err := c.gh.Do(ctx, req, &got)
		return got.Runners, resp, err
	})
	if err != nil {
		return nil, explain(err, c.needsRunner(), "list the runners of %s", c.Owner)
	}
	out := make([]Runner, len(list))
	for i, r := range list {
		out[i] = r.runner()
	}
	return out, nil
}

// Runner is one runner; one that is gone is NotFound.
func (c *Client) Runner(ctx context.Context, id int64) (Runner, error) {
	var r answer
	err := c.call(ctx, http.MethodGet, fmt.Sprintf("%s/actions/runners/%d", c.scope(), id), nil, &r)
	return r.runner(), explain(err, c.needsRunner(), "read runner %d of %s", id, c.Owner)
}

// SetLabels replaces a runner's own labels.
func (c *Client) SetLabels(ctx context.Context, id int64, labels []string) error {
	body := struct {
		Labels []string `json:"labels"`
	}{append([]string{}, labels...)}
	err := c.call(ctx, http.MethodPut, fmt.Sprintf("%s/actions/runners/%d/labels", c.scope(), id), body, nil)
	return explain(err, c.needsRunner(), "label runner %d of %s", id, c.Owner)
}

// RemoveRunner deregisters a runner; one that is gone is success. GitHub
// refuses it (422) while the runner works.
func (c *Client) RemoveRunner(ctx context.Context, id int64) error {
	err := c.call(ctx, http.MethodDelete, fmt.Sprintf("%s/actions/runners/%d", c.scope(), id), nil, nil)
	if err = explain(err, c.needsRunner(), "remove runner %d of %s", id, c.Owner); NotFound(err) {
		return nil
	}
	return err
}

// Busy reports whether err is GitHub's refusal to remove a runner at work.
func Busy(err error) bool { return Status(err) == http.StatusUnprocessableEntity }

// JITConfig registers a runner for one job and returns the secret that it
// starts with. A name that is taken is Status 409.
func (c *Client) JITConfig(ctx context.Context, name string, group int64, labels []string) (Runner, secret.Value, error) {
	req := &github.GenerateJITConfigRequest{Name: name, RunnerGroupID: group, Labels: labels}
	var got *github.JITRunnerConfig
	var err error
	if c.Repo() != "" {
		got, _, err = c.gh.Actions.GenerateRepoJITConfig(ctx, c.Org(), c.Repo(), req)
	} else {
		got, _, err = c.gh.Actions.GenerateOrgJITConfig(ctx, c.Org(), req)
	}
	if err != nil {
		return Runner{}, secret.Value{}, explain(err, c.needsRunner(), "register runner %s at %s", name, c.Owner)
	}
	if got.GetEncodedJITConfig() == "" || got.GetRunner().GetID() == 0 {
		return Runner{}, secret.Value{}, &Error{Doing: "register runner " + name + " at " + c.Owner, Err: fmt.Errorf("GitHub answered without a configuration")}
	}
	r := got.GetRunner()
	return Runner{ID: r.GetID(), Name: r.GetName(), OS: r.GetOS()}, secret.NewValue(got.GetEncodedJITConfig()), nil
}

// Token registers a runner (or with remove, removes one) once, within the hour.
func (c *Client) Token(ctx context.Context, remove bool) (secret.Value, error) {
	what := "registration-token"
	if remove {
		what = "remove-token"
	}
	var got struct {
		Token   string    `json:"token"`
		Expires time.Time `json:"expires_at"`
	}
	err := c.call(ctx, http.MethodPost, c.scope()+"/actions/runners/"+what, nil, &got)
	if err == nil && got.Token == "" {
		err = fmt.Errorf("GitHub answered without a token")
	}
	return secret.NewValue(got.Token), explain(err, c.needsRunner(), "get a %s of %s", what, c.Owner)
}
