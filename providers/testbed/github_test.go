package testbed_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v62/github"
	"golang.org/x/crypto/nacl/box"

	"hostler/providers/testbed"
	"hostler/providers/testbed/openapi"
)

// gitHub is a simulated GitHub with a repository, and a real client of it;
// every exchange is held to GitHub's description.
func gitHub(t *testing.T) (*testbed.GitHub, *github.Client) {
	t.Helper()
	gh, err := testbed.OpenGitHub(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := gh.AddRepository("acme/app", "private", map[string]string{"README.md": "hello\n", ".github/workflows/ci.yml": "on: push\n"}); err != nil {
		t.Fatal(err)
	}
	return gh, github.NewClient(&http.Client{Transport: openapi.Checked(t, gh)}).WithAuthToken(testbed.GitHubToken)
}

func status(err error) int {
	var e *github.ErrorResponse
	if errors.As(err, &e) {
		return e.Response.StatusCode
	}
	return 0
}

func TestGitHubRunners(t *testing.T) {
	gh, c := gitHub(t)
	ctx := context.Background()
	jit := func(name string, labels ...string) (*github.JITRunnerConfig, error) {
		got, _, err := c.Actions.GenerateOrgJITConfig(ctx, "acme", &github.GenerateJITConfigRequest{Name: name, RunnerGroupID: 1, Labels: labels})
		return got, err
	}
	made, err := jit("vm-1", "self-hosted", "macOS", "ARM64", "vm-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jit("vm-1", "x"); status(err) != 409 {
		t.Errorf("a name twice: %v", err)
	}
	id, name, err := gh.Connect(made.GetEncodedJITConfig(), "macOS", "2.336.0")
	if err != nil || id != made.Runner.GetID() || name != "vm-1" {
		t.Fatalf("%d %s %v", id, name, err)
	}
	if _, _, err := gh.Connect(made.GetEncodedJITConfig(), "macOS", "2.336.0"); err == nil {
		t.Error("a configuration serves twice")
	}
	if _, ok, _ := gh.Take(id); ok {
		t.Error("a job from nowhere")
	}
	if _, err := gh.QueueJob("acme/app", "other", []string{"self-hosted", "vm-2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := gh.QueueJob("acme/app", "work", []string{"self-hosted", "VM-1"}); err != nil {
		t.Fatal(err)
	}
	job, ok, err := gh.Take(id)
	if err != nil || !ok || job.Name != "work" {
		t.Fatalf("%+v %v %v", job, ok, err)
	}
	if r, _, err := c.Actions.GetOrganizationRunner(ctx, "acme", id); err != nil || !r.GetBusy() || r.GetStatus() != "online" {
		t.Errorf("%v %v", r, err)
	}
	if _, err := c.Actions.RemoveOrganizationRunner(ctx, "acme", id); status(err) != 422 {
		t.Errorf("removed at work: %v", err)
	}
	if err := gh.Complete(id, "success"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Actions.GetOrganizationRunner(ctx, "acme", id); status(err) != 404 {
		t.Errorf("an ephemeral runner stays: %v", err)
	}
	for _, n := range []string{"a", "b", "c"} {
		if _, err := jit(n, "x"); err != nil {
			t.Fatal(err)
		}
	}
	all, resp, err := c.Actions.ListOrganizationRunners(ctx, "acme", &github.ListRunnersOptions{ListOptions: github.ListOptions{PerPage: 2}})
	if err != nil || all.TotalCount != 3 || len(all.Runners) != 2 || resp.NextPage != 2 {
		t.Errorf("%+v %v", all, err)
	}
	if all, _, err = c.Actions.ListOrganizationRunners(ctx, "acme", &github.ListRunnersOptions{Name: github.String("b")}); err != nil || len(all.Runners) != 1 {
		t.Errorf("%+v %v", all, err)
	}
	token, _, err := c.Actions.CreateRegistrationToken(ctx, "acme", "app")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gh.Register("acme/app", token.GetToken(), "mini", []string{"coordinator"}, "macOS", "2.336.0", false); err != nil {
		t.Error(err)
	}
	if _, err := gh.Register("acme", token.GetToken(), "mini", nil, "macOS", "2.336.0", false); err == nil {
		t.Error("a repository's token registers at the organization")
	}
	sum, err := gh.AddDownload("osx", "arm64", "actions-runner-osx-arm64-2.336.0.tar.gz", []byte("bytes"))
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := c.Actions.ListOrganizationRunnerApplicationDownloads(ctx, "acme")
	if err != nil || list[0].GetSHA256Checksum() != sum {
		t.Fatalf("%v %v", list, err)
	}
	got, err := c.Client().Get(list[0].GetDownloadURL())
	if err != nil || got.StatusCode != 200 {
		t.Errorf("%v %v", got, err)
	}
}

func TestGitHubGroupsAndSecrets(t *testing.T) {
	gh, c := gitHub(t)
	ctx := context.Background()
	id, err := gh.RepositoryID("acme/app")
	if err != nil {
		t.Fatal(err)
	}
	g, _, err := c.Actions.CreateOrganizationRunnerGroup(ctx, "acme", github.CreateRunnerGroupRequest{
		Name: github.String("macs"), Visibility: github.String("selected"), SelectedRepositoryIDs: []int64{id}, AllowsPublicRepositories: github.Bool(false),
	})
	if err != nil {
		t.Fatal(err)
	}
	repos, _, err := c.Actions.ListRepositoryAccessRunnerGroup(ctx, "acme", g.GetID(), nil)
	if err != nil || len(repos.Repositories) != 1 || repos.Repositories[0].GetName() != "app" {
		t.Errorf("%v %v", repos, err)
	}
	if _, err := c.Actions.SetRepositoryAccessRunnerGroup(ctx, "acme", g.GetID(), github.SetRepoAccessRunnerGroupRequest{SelectedRepositoryIDs: []int64{}}); err != nil {
		t.Error(err)
	}
	if _, _, err := c.Actions.UpdateOrganizationRunnerGroup(ctx, "acme", g.GetID(), github.UpdateRunnerGroupRequest{Name: github.String("Default"), Visibility: github.String("all")}); status(err) != 409 {
		t.Errorf("a name twice: %v", err)
	}
	if groups, _, err := c.Actions.ListOrganizationRunnerGroups(ctx, "acme", nil); err != nil || groups.TotalCount != 2 {
		t.Errorf("%v %v", groups, err)
	}
	if _, err := c.Actions.DeleteOrganizationRunnerGroup(ctx, "acme", g.GetID()); err != nil {
		t.Error(err)
	}

	key, _, err := c.Actions.GetRepoPublicKey(ctx, "acme", "app")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(key.GetKey())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := box.SealAnonymous(nil, []byte("hush"), (*[32]byte)(raw), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &github.EncryptedSecret{Name: "KEY", KeyID: key.GetKeyID(), EncryptedValue: base64.StdEncoding.EncodeToString(sealed)}
	for range 2 {
		if _, err := c.Actions.CreateOrUpdateRepoSecret(ctx, "acme", "app", s); err != nil {
			t.Fatal(err)
		}
	}
	s.EncryptedValue = "bm8="
	if _, err := c.Actions.CreateOrUpdateRepoSecret(ctx, "acme", "app", s); status(err) != 422 {
		t.Errorf("a value that was not sealed: %v", err)
	}
	if got, err := gh.Secrets("acme/app"); err != nil || got["KEY"] != "hush" {
		t.Errorf("%v %v", got, err)
	}
	if list, _, err := c.Actions.ListRepoSecrets(ctx, "acme", "app", nil); err != nil || list.TotalCount != 1 {
		t.Errorf("%v %v", list, err)
	}
	if _, err := c.Actions.DeleteRepoSecret(ctx, "acme", "app", "KEY"); err != nil {
		t.Error(err)
	}
}

func TestGitHubGit(t *testing.T) {
	gh, c := gitHub(t)
	ctx := context.Background()
	ref, _, err := c.Git.GetRef(ctx, "acme", "app", "heads/main")
	if err != nil {
		t.Fatal(err)
	}
	tree, _, err := c.Git.GetTree(ctx, "acme", "app", ref.Object.GetSHA(), true)
	if err != nil || len(tree.Entries) != 4 {
		t.Fatalf("%v %v", tree, err)
	}
	// git's own hash of "hello\n".
	for _, e := range tree.Entries {
		if e.GetPath() == "README.md" && e.GetSHA() != "ce013625030ba8dba906f756967f9e9ca394464a" {
			t.Errorf("%s", e.GetSHA())
		}
	}
	next, _, err := c.Git.CreateTree(ctx, "acme", "app", tree.GetSHA(), []*github.TreeEntry{{Path: github.String("a/b.yml"), Mode: github.String("100644"), Type: github.String("blob"), Content: github.String("x\n")}})
	if err != nil {
		t.Fatal(err)
	}
	commit, _, err := c.Git.CreateCommit(ctx, "acme", "app", &github.Commit{Message: github.String("m"), Tree: next, Parents: []*github.Commit{{SHA: ref.Object.SHA}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Git.CreateRef(ctx, "acme", "app", &github.Reference{Ref: github.String("refs/heads/topic"), Object: &github.GitObject{SHA: commit.SHA}}); err != nil {
		t.Fatal(err)
	}
	pr, _, err := c.PullRequests.Create(ctx, "acme", "app", &github.NewPullRequest{Title: github.String("t"), Head: github.String("topic"), Base: github.String("main")})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.PullRequests.Create(ctx, "acme", "app", &github.NewPullRequest{Title: github.String("t"), Head: github.String("topic"), Base: github.String("main")}); status(err) != 422 {
		t.Errorf("a second one: %v", err)
	}
	open, _, err := c.PullRequests.List(ctx, "acme", "app", &github.PullRequestListOptions{Head: "acme:topic"})
	if err != nil || len(open) != 1 || open[0].GetNumber() != pr.GetNumber() {
		t.Errorf("%v %v", open, err)
	}
	if err := gh.Edit("acme/app", "main", map[string]string{"README.md": "bye\n"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Git.UpdateRef(ctx, "acme", "app", &github.Reference{Ref: github.String("refs/heads/main"), Object: &github.GitObject{SHA: commit.SHA}}, false); status(err) != 422 {
		t.Errorf("a push over another's: %v", err)
	}
	if err := gh.Merge("acme/app", pr.GetNumber()); err != nil {
		t.Fatal(err)
	}
	files, err := gh.Files("acme/app", "main")
	if err != nil || files["a/b.yml"] != "x\n" || files["README.md"] != "bye\n" {
		t.Errorf("%v %v", files, err)
	}
	if got, _, _, err := c.Repositories.GetContents(ctx, "acme", "app", "a/b.yml", nil); err != nil || got.GetSHA() == "" {
		t.Errorf("%v %v", got, err)
	}
	if r, _, err := c.Repositories.Get(ctx, "acme", "app"); err != nil || !r.GetPrivate() || r.GetDefaultBranch() != "main" {
		t.Errorf("%v %v", r, err)
	}
	if _, _, err := c.Repositories.Get(ctx, "acme", "nowhere"); status(err) != 404 {
		t.Errorf("%v", err)
	}
	if _, err := c.Git.DeleteRef(ctx, "acme", "app", "heads/topic"); err != nil {
		t.Error(err)
	}
	if rel, _, err := c.Repositories.GetLatestRelease(ctx, "actions", "runner"); err != nil || rel.GetTagName() != "v2.336.0" {
		t.Errorf("%v %v", rel, err)
	}
}

func TestGitHubsManners(t *testing.T) {
	gh, c := gitHub(t)
	ctx := context.Background()
	if err := gh.AddToken("ghp_small", "acme", map[string]string{"secrets": "read"}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	other := func(token string) *github.Client {
		return github.NewClient(&http.Client{Transport: openapi.Checked(t, gh)}).WithAuthToken(token)
	}
	if _, _, err := other("ghp_small").Actions.ListRepoSecrets(ctx, "acme", "app", nil); err != nil {
		t.Error(err)
	}
	if _, _, err := other("ghp_small").Actions.ListOrganizationRunners(ctx, "acme", nil); status(err) != 403 || !strings.Contains(err.Error(), "not accessible") {
		t.Errorf("%v", err)
	}
	if _, _, err := other("ghp_wrong").Actions.ListOrganizationRunners(ctx, "acme", nil); status(err) != 401 {
		t.Errorf("%v", err)
	}
	// What has not changed costs nothing.
	list := func(tag string) *http.Response {
		t.Helper()
		req, err := c.NewRequest("GET", "orgs/acme/actions/runners", nil)
		if err != nil {
			t.Fatal(err)
		}
		if tag != "" {
			req.Header.Set("If-None-Match", tag)
		}
		resp, err := c.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	first := list("")
	if again := list(first.Header.Get("Etag")); again.StatusCode != 304 || again.Header.Get("X-Ratelimit-Remaining") != first.Header.Get("X-Ratelimit-Remaining") {
		t.Errorf("%d, %s left of %s", again.StatusCode, again.Header.Get("X-Ratelimit-Remaining"), first.Header.Get("X-Ratelimit-Remaining"))
	}
	log, err := gh.Requests()
	if err != nil || !log[len(log)-1].Conditional || log[len(log)-1].Operation != "actions/list-self-hosted-runners-for-org" {
		t.Errorf("%+v %v", log, err)
	}
	for _, f := range []testbed.GitHubFault{
		{Kind: testbed.PrimaryLimit}, {Kind: testbed.SecondaryLimit}, {Kind: testbed.TooMany}, {Kind: testbed.Unavailable},
		{Kind: testbed.ResetBefore}, {Kind: testbed.ResetAfter}, {Kind: testbed.Truncated}, {Kind: testbed.Lie},
	} {
		if err := gh.Inject(f); err != nil {
			t.Fatal(err)
		}
		if _, _, err := other(testbed.GitHubToken).Actions.ListOrganizationRunners(ctx, "acme", nil); err == nil {
			t.Errorf("%s: no error", f.Kind)
		}
	}
	// A stale read does not know of the last change.
	if _, _, err := c.Actions.GenerateOrgJITConfig(ctx, "acme", &github.GenerateJITConfigRequest{Name: "new", RunnerGroupID: 1, Labels: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	if err := gh.Inject(testbed.GitHubFault{Kind: testbed.Stale}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, 1} {
		if all, _, err := c.Actions.ListOrganizationRunners(ctx, "acme", nil); err != nil || all.TotalCount != want {
			t.Errorf("%+v %v", all, err)
		}
	}
}

// The checker is only worth something if it finds what is wrong.
func TestTheDescriptionIsHeld(t *testing.T) {
	gh, err := testbed.OpenGitHub(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := gh.AddOwner("acme"); err != nil {
		t.Fatal(err)
	}
	bad := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/registration-token") {
			w.WriteHeader(201)
			w.Write([]byte(`{"token": 7, "expires_at": "2026-01-01T00:00:00Z"}`))
			return
		}
		w.WriteHeader(299)
		w.Write([]byte(`{"total_count": 0, "runners": []}`))
	})
	for name, c := range map[string]struct {
		handler            http.Handler
		method, path, body string
		side               string
	}{
		"a field that is none": {gh.Handler(), "POST", "/orgs/acme/actions/runners/generate-jitconfig", `{"name": "a", "runner_group_id": 1, "labels": ["x"], "colour": "red"}`, "request"},
		"an empty list":        {gh.Handler(), "POST", "/orgs/acme/actions/runners/generate-jitconfig", `{"name": "a", "runner_group_id": 1, "labels": []}`, "request"},
		"no such operation":    {gh.Handler(), "GET", "/nowhere", "", "request"},
		"another type":         {bad, "POST", "/orgs/acme/actions/runners/registration-token", "", "answer"},
		"another status":       {bad, "GET", "/orgs/acme/actions/runners", "", "answer"},
	} {
		var said []string
		h, err := openapi.Handler(c.handler, func(s string) { said = append(said, s) })
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(c.method, "https://api.github.com"+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+testbed.GitHubToken)
		req.Header.Set("Content-Type", "application/json")
		if _, err := testbed.Carry(h).RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if len(said) == 0 || !strings.Contains(said[0], "the "+c.side+" breaks") {
			t.Errorf("%s: said %q", name, said)
		}
	}
}
