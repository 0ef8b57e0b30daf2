package book

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"hostler/hcl/addr"
)

// checked returns a copy as the files hold it, or says why they cannot.
func (r *Resource) checked() (*Resource, error) {
	r = r.clone()
	var err error
	if r.Attributes, err = compactRaw(r.Attributes); err != nil {
		return nil, fmt.Errorf("the attributes are not valid: %w", err)
	}
	if r.Attributes[0] != '{' {
		return nil, errors.New("the attributes are not a JSON object")
	}
	for _, dep := range r.Deps {
		if err := checkAddr(dep); err != nil {
			return nil, fmt.Errorf("dependency: %w", err)
		}
	}
	return r, nil
}

// clone may be called on nil.
func (r *Resource) clone() *Resource {
	if r == nil {
		return nil
	}
	c := *r
	c.Attributes, c.Deps = slices.Clone(r.Attributes), nil
	if len(r.Deps) > 0 { // an empty list is written as none
		c.Deps = slices.Clone(r.Deps)
	}
	return &c
}

// renamed returns r with its dependencies on from being on to: r itself if it
// has none, a changed copy otherwise.
func (r *Resource) renamed(from, to addr.Addr) *Resource {
	if r == nil || !slices.Contains(r.Deps, from) {
		return r
	}
	c := r.clone()
	for i, dep := range c.Deps {
		if dep == from {
			c.Deps[i] = to
		}
	}
	return c
}

// checkAddr makes sure that the address can be read back.
func checkAddr(a addr.Addr) error {
	if back, err := addr.Parse(a.String()); err != nil {
		return err
	} else if back != a {
		return fmt.Errorf("%q is not an address", a)
	}
	return nil
}

// checkedOutputs returns a copy as the files hold it, or says why they cannot.
func checkedOutputs(outputs map[string]Output) (map[string]Output, error) {
	out := make(map[string]Output, len(outputs))
	for name, o := range outputs {
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("output %q: the name is not valid UTF-8", name)
		}
		if o.Sensitive && len(o.Value) > 0 && string(o.Value) != "null" {
			return nil, fmt.Errorf("output %q is sensitive: its value must not be recorded", name)
		}
		for _, raw := range []*json.RawMessage{&o.Type, &o.Value} {
			if len(*raw) == 0 {
				*raw = json.RawMessage("null")
			}
			var err error
			if *raw, err = compactRaw(*raw); err != nil {
				return nil, fmt.Errorf("output %q: %w", name, err)
			}
		}
		if o.Sensitive {
			o.Value = nil
		}
		out[name] = o
	}
	return out, nil
}
