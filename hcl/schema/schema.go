// Package schema says what a block of the language may contain. A schema is a
// plain Go value, one per block type, owned by the provider of that type;
// decoding, references, validation, the reference page and `schema --json`
// are all derived from it, so none of them can disagree.
//
// Invariants:
//
//  1. A value that Block.Decode's caller has normalized (see Normalize) has
//     one spelling: "8192MiB" and "8GiB" are the same cty value, so equality
//     of values is equality of meaning.
//  2. Every value is wholly known. Computed attributes are filled in by a
//     provider and can never be written or referred to.
//
// Start at Block; kinds of values are in type.go, sizes and durations in
// quantity.go.
package schema

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"
)

// Block is what a block of one type may contain.
type Block struct {
	Type string // keyword in the file, such as "image"
	Doc  string // one or two sentences for the reference page
	// Unnamed blocks are written without a name, as in github { }. A managed
	// one stands at most once, and its address is its type twice:
	// github.github.
	Unnamed bool
	// Uses are types whose unnamed block says how to reach what this type's
	// objects are: it is created before them and destroyed after them.
	Uses []string
	// Version of stored objects; the type's Upgrader reads older ones.
	Version int
	Attrs   []Attr
	Blocks  []Nested
	// Check looks at a whole decoded block, for rules between attributes.
	// It does no I/O. An error made by At points at one attribute.
	Check func(cty.Value) error
}

// Attr is one attribute of a block or of an object.
type Attr struct {
	Name     string
	Doc      string
	Type     Type
	Required bool
	// Default stands in when the attribute is left out; the zero Value means null.
	Default cty.Value
	// Computed attributes are set by the provider, never in files.
	Computed bool
	// Replace marks what can't be changed in place: a change destroys the
	// object and creates it anew.
	Replace bool
	// Check is given a normalized, non-null value. Its error says what is
	// wrong and what to do. It does no I/O.
	Check func(cty.Value) error
}

// Mode is how often a nested block may stand, and what its absence means.
type Mode int

const (
	// Optional: at most one; null when absent.
	Optional Mode = iota
	// Defaulted: at most one; when absent, as if written empty.
	Defaulted
	// List: any number, order kept.
	List
)

// Nested is a block inside a block.
type Nested struct {
	Block
	Mode   Mode
	Labels []string // names of its labels; they become attributes of the value
}

// Attr returns the attribute of that name, or nil.
func (b *Block) Attr(name string) *Attr {
	for i := range b.Attrs {
		if b.Attrs[i].Name == name {
			return &b.Attrs[i]
		}
	}
	return nil
}

// Nested returns the nested block type of that name, or nil.
func (b *Block) Nested(name string) *Nested {
	for i := range b.Blocks {
		if b.Blocks[i].Type == name {
			return &b.Blocks[i]
		}
	}
	return nil
}

// Value is the cty type of a whole block's value: what state and plan hold.
func (b *Block) Value() cty.Type {
	attrs := make(map[string]cty.Type, len(b.Attrs)+len(b.Blocks))
	for _, a := range b.Attrs {
		attrs[a.Name] = a.Type.Cty()
	}
	for _, n := range b.Blocks {
		attrs[n.Type] = n.Cty()
	}
	return cty.Object(attrs)
}

// Cty is the type of all the nested blocks of this type together: an object,
// or a list of objects.
func (n *Nested) Cty() cty.Type {
	attrs := n.Value().AttributeTypes()
	for _, label := range n.Labels {
		attrs[label] = cty.String
	}
	if n.Mode == List {
		return cty.List(cty.Object(attrs))
	}
	return cty.Object(attrs)
}

// Configurable lists the attributes that files may set.
func (b *Block) Configurable() []Attr {
	var out []Attr
	for _, a := range b.Attrs {
		if !a.Computed {
			out = append(out, a)
		}
	}
	return out
}

// At makes an error that points at the attribute under path.
func At(path cty.Path, format string, args ...any) error {
	return path.NewErrorf(format, args...)
}

// Must panics if the schema contradicts itself; a provider's test calls it.
func (b *Block) Must() {
	seen := map[string]bool{}
	name := func(n string) {
		if seen[n] {
			panic(fmt.Sprintf("schema %s: %q stands twice", b.Type, n))
		}
		seen[n] = true
	}
	for _, a := range b.Attrs {
		name(a.Name)
		if a.Doc == "" {
			panic(fmt.Sprintf("schema %s: %q has no doc", b.Type, a.Name))
		}
		if a.Required && (a.Computed || a.Default != cty.NilVal) {
			panic(fmt.Sprintf("schema %s: %q is required and yet has a value of its own", b.Type, a.Name))
		}
		if a.Default == cty.NilVal {
			continue
		}
		if n, err := a.Normalize(a.Default); err != nil || !n.RawEquals(a.Default) {
			panic(fmt.Sprintf("schema %s: default of %q is not in its normal form: %#v, %v", b.Type, a.Name, n, err))
		}
	}
	for i := range b.Blocks {
		if b.Blocks[i].Mode == Defaulted && len(b.Blocks[i].Labels) > 0 {
			panic(fmt.Sprintf("schema %s: block %q stands for itself when absent and yet has labels", b.Type, b.Blocks[i].Type))
		}
		name(b.Blocks[i].Type)
		b.Blocks[i].Must()
	}
}
