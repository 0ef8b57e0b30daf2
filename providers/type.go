package providers

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
)

// Def is what NewType needs to know.
type Def[T any] struct {
	Schema *schema.Block
	CRUD   CRUD[T]
	// ID is the object's natural key: what progress shows, import takes, and
	// no two resources of the type may share.
	ID func(*T) string
	// Lane names what changes of this object must not overlap with, such as
	// one Mac's tart. Nil or "": changes run freely.
	Lane func(*T) string
}

// Type is one block type with its operations, T hidden. Values have the type
// Schema.Value() and are wholly known. A null value is "no object".
type Type struct {
	Schema   *schema.Block
	Provider string // name of the provider that owns it
	ops      ops
}

// ops is implemented by typed[T] alone: the four operations, and the optional
// duties, which answer "can't" where T's CRUD lacks them.
type ops interface {
	duties
	create(ctx context.Context, want cty.Value) (cty.Value, error)
	read(ctx context.Context, have []cty.Value) ([]Result, error)
	update(ctx context.Context, have, want cty.Value) (cty.Value, error)
	delete(ctx context.Context, have cty.Value) error
	identity(v cty.Value) (id, lane string, err error)
	check(v cty.Value) error
}

type duties interface {
	resolve(ctx context.Context, r Resolution) (cty.Value, error)
	configure(config Lookup)
	validate(a addr.Addr, want cty.Value, config Lookup) error
	find(ctx context.Context, want cty.Value) (found cty.Value, ok bool, err error)
	importID(ctx context.Context, id string) (v cty.Value, ok bool, err error)
	upgrade(from int, attrs map[string]any) (map[string]any, error)
}

// Result is the outcome of reading one object; a null Object is gone.
type Result struct {
	Object cty.Value
	Err    error
}

// NewType hides T behind a Type.
func NewType[T any](d Def[T]) *Type {
	checkFields(reflect.TypeFor[T](), d.Schema.Value(), d.Schema.Type)
	return &Type{Schema: d.Schema, ops: &typed[T]{Def: d, typ: d.Schema.Value()}}
}

// Null is "no object" of this type.
func (t *Type) Null() cty.Value { return cty.NullVal(t.Schema.Value()) }

// Create makes the object. On an error the value is what was made
// nonetheless, or null.
func (t *Type) Create(ctx context.Context, want cty.Value) (cty.Value, error) {
	return t.ops.create(ctx, want)
}

// Read reads objects, one Result for each of have in order. The error is one
// that concerns them all.
func (t *Type) Read(ctx context.Context, have []cty.Value) ([]Result, error) {
	return t.ops.read(ctx, have)
}

// Update changes the object in place. On an error the value is the object as
// it then is, or null if that is not known.
func (t *Type) Update(ctx context.Context, have, want cty.Value) (cty.Value, error) {
	return t.ops.update(ctx, have, want)
}

// Delete removes the object; gone already is success.
func (t *Type) Delete(ctx context.Context, have cty.Value) error { return t.ops.delete(ctx, have) }

// ID is the object's natural key, or "" when it has none yet.
func (t *Type) ID(v cty.Value) string {
	id, _, err := t.ops.identity(v)
	if err != nil {
		return ""
	}
	return id
}

// Lane names what changes of the object are serialised with; "" is nothing.
func (t *Type) Lane(v cty.Value) string {
	_, lane, err := t.ops.identity(v)
	if err != nil {
		return ""
	}
	return lane
}

// Resolution is Resolve on untyped values.
type Resolution struct {
	Addr       addr.Addr
	Want, Have cty.Value
	Replacing  bool
	Upgrade    bool
	Config     Lookup
	Warn       func(attr, text string)
}

// Resolve completes r.Want; see Resolver. Computed attributes that are still
// null afterwards are taken from r.Have, unless it is being replaced.
func (t *Type) Resolve(ctx context.Context, r Resolution) (cty.Value, error) {
	want, err := t.ops.resolve(ctx, r)
	if err != nil || r.Have.IsNull() || r.Replacing {
		return want, err
	}
	attrs, have := want.AsValueMap(), r.Have.AsValueMap()
	for _, a := range t.Schema.Attrs {
		if a.Computed && attrs[a.Name].IsNull() {
			attrs[a.Name] = have[a.Name]
		}
	}
	return cty.ObjectVal(attrs), nil
}

// Configure shows the type the configuration; see Configurer.
func (t *Type) Configure(config Lookup) { t.ops.configure(config) }

// Validate runs the type's own checks that look at no Mac. All of want is
// known.
func (t *Type) Validate(a addr.Addr, want cty.Value, config Lookup) error {
	return t.ops.validate(a, want, config)
}

// Find looks for what an unfinished Create of want left; null when nothing
// stands. ok is false when the type has no Finder.
func (t *Type) Find(ctx context.Context, want cty.Value) (found cty.Value, ok bool, err error) {
	return t.ops.find(ctx, want)
}

// Import reads the object called id; null when it is not there. ok is false
// when the type can't import.
func (t *Type) Import(ctx context.Context, id string) (v cty.Value, ok bool, err error) {
	return t.ops.importID(ctx, id)
}

// Encode writes a value as state and plan files keep it: one JSON object.
// Null attributes are left out.
func (t *Type) Encode(v cty.Value) (json.RawMessage, error) {
	attrs := map[string]json.RawMessage{}
	for name, attr := range v.AsValueMap() {
		if attr.IsNull() {
			continue
		}
		raw, err := ctyjson.Marshal(attr, attr.Type())
		if err != nil {
			return nil, fmt.Errorf("encode %q: %w", name, err)
		}
		attrs[name] = raw
	}
	return json.Marshal(attrs)
}

// Decode reads what Encode wrote with schema version version. Attributes that
// this version does not know are dropped, new ones are null.
func (t *Type) Decode(raw json.RawMessage, version int) (cty.Value, error) {
	if version > t.Schema.Version {
		return t.Null(), fmt.Errorf("stored by a newer hostler (schema version %d of %q, this one knows %d); use that version or a later one", version, t.Schema.Type, t.Schema.Version)
	}
	if version < t.Schema.Version {
		upgraded, err := t.upgrade(raw, version)
		if err != nil {
			return t.Null(), fmt.Errorf("upgrade %q from schema version %d to %d: %w", t.Schema.Type, version, t.Schema.Version, err)
		}
		raw = upgraded
	}
	var stored map[string]json.RawMessage
	if err := json.Unmarshal(raw, &stored); err != nil {
		return t.Null(), err
	}
	if stored == nil {
		return t.Null(), nil
	}
	attrs := map[string]cty.Value{}
	for name, typ := range t.Schema.Value().AttributeTypes() {
		attrs[name] = cty.NullVal(typ)
		if stored[name] == nil {
			continue
		}
		v, err := ctyjson.Unmarshal(stored[name], typ)
		if err != nil {
			return t.Null(), fmt.Errorf("attribute %q: %w", name, err)
		}
		attrs[name] = v
	}
	v := cty.ObjectVal(attrs)
	if err := t.ops.check(v); err != nil {
		return t.Null(), fmt.Errorf("attribute %w", err)
	}
	return v, nil
}

func (t *Type) upgrade(raw json.RawMessage, from int) (json.RawMessage, error) {
	var attrs map[string]any
	if err := json.Unmarshal(raw, &attrs); err != nil {
		return nil, err
	}
	attrs, err := t.ops.upgrade(from, attrs)
	if err != nil {
		return nil, err
	}
	return json.Marshal(attrs)
}
