package providertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/providers"
)

func rules() []rule {
	all := []rule{
		{"create", holdCreate}, {"update", holdUpdate}, {"drift", holdDrift}, {"delete", holdDelete},
		{"foreign", holdForeign}, {"import", holdImport}, {"batch", holdBatch}, {"cancel", holdCancel},
		{"wrong", holdWrong}, {"interrupt", holdInterrupt},
	}
	for i, r := range all {
		all[i].hold = func(t *trial) error { return errors.Join(r.hold(t), t.leaks()) }
	}
	return all
}

func holdCreate(t *trial) error {
	have, err := t.create()
	if err != nil {
		return err
	}
	if err := t.reopen(); err != nil {
		return err
	}
	want, err := t.resolve(t.Want, have, false)
	if err != nil {
		return fmt.Errorf("resolve with the object: %w", err)
	}
	if err := t.settled(t.Want, want, have); err != nil {
		return err
	}
	if t.Type.ID(have) == "" {
		return errors.New("the object has no ID")
	}
	raw, err := t.Type.Encode(have)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	back, err := t.Type.Decode(raw, t.Type.Schema.Version)
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if d := differing(have, back); len(d) > 0 {
		return fmt.Errorf("encoded and decoded, the object differs in %s", show(d, have, back))
	}
	return nil
}

// attributes are the schema's attributes and nested blocks, by name.
func (t *trial) attributes() []string {
	return slices.Sorted(maps.Keys(t.Type.Schema.Value().AttributeTypes()))
}

func holdUpdate(t *trial) error {
	have, err := t.create()
	if err != nil {
		return err
	}
	for _, name := range t.attributes() {
		a := t.Type.Schema.Attr(name)
		change, given := t.Changes[name]
		switch {
		case a != nil && (a.Computed || a.Replace):
			continue
		case !given && t.Type.Schema.Nested(name) == nil && a.Type.Sole:
			continue // where it lives; there may be no other place
		case !given:
			return fmt.Errorf("the suite has no change of %q", name)
		}
		block := with(t.Want, name, change)
		want, err := t.resolve(block, have, false)
		if err != nil {
			return fmt.Errorf("change of %q: resolve: %w", name, err)
		}
		if !slices.Contains(differing(have, want), name) {
			return fmt.Errorf("the suite's change of %q is none", name)
		}
		if have, err = t.converge(block, have); err != nil {
			return fmt.Errorf("change of %q: %w", name, err)
		}
		if slices.Contains(t.OneWay, name) {
			have, err = t.create()
		} else {
			have, err = t.converge(t.Want, have)
		}
		if err != nil {
			return fmt.Errorf("change of %q back: %w", name, err)
		}
	}
	return nil
}

func holdDrift(t *trial) error {
	have, err := t.create()
	if err != nil {
		return err
	}
	covered := slices.Concat(t.ConfigOnly, t.Identity)
	for _, key := range slices.Sorted(maps.Keys(t.Drifts)) {
		name, _, _ := strings.Cut(key, "/")
		covered = append(covered, name)
		if err := t.Drifts[key](t.World, have); err != nil {
			return fmt.Errorf("drift of %q: %w", key, err)
		}
		if err := t.reopen(); err != nil {
			return err
		}
		got, err := t.read(have)
		if err != nil {
			return fmt.Errorf("drift of %q: read: %w", key, err)
		}
		if got.IsNull() {
			return fmt.Errorf("drift of %q: the object reads as gone", key)
		}
		if !slices.Contains(differing(have, got), name) {
			return fmt.Errorf("drift of %q in the world is not seen: it reads as %#v", key, got.GetAttr(name))
		}
		want, err := t.resolve(t.Want, got, false)
		if err != nil {
			return fmt.Errorf("drift of %q: resolve: %w", key, err)
		}
		if !slices.Contains(differing(got, want), name) {
			return fmt.Errorf("drift of %q would not be repaired: the plan takes over %#v", key, got.GetAttr(name))
		}
		if have, err = t.converge(t.Want, got); err != nil {
			return fmt.Errorf("drift of %q: repair: %w", key, err)
		}
	}
	for _, name := range t.attributes() {
		if !slices.Contains(covered, name) {
			return fmt.Errorf("the suite has no drift of %q", name)
		}
	}
	return nil
}

func holdDelete(t *trial) error {
	if err := t.start(); err != nil {
		return err
	}
	empty, err := t.snapshot()
	if err != nil {
		return err
	}
	have, err := t.converge(t.Want, t.Type.Null())
	if err != nil {
		return err
	}
	gone := func(how string, remove func() error) error {
		if err := remove(); err != nil {
			return fmt.Errorf("%s: %w", how, t.saw(err))
		}
		if err := t.reopen(); err != nil {
			return err
		}
		if got, err := t.read(have); err != nil || !got.IsNull() {
			return fmt.Errorf("after %s it reads as %#v, %v; want null", how, got, err)
		}
		now, err := t.snapshot()
		if err != nil {
			return err
		}
		if d := empty.diff(now); d != "" {
			return fmt.Errorf("after %s the world is not as it was before: %s", how, d)
		}
		return nil
	}
	remove := func() error { return t.Type.Delete(context.Background(), have) }
	if err := gone("delete", remove); err != nil {
		return err
	}
	if err := gone("a second delete", remove); err != nil {
		return err
	}
	if have, err = t.converge(t.Want, t.Type.Null()); err != nil {
		return fmt.Errorf("after the delete: %w", err)
	}
	if err := t.Gone(t.World, have); err != nil {
		return err
	}
	if got, err := t.read(have); err != nil || !got.IsNull() {
		return fmt.Errorf("removed behind our back, it reads as %#v, %v; want null", got, err)
	}
	if err := gone("delete of what is gone", remove); err != nil {
		return err
	}
	_, err = t.converge(t.Want, t.Type.Null())
	return err
}

func holdForeign(t *trial) error {
	if err := t.start(); err != nil {
		return err
	}
	want, err := t.resolve(t.Want, t.Type.Null(), false)
	if err != nil {
		return err
	}
	if err := t.Foreign(t.World, want); err != nil {
		return fmt.Errorf("foreign: %w", err)
	}
	before, err := t.snapshot()
	if err != nil {
		return err
	}
	untouched := func(by string) error {
		now, err := t.snapshot()
		if err != nil {
			return err
		}
		if d := before.diff(now); d != "" {
			return fmt.Errorf("%s touched an object that is not ours: %s", by, d)
		}
		return nil
	}
	if err := t.reopen(); err != nil {
		return err
	}
	var exists *providers.ExistsError
	if _, err := t.resolve(t.Want, t.Type.Null(), false); !errors.As(err, &exists) {
		return fmt.Errorf("resolve where a foreign object stands: %v; want an ExistsError", err)
	}
	if err := untouched("resolve"); err != nil {
		return err
	}
	if v, ok, err := t.Type.Import(context.Background(), exists.ID); ok && (err != nil || v.IsNull()) {
		return fmt.Errorf("import of %q, which the ExistsError names: %#v, %v", exists.ID, v, err)
	}
	got, err := t.Type.Create(context.Background(), want)
	if t.saw(err); !errors.As(err, &exists) || !got.IsNull() {
		return fmt.Errorf("create where a foreign object stands: %#v, %v; want an ExistsError", got, err)
	}
	if err := untouched("create"); err != nil {
		return err
	}
	if v, ok, err := t.Type.Find(context.Background(), want); ok && t.saw(err) == nil {
		return fmt.Errorf("find where a foreign object stands: %#v; want an error", v)
	}
	return untouched("find")
}

func holdImport(t *trial) error {
	have, err := t.create()
	if err != nil {
		return err
	}
	id := t.Type.ID(have)
	got, ok, err := t.Type.Import(context.Background(), id)
	if !ok {
		return nil
	}
	if t.saw(err) != nil || got.IsNull() {
		return fmt.Errorf("import of %q: %#v, %w", id, got, err)
	}
	for _, name := range differing(have, got) {
		if !slices.Contains(t.ImportLoses, name) {
			return fmt.Errorf("the imported object differs in %s", show([]string{name}, have, got))
		}
	}
	if _, err := t.converge(t.Want, got); err != nil {
		return fmt.Errorf("after the import: %w", err)
	}
	if err := t.start(); err != nil {
		return err
	}
	if v, _, err := t.Type.Import(context.Background(), id); t.saw(err) != nil || !v.IsNull() {
		return fmt.Errorf("import of what is not there: %#v, %v; want null", v, err)
	}
	return nil
}

func holdBatch(t *trial) error {
	have, err := t.create()
	if err != nil || t.Mac == nil {
		return err
	}
	const many = 20
	var calls [2]int
	for i, n := range []int{1, many} {
		if err := t.reopen(); err != nil {
			return err
		}
		if err := t.Mac.ResetCalls(); err != nil {
			return err
		}
		got, err := t.Type.Read(context.Background(), slices.Repeat([]cty.Value{have}, n))
		if t.saw(err) != nil {
			return err
		}
		for _, r := range got {
			if r.Err != nil || len(differing(have, r.Object)) > 0 {
				return fmt.Errorf("read of %d objects: %#v, %v", n, r.Object, r.Err)
			}
		}
		all, err := t.Mac.Calls()
		if err != nil {
			return err
		}
		calls[i] = len(all)
	}
	if calls[1] > calls[0] {
		return fmt.Errorf("reading %d objects took %d calls, one object %d", many, calls[1], calls[0])
	}
	return nil
}

func holdWrong(t *trial) error {
	if err := t.start(); err != nil {
		return err
	}
	for _, c := range t.Wrong {
		_, err := t.resolve(c.Want, t.Type.Null(), false)
		var at *providers.AttrError
		if !errors.As(err, &at) {
			return fmt.Errorf("%s: %v; want an error that points at %#v", c.Name, err, c.Path)
		}
		if !at.Path.Equals(c.Path) {
			return fmt.Errorf("%s: the error points at %#v, want %#v: %w", c.Name, at.Path, c.Path, err)
		}
	}
	return nil
}
