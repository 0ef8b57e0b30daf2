package tartcli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// VM is one line of `tart list`.
type VM struct {
	Name  string
	Disk  int    // decimal gigabytes, as the guest sees it
	State string // running, suspended or stopped
}

// Listing is what tart has: local VMs, and cached images by the names under
// which they were pulled, a tag and a digest each.
type Listing struct {
	Local  map[string]VM
	Cached map[string]VM
}

// List is what tart has, as of the first call since something changed here.
func (t *Tart) List(ctx context.Context) (Listing, error) {
	if l, ok := t.remembered(); ok {
		return l, nil
	}
	return t.list(ctx, false)
}

// Relist is List anew.
func (t *Tart) Relist(ctx context.Context) (Listing, error) { return t.list(ctx, true) }

func (t *Tart) remembered() (Listing, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		return Listing{}, false
	}
	return *t.seen, true
}

// forget is called after anything that may have changed a VM.
func (t *Tart) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen, t.age = nil, t.age+1
}

func (t *Tart) list(ctx context.Context, anew bool) (Listing, error) {
	if err := t.enter(ctx); err != nil {
		return Listing{}, err
	}
	defer t.leave()
	if l, ok := t.remembered(); ok && !anew {
		return l, nil
	}
	if err := t.checkLocked(ctx); err != nil {
		return Listing{}, err
	}
	t.mu.Lock()
	age := t.age
	t.mu.Unlock()
	l, err := t.listUntilSteady(ctx)
	if err != nil {
		return l, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.age == age {
		t.seen = &l
	}
	return l, nil
}

// listUntilSteady tries again when a VM vanished while tart measured it, which
// makes tart fail the whole list.
func (t *Tart) listUntilSteady(ctx context.Context) (Listing, error) {
	const tries = 5
	wait := 50 * time.Millisecond
	for try := 1; ; try++ {
		l, err := t.listOnce(ctx)
		if err == nil || try == tries || !Is(err, Unexpected) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return l, fmt.Errorf("tart list: %w", context.Cause(ctx))
		case <-time.After(wait):
			wait *= 2
		}
	}
}

func (t *Tart) listOnce(ctx context.Context) (Listing, error) {
	out, err := t.call(ctx, command{op: "list", args: []string{"--format", "json"}})
	if err != nil {
		return Listing{}, err
	}
	return parseList(out)
}

// parseList reads the JSON of `tart list`.
func parseList(out []byte) (Listing, error) {
	// Up to 2.30 there is a SizeOnDisk, since then an Accessed; neither matters.
	var lines []struct {
		Source, Name, State string
		Disk                int
	}
	if err := json.Unmarshal(out, &lines); err != nil {
		return Listing{}, &Error{Kind: Unexpected, Op: "list", Text: "its JSON can't be read", Err: err}
	}
	l := Listing{Local: map[string]VM{}, Cached: map[string]VM{}}
	for _, v := range lines {
		into := l.Cached
		if strings.EqualFold(v.Source, "local") {
			into = l.Local
		}
		into[v.Name] = VM{Name: v.Name, Disk: v.Disk, State: v.State}
	}
	return l, nil
}
