package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// Kind is the kind of a value.
type Kind int

const (
	KindString Kind = iota
	KindBool
	KindInt
	KindSize     // bytes, written with a unit: "8GiB"
	KindDuration // Go duration: "60m"
	KindSecret   // reference to a secret: "env:NAME"
	KindPath     // file or folder, relative to the configuration folder
	KindRef      // another block, kept as its address
	KindList
	KindMap // string keys
	KindObject
	KindAny // whatever the author writes; in the language's own blocks only
)

// Type is the type of an attribute.
type Type struct {
	Kind Kind
	Elem *Type  // of List and Map
	Of   []Attr // of Object
	// Refs are the block types that a Ref may name.
	Refs []string
	// OrText lets a Ref also be any string that is no reference.
	OrText bool
	// Words are what a Path may be instead, each with a meaning of its own.
	Words []string
	// Sole lets a Ref be left out where the configuration has exactly one
	// block of that type, which is then meant.
	Sole bool
}

// The types without parameters, and Host: the Mac that an object lives on,
// which may be left out where there is only one.
var (
	Host   = Type{Kind: KindRef, Refs: []string{"host"}, Sole: true}
	String = Type{Kind: KindString}
	Bool   = Type{Kind: KindBool}
	Int    = Type{Kind: KindInt}
	Bytes  = Type{Kind: KindSize}
	Span   = Type{Kind: KindDuration}
	Any    = Type{Kind: KindAny}
	Secret = Type{Kind: KindSecret}
	Path   = Type{Kind: KindPath}
)

// PathOr is a file or folder, or one of the words.
func PathOr(words ...string) Type { return Type{Kind: KindPath, Words: words} }

// ListOf is the type of a list of elem.
func ListOf(elem Type) Type { return Type{Kind: KindList, Elem: &elem} }

// MapOf is the type of a map from strings to elem.
func MapOf(elem Type) Type { return Type{Kind: KindMap, Elem: &elem} }

// ObjectOf is the type of an object written as { name = value, … }.
func ObjectOf(attrs ...Attr) Type { return Type{Kind: KindObject, Of: attrs} }

// RefTo is a reference to a block of one of those types.
func RefTo(types ...string) Type { return Type{Kind: KindRef, Refs: types} }

// RefOrText is a reference to a block of one of those types, or any text.
func RefOrText(types ...string) Type { return Type{Kind: KindRef, Refs: types, OrText: true} }

// Cty is the type of values in config, state and plan. Sizes, durations,
// secret references and block references are strings there.
func (t Type) Cty() cty.Type {
	switch t.Kind {
	case KindBool:
		return cty.Bool
	case KindInt:
		return cty.Number
	case KindAny:
		return cty.DynamicPseudoType
	case KindList:
		return cty.List(t.Elem.Cty())
	case KindMap:
		return cty.Map(t.Elem.Cty())
	case KindObject:
		attrs := make(map[string]cty.Type, len(t.Of))
		for _, a := range t.Of {
			attrs[a.Name] = a.Type.Cty()
		}
		return cty.Object(attrs)
	}
	return cty.String
}

// Name is the type as people read it: in the reference page and in errors.
func (t Type) Name() string {
	switch t.Kind {
	case KindBool:
		return "bool"
	case KindInt:
		return "whole number"
	case KindSize:
		return "size"
	case KindDuration:
		return "duration"
	case KindSecret:
		return "secret reference"
	case KindPath:
		if len(t.Words) > 0 {
			return strings.Join(t.Words, ", ") + " or a path"
		}
		return "path"
	case KindAny:
		return "any value"
	case KindRef:
		s := "reference to " + cmp.Or(strings.Join(t.Refs, " or "), "a block")
		if t.OrText {
			s += ", or text"
		}
		return s
	case KindList:
		return "list of " + t.Elem.Name()
	case KindMap:
		return "map of " + t.Elem.Name()
	case KindObject:
		names := make([]string, len(t.Of))
		for i, a := range t.Of {
			names[i] = a.Name
		}
		return "object { " + strings.Join(names, ", ") + " }"
	}
	return "string"
}

// Normalize brings a value of type t.Cty() into its one spelling, fills in
// the defaults of objects and runs the checks. Errors are cty.PathError where
// they lie below the value itself. What is unknown, as in a validation without
// values for variables, passes unchecked.
func (t Type) Normalize(v cty.Value) (cty.Value, error) { return t.normalize(v, nil) }

// Normalize is Type.Normalize followed by the attribute's own check. Null
// stands for the default.
func (a *Attr) Normalize(v cty.Value) (cty.Value, error) { return a.normalize(v, nil) }

func (a *Attr) normalize(v cty.Value, path cty.Path) (cty.Value, error) {
	if v.IsNull() {
		if a.Required {
			return v, At(path, "%q is required", a.Name)
		}
		if a.Default != cty.NilVal {
			return a.Default, nil
		}
		return cty.NullVal(a.Type.Cty()), nil
	}
	v, err := a.Type.normalize(v, path)
	if err == nil && a.Check != nil && v.IsWhollyKnown() {
		if err = a.Check(v); err != nil {
			if _, pointed := err.(cty.PathError); !pointed {
				err = path.NewError(err)
			}
		}
	}
	return v, err
}

func (t Type) normalize(v cty.Value, path cty.Path) (cty.Value, error) {
	if v.IsNull() {
		return cty.NullVal(t.Cty()), nil
	}
	if !v.IsKnown() {
		return v, nil
	}
	text := func(parse func(string) (string, error)) (cty.Value, error) {
		s, err := parse(v.AsString())
		if err != nil {
			return v, path.NewError(err)
		}
		return cty.StringVal(s), nil
	}
	switch t.Kind {
	case KindInt:
		if !v.AsBigFloat().IsInt() {
			return v, At(path, "a whole number is required, not %s", v.AsBigFloat().Text('g', -1))
		}
	case KindSize:
		return text(func(s string) (string, error) { n, err := ParseSize(s); return n.String(), err })
	case KindDuration:
		return text(func(s string) (string, error) { d, err := ParseDuration(s); return d.String(), err })
	case KindSecret:
		return text(func(s string) (string, error) { return s, CheckSecretRef(s) })
	case KindList, KindMap:
		return t.normalizeElems(v, path)
	case KindObject:
		attrs := v.AsValueMap()
		for i := range t.Of {
			a := &t.Of[i]
			n, err := a.normalize(attrs[a.Name], path.GetAttr(a.Name))
			if err != nil {
				return v, err
			}
			attrs[a.Name] = n
		}
		return cty.ObjectVal(attrs), nil
	}
	return v, nil
}

func (t Type) normalizeElems(v cty.Value, path cty.Path) (cty.Value, error) {
	if v.LengthInt() == 0 {
		return v, nil
	}
	list, byKey := []cty.Value{}, map[string]cty.Value{}
	for it := v.ElementIterator(); it.Next(); {
		key, elem := it.Element()
		at := path.Index(key)
		if elem.IsNull() {
			return v, At(at, "null is no element; leave it out")
		}
		n, err := t.Elem.normalize(elem, at)
		if err != nil {
			return v, err
		}
		if t.Kind == KindMap {
			byKey[key.AsString()] = n
		} else {
			list = append(list, n)
		}
	}
	if t.Kind == KindMap {
		return cty.MapVal(byKey), nil
	}
	return cty.ListVal(list), nil
}

// OneOf is a Check: the value must be one of these words.
func OneOf(words ...string) func(cty.Value) error {
	return func(v cty.Value) error {
		if !slices.Contains(words, v.AsString()) {
			return fmt.Errorf("%q is not one of %s%s", v.AsString(), strings.Join(quoteAll(words), ", "), Suggest(v.AsString(), words))
		}
		return nil
	}
}

// Between is a Check: the number must lie in [low, high].
func Between(low, high int64) func(cty.Value) error {
	return func(v cty.Value) error {
		n, accuracy := v.AsBigFloat().Int64()
		if accuracy != 0 || n < low || n > high {
			return fmt.Errorf("%s is not between %d and %d", v.AsBigFloat().Text('f', -1), low, high)
		}
		return nil
	}
}

func quoteAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return out
}
