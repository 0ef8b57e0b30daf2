package providers

import (
	"context"
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
)

// typed is a Def[T] behind the untyped ops.
type typed[T any] struct {
	Def[T]
	typ cty.Type
}

// in is for values that the language has normalized, or Type.Decode has
// checked.
func (t *typed[T]) in(v cty.Value) *T {
	out := new(T)
	if err := decode(v, out); err != nil {
		panic(fmt.Sprintf("%s: a value was not normalized: %v", t.Schema.Type, err))
	}
	return out
}

func (t *typed[T]) check(v cty.Value) error { return decode(v, new(T)) }

func (t *typed[T]) out(v *T) cty.Value {
	if v == nil {
		return cty.NullVal(t.typ)
	}
	return encode(v, t.typ)
}

func (t *typed[T]) create(ctx context.Context, want cty.Value) (cty.Value, error) {
	v, err := t.CRUD.Create(ctx, t.in(want))
	if v == nil && err == nil {
		return t.out(nil), fmt.Errorf("create %s: the provider returned no object", t.Schema.Type)
	}
	return t.out(v), err
}

func (t *typed[T]) read(ctx context.Context, have []cty.Value) ([]Result, error) {
	objects := make([]*T, len(have))
	for i, v := range have {
		objects[i] = t.in(v)
	}
	results := make([]Result, len(have))
	if p, ok := t.CRUD.(Prefetcher[T]); ok {
		fetched, err := p.Prefetch(ctx, objects)
		if err == nil && len(fetched) != len(have) {
			err = fmt.Errorf("prefetch %s: %d answers for %d objects", t.Schema.Type, len(fetched), len(have))
		}
		if err != nil {
			return nil, err
		}
		for i, f := range fetched {
			results[i] = Result{Object: t.out(f.Object), Err: f.Err}
		}
		return results, nil
	}
	for i, o := range objects {
		v, err := t.CRUD.Read(ctx, o)
		results[i] = Result{Object: t.out(v), Err: err}
	}
	return results, nil
}

func (t *typed[T]) update(ctx context.Context, have, want cty.Value) (cty.Value, error) {
	v, err := t.CRUD.Update(ctx, t.in(have), t.in(want))
	if v == nil && err == nil {
		return t.out(nil), fmt.Errorf("update %s: the provider returned no object", t.Schema.Type)
	}
	return t.out(v), err
}

func (t *typed[T]) delete(ctx context.Context, have cty.Value) error {
	return t.CRUD.Delete(ctx, t.in(have))
}

func (t *typed[T]) identity(v cty.Value) (id, lane string, err error) {
	if v.IsNull() {
		return "", "", fmt.Errorf("no object")
	}
	o := t.in(v)
	if t.ID != nil {
		id = t.ID(o)
	}
	if t.Lane != nil {
		lane = t.Lane(o)
	}
	return id, lane, nil
}

func (t *typed[T]) resolve(ctx context.Context, r Resolution) (cty.Value, error) {
	want := t.in(r.Want)
	resolver, ok := t.CRUD.(Resolver[T])
	if !ok {
		return t.out(want), nil
	}
	q := &Resolve[T]{Addr: r.Addr, Name: InstanceName(r.Addr), Want: want, Replacing: r.Replacing, Upgrade: r.Upgrade, Config: r.Config, Warn: r.Warn}
	if !r.Have.IsNull() {
		q.Have = t.in(r.Have)
	}
	err := resolver.Resolve(ctx, q)
	return t.out(want), err
}

func (t *typed[T]) configure(config Lookup) {
	if c, ok := t.CRUD.(Configurer); ok {
		c.Configure(config)
	}
}

func (t *typed[T]) validate(a addr.Addr, want cty.Value, config Lookup) error {
	if v, ok := t.CRUD.(Validator[T]); ok {
		return v.Validate(a, t.in(want), config)
	}
	return nil
}

func (t *typed[T]) find(ctx context.Context, want cty.Value) (cty.Value, bool, error) {
	f, ok := t.CRUD.(Finder[T])
	if !ok {
		return t.out(nil), false, nil
	}
	v, err := f.Find(ctx, t.in(want))
	return t.out(v), true, err
}

func (t *typed[T]) importID(ctx context.Context, id string) (cty.Value, bool, error) {
	i, ok := t.CRUD.(Importer[T])
	if !ok {
		return t.out(nil), false, nil
	}
	v, err := i.Import(ctx, id)
	return t.out(v), true, err
}

func (t *typed[T]) upgrade(from int, attrs map[string]any) (map[string]any, error) {
	u, ok := t.CRUD.(Upgrader)
	if !ok {
		return nil, fmt.Errorf("this type has no upgrade path")
	}
	return u.Upgrade(from, attrs)
}

// InstanceName is what a new object of that address is called: the block's
// name, with "-KEY" if it is one instance of several.
func InstanceName(a addr.Addr) string {
	if !a.HasKey {
		return a.Name
	}
	return a.Name + "-" + a.Key
}
