package hcl

import (
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/internal/body"
)

// Source is where a block stands in the files.
type Source struct{ body *body.Body }

// Range is the block's header.
func (s Source) Range() Range {
	if s.body == nil {
		return Range{}
	}
	return s.body.Header
}

// Attr is the range of what was written for the attribute at path: the
// nearest thing round it that stands in the files, at worst the header.
func (s Source) Attr(path cty.Path) Range {
	if s.body == nil {
		return Range{}
	}
	rng, _ := s.body.Find(path)
	return rng
}
