package hcl

import "github.com/zclconf/go-cty/cty"

// Source is where a block stands in the files.
type Source struct {
	header Range
}

// Range is the block's header.
func (s Source) Range() Range { return s.header }

// Attr is the range of what was written for the attribute at path.
func (s Source) Attr(cty.Path) Range { return s.header }
