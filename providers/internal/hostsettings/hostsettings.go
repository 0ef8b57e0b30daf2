// Package hostsettings reads and writes the settings of macOS that a host
// block names: when the Mac sleeps, what it is called, whether it updates
// itself.
//
// One table (table.go) says of each setting what a file may write, which calls
// of which tools tell it, which commands set it, and why a Mac may refuse it.
//
// Invariants:
//
//  1. Only named settings are read or written. Nobody's default is touched.
//  2. What one call tells of several settings is asked once.
//  3. Only what differs is written, and what was written is read back: the
//     exit codes of these tools prove nothing.
//  4. A setting is as wanted when all its witnesses say so: both networks, both
//     power sources, the running system and what it starts with.
//  5. Programs that change the Mac as root are named by their whole path and
//     have the same arguments each time, so that a line of sudoers can allow
//     exactly them.
//
// Start at Client.Apply, then table.go.
package hostsettings

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"hostler/providers"
	"hostler/providers/internal/machine"
)

// Client is the settings of one Mac.
type Client struct {
	m *machine.Machine
	// pauses are how long to wait before each further look for a setting that
	// was written and is not so yet: some tools return before it is done.
	pauses []time.Duration
}

// New is the settings of m.
func New(m *machine.Machine) *Client {
	return &Client{m, []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1500 * time.Millisecond}}
}

// Batch reads several times and makes each call once.
type Batch struct {
	c       *Client
	answers map[call]*answer
}

// Batch begins a batch. It holds for as long as nothing is written.
func (c *Client) Batch() *Batch { return &Batch{c, map[call]*answer{}} }

// Read reads the settings that named names. A setting that was never set on
// the Mac is nil. Where witnesses differ it is one that named does not say.
func (b *Batch) Read(ctx context.Context, named *Values) (*Values, error) {
	if named == nil {
		return nil, nil
	}
	got, errs, seen := &Values{}, refusals{c: b.c, named: named}, map[*answer]bool{}
	for _, s := range named.settings() {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var says []any
		want, whole := named.get(s.name), true
		for _, w := range s.read {
			a := b.ask(ctx, w.call)
			if a.err != nil {
				if !seen[a] {
					seen[a] = true
					errs.reading(s, a.err)
				}
				whole = false
				continue
			}
			v, err := w.parse(*a)
			if err != nil {
				errs.reading(s, fmt.Errorf("%s: %w", w.call, err))
				whole = false
			}
			if says = append(says, v...); !reflect.DeepEqual(pick(says, want), want) && len(says) > 0 {
				break // the others can't change it
			}
		}
		if whole {
			got.set(s.name, pick(says, want))
		}
	}
	return got, errs.join()
}

// pick is what the witnesses say: the wanted value if all do, else the first
// that is another.
func pick(says []any, want any) any {
	for _, v := range says {
		if !reflect.DeepEqual(v, want) {
			return v
		}
	}
	if len(says) == 0 {
		return nil
	}
	return want
}

// change is a setting that was written.
type change struct {
	setting
	want any
	err  error  // of a command
	said string // what the last command printed
}

// Apply writes the settings of want that the Mac has otherwise, and returns
// all of them as they then are; want must be in its normal form. A setting
// that the Mac refused is a providers.AttrError; the others are written
// nevertheless.
func (c *Client) Apply(ctx context.Context, want *Values) (*Values, error) {
	got, err := c.Batch().Read(ctx, want)
	if err != nil || want == nil {
		return got, err
	}
	var changes []change
	for _, s := range want.settings() {
		v := want.get(s.name)
		if reflect.DeepEqual(v, got.get(s.name)) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return got, context.Cause(ctx)
		}
		providers.Report(ctx, "setting %s", s.name)
		ch := change{setting: s, want: v}
		ch.said, ch.err = c.write(ctx, s, v)
		changes = append(changes, ch)
	}
	if len(changes) == 0 {
		return got, nil
	}
	now, err := c.settle(ctx, changes)
	if err != nil {
		return got, err
	}
	errs := refusals{c: c, named: want}
	for _, ch := range changes {
		v := now.get(ch.name)
		got.set(ch.name, v)
		errs.writing(ch, v)
	}
	return got, errs.join()
}

// write runs the commands that make a setting v.
func (c *Client) write(ctx context.Context, s setting, v any) (said string, err error) {
	for _, cmd := range s.write(v) {
		if said, err = c.run(ctx, cmd); err != nil {
			return said, err
		}
	}
	return said, nil
}

// settle reads back what was written, until it is as wanted or there is no
// hope.
func (c *Client) settle(ctx context.Context, changes []change) (*Values, error) {
	named := &Values{}
	for _, ch := range changes {
		named.set(ch.name, ch.want)
	}
	for i := 0; ; i++ {
		now, err := c.Batch().Read(ctx, named)
		if err != nil {
			return nil, err
		}
		late := false
		for _, ch := range changes {
			late = late || ch.err == nil && !reflect.DeepEqual(now.get(ch.name), ch.want)
		}
		if !late || i == len(c.pauses) {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(c.pauses[i]):
		}
	}
}

// Sweep removes what a killed Apply left lying.
func (c *Client) Sweep() error {
	return errors.Join(c.m.Sweep(transit), c.m.Remove(transit))
}
