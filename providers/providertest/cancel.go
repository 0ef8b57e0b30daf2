package providertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/providers/testbed"
)

// holdCancel cancels Create, Update and Delete before they begin, and Create
// in each of its calls that change something.
func holdCancel(t *trial) error {
	if err := t.cancelled("create", nil); err != nil {
		return err
	}
	have, err := t.create()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, value := range t.Changes {
		want, err := t.resolve(with(t.Want, name, value), have, false)
		if err != nil {
			return err
		}
		var got cty.Value
		if err := t.soon("update", func() error { got, err = t.Type.Update(ctx, have, want); return err }); t.saw(err) != nil {
			return err
		}
		if have, err = t.stillSound(have); err != nil {
			return fmt.Errorf("after a cancelled update (which answered %#v): %w", got, err)
		}
		break // one attribute shows what all would
	}
	if err := t.soon("delete", func() error { return t.Type.Delete(ctx, have) }); err != nil {
		return err
	}
	if got, err := t.read(have); err != nil || !got.IsNull() && t.Type.Delete(context.Background(), got) != nil {
		return fmt.Errorf("after a cancelled delete: %#v, %v", got, err)
	}
	if t.Mac == nil {
		return nil
	}
	points, err := t.mutatingCalls()
	if err != nil {
		return err
	}
	for _, p := range points {
		p.Kind = testbed.Hang
		if err := t.cancelled(fmt.Sprintf("create, in call %d of %s", p.Nth, p.Tool), &p); err != nil {
			return err
		}
	}
	return nil
}

// soon runs a call under a cancelled context.
func (t *trial) soon(what string, call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case <-done:
		return nil
	case <-time.After(t.patience):
		return fmt.Errorf("cancelled, %s did not return in %s", what, t.patience)
	}
}

// stillSound brings an object that was being changed back to what is wanted.
func (t *trial) stillSound(have cty.Value) (cty.Value, error) {
	if err := t.reopen(); err != nil {
		return have, err
	}
	got, err := t.read(have)
	if err != nil {
		return have, fmt.Errorf("read: %w", err)
	}
	return t.converge(t.Want, got)
}

// cancelled runs a Create in a new world and cancels it: at once, or while
// the call that hangs does.
func (t *trial) cancelled(what string, hang *testbed.Fault) error {
	if err := t.start(); err != nil {
		return err
	}
	want, err := t.resolve(t.Want, t.Type.Null(), false)
	if err != nil {
		return err
	}
	if err := t.reopen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if hang == nil {
		cancel()
	} else {
		if err := t.Mac.Inject(*hang); err != nil {
			return err
		}
		go t.cancelOnceStruck(cancel)
	}
	var got cty.Value
	var failure error
	began := make(chan struct{})
	go func() {
		got, failure = t.Type.Create(ctx, want)
		close(began)
	}()
	select {
	case <-ctx.Done():
	case <-began:
	}
	if err := t.soon(what, func() error { <-began; return nil }); err != nil {
		return err
	}
	if hang != nil {
		if err := t.Mac.ClearFaults(); err != nil {
			return err
		}
	}
	if t.saw(failure) == nil {
		if hang != nil {
			return fmt.Errorf("cancelled, %s returned no error", what)
		}
		_, err := t.stillSound(got)
		return err
	}
	if got.IsNull() {
		found, ok, err := t.Type.Find(context.Background(), want)
		if t.saw(err) != nil {
			return fmt.Errorf("cancelled %s said that nothing was made, then find: %w", what, err)
		}
		if !ok {
			found = t.Type.Null()
		}
		if _, err := t.converge(t.Want, found); err != nil {
			return fmt.Errorf("cancelled %s said that nothing was made, then: %w", what, err)
		}
		return nil
	}
	if _, err := t.stillSound(got); err != nil {
		return fmt.Errorf("after cancelled %s: %w", what, err)
	}
	return nil
}

// cancelOnceStruck waits until the fault has struck.
func (t *trial) cancelOnceStruck(cancel func()) {
	defer cancel()
	for range 500 {
		faults, err := t.Mac.Faults()
		if err != nil || len(faults) == 0 || faults[0].Fired > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
}

// mutatingCalls are the calls of a whole Create that can change something,
// each as a fault that would strike it.
func (t *trial) mutatingCalls() ([]testbed.Fault, error) {
	if err := t.start(); err != nil {
		return nil, err
	}
	want, err := t.resolve(t.Want, t.Type.Null(), false)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(t.reopen(), t.Mac.ResetCalls()); err != nil {
		return nil, err
	}
	if _, err := t.Type.Create(context.Background(), want); err != nil {
		return nil, err
	}
	calls, err := t.Mac.Calls()
	if err != nil {
		return nil, err
	}
	var out []testbed.Fault
	count := map[string]int{}
	for _, c := range calls {
		if count[c.Tool]++; c.Mutating {
			out = append(out, testbed.Fault{Tool: c.Tool, Nth: count[c.Tool]})
		}
	}
	return out, nil
}
