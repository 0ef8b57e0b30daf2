package ghapi

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// reads are calls that change nothing, on whose answers much depends.
func reads(ctx context.Context, c *Client) []error {
	var all []error
	note := func(_ any, err error) { all = append(all, err) }
	runners, err := c.Runners(ctx, "")
	note(runners, err)
	groups, err := c.Groups(ctx)
	note(groups, err)
	secrets, err := c.Secrets(ctx, "app")
	note(secrets, err)
	repository, err := c.Repository(ctx, "app")
	note(repository, err)
	tree, err := c.TreeOf(ctx, "app", "0123456789012345678901234567890123456789")
	note(tree, err)
	_, open, err := c.OpenPull(ctx, "app", "topic", "main")
	note(open, err)
	download, err := c.RunnerDownload(ctx)
	note(download, err)
	releases, err := c.RunnerReleases(ctx)
	note(releases, err)
	token, err := c.Token(ctx, false)
	note(token, err)
	return all
}

// FuzzAnswers: whatever GitHub answers, each call comes to an end, with what it
// asked for or an error of ours.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{noRunners, `{"runners":[{"id":"x","labels":null}]}`, `[{"number":1,"head":null}]`, `{"tree":[{"path":null,"type":"blob","sha":7}]}`, `null`, `[]`, `{"total_count":-1,"secrets":[null]}`, "<html>"} {
		f.Add(200, body)
	}
	f.Add(404, `{"message":"Not Found"}`)
	f.Add(301, "")
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 499 || status == 429 || status == 403 || status < 300 && status > 204 {
			return // what is repeated, or waited for, has tests of its own
		}
		c, _ := client(t, Access{}, answers(status, body))
		for i, err := range reads(t.Context(), c) {
			if err != nil && err.Error() == "" {
				t.Errorf("call %d: an error without words", i)
			}
		}
	})
}

// TestEndlessPages: a list whose pages never end is an error, not a command that
// never ends.
func TestEndlessPages(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n := 0
	c, _ := client(t, Access{}, func(r *http.Request) (int, http.Header, string, error) {
		n++
		return 200, http.Header{"Link": {fmt.Sprintf(`<https://api.github.com%s?page=%d>; rel="next"`, r.URL.Path, n+1)}}, `{"total_count":1,"runners":[{"id":1,"name":"x"}]}`, nil
	})
	if _, err := c.Runners(ctx, ""); err == nil || ctx.Err() != nil {
		t.Errorf("after %d pages: %v", n, err)
	}
}
