// Package hub is GitHub as the dispatch service knows it: runners for one job
// come and go there. A runner's name has its Mac and its lease in it, so that
// each is known for ours, and found when the answer to its registration was
// lost. Start at Hub.
package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"hostler/providers/internal/ghaccess"
	"hostler/providers/internal/ghapi"
	"hostler/providers/internal/machine"
	"hostler/providers/runtime/internal/site"
	"hostler/providers/runtime/ledger"
	"hostler/providers/secret"
)

// Hub is the way to GitHub that is installed. It is safe for concurrent use.
type Hub struct {
	Mac *machine.Machine
	Web http.RoundTripper
	Now func() time.Time

	mu     sync.Mutex
	access ghaccess.Access
	client *ghapi.Client    // for access
	groups map[string]int64 // the numbers of the owner's runner groups, as they were looked up
}

// accessError is a way to GitHub that is none.
type accessError struct{ error }

func (e *accessError) Unwrap() error { return e.error }

// Client speaks to GitHub in the way that is installed.
func (h *Hub) Client(conf site.Configuration) (*ghapi.Client, error) {
	if conf.Access == nil {
		return nil, &accessError{errors.New("how GitHub is reached is not installed on this Mac; add a block github { owner = \"ORGANIZATION\" } and apply")}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client != nil && reflect.DeepEqual(h.access, *conf.Access) {
		return h.client, nil
	}
	c, err := ghapi.New(h.Mac, h.Web, conf.Access.API(), h.Now)
	if err != nil {
		return nil, &accessError{err}
	}
	h.client, h.access, h.groups = c, *conf.Access, map[string]int64{}
	return c, nil
}

// Register registers a runner for one job in the host's group, and returns the
// secret that it starts with. A name that is taken is an earlier attempt's, of
// which the answer was lost.
func (h *Hub) Register(ctx context.Context, conf site.Configuration, name string, labels []string) (ghapi.Runner, secret.Value, error) {
	c, err := h.Client(conf)
	if err != nil {
		return ghapi.Runner{}, secret.Value{}, err
	}
	group, err := h.group(ctx, c, conf.Host.Group())
	if err != nil {
		return ghapi.Runner{}, secret.Value{}, err
	}
	r, jit, err := c.JITConfig(ctx, name, group, labels)
	switch s := ghapi.Status(err); {
	case s == 409:
		err = h.Remove(ctx, conf, 0, name)
	case s == 404 && group != ghapi.DefaultGroupID: // it was made anew since it was looked up
		h.forgetGroups()
		group, err = h.group(ctx, c, conf.Host.Group())
	default:
		return r, jit, err
	}
	if err != nil {
		return ghapi.Runner{}, secret.Value{}, err
	}
	return c.JITConfig(ctx, name, group, labels)
}

// group is the number of a runner group, which is looked up once.
func (h *Hub) group(ctx context.Context, c *ghapi.Client, name string) (int64, error) {
	if strings.EqualFold(name, ghapi.DefaultGroup) {
		return ghapi.DefaultGroupID, nil
	}
	if c.Repo() != "" {
		return 0, &accessError{fmt.Errorf("host.serve.group is %q, and of the runners of a repository, such as %s, there is only the group %s", name, c.Owner, ghapi.DefaultGroup)}
	}
	h.mu.Lock()
	id, known := h.groups[name]
	h.mu.Unlock()
	if known {
		return id, nil
	}
	groups, err := c.Groups(ctx)
	if err != nil {
		return 0, err
	}
	at := slices.IndexFunc(groups, func(g ghapi.Group) bool { return strings.EqualFold(g.Name, name) })
	if at < 0 {
		return 0, &accessError{fmt.Errorf("%s has no runner group %q, which host.serve.group names; hostler apply makes those that have a block runner_group", c.Owner, name)}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.groups[name] = groups[at].ID
	return groups[at].ID, nil
}

// Left is how many requests GitHub still allows in this hour, as of the last
// answer, and until when it counts; ok is false before the first.
func (h *Hub) Left() (n int, until time.Time, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client == nil {
		return 0, until, false
	}
	return h.client.Left()
}

func (h *Hub) forgetGroups() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.groups = map[string]int64{}
}

// RunnerName is the runner's name at GitHub, where several Macs' runners stand
// together.
func RunnerName(host, lease string) string {
	const most = 64
	name := "hostler-" + host
	return name[:min(len(name), most-1-len(lease))] + "-" + lease
}

// JobLabel is the label that only the job has that asked.
func JobLabel(l ledger.Lease) string {
	if j := l.Ticket.Job; j.RunID != 0 {
		return fmt.Sprintf("vm-%d-%d-%s", j.RunID, j.Attempt, l.ID)
	}
	return "vm-" + l.ID
}

// Remove deregisters a runner, by its number or, where the answer with that was
// lost, by its name; one that is gone is success. One at work is Busy.
func (h *Hub) Remove(ctx context.Context, conf site.Configuration, id int64, name string) error {
	c, err := h.Client(conf)
	if err != nil {
		return err
	}
	if id != 0 {
		return c.RemoveRunner(ctx, id)
	}
	same, err := c.Runners(ctx, name)
	if err != nil {
		return err
	}
	for _, r := range same {
		if r.Name == name {
			err = errors.Join(err, c.RemoveRunner(ctx, r.ID))
		}
	}
	return err
}

// Busy reports whether GitHub does not remove a runner since it works.
func Busy(err error) bool { return ghapi.Busy(err) }

// Permanent reports whether GitHub will say the same again.
func Permanent(err error) bool {
	s := ghapi.Status(err)
	return slices.Contains([]int{400, 401, 403, 404, 422}, s) || errors.As(err, new(*accessError)) || errors.As(err, new(*ghapi.CredentialError))
}
