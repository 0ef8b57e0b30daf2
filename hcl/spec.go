package hcl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// specOf derives from a schema how its blocks are taken apart. hcldec only
// evaluates: every attribute is of any type here, and decoder brings it to
// the schema's, since references and paths mean more than their type says.
func specOf(b *schema.Block, labels ...string) hcldec.ObjectSpec {
	spec := hcldec.ObjectSpec{}
	for _, a := range b.Attrs {
		spec[a.Name] = &hcldec.AttrSpec{Name: a.Name, Type: cty.DynamicPseudoType}
	}
	for i, label := range labels {
		spec[label] = &hcldec.BlockLabelSpec{Index: i, Name: label}
	}
	for i := range b.Blocks {
		n := &b.Blocks[i]
		nested := specOf(&n.Block, n.Labels...)
		if n.Mode == schema.List {
			spec[n.Type] = &hcldec.BlockTupleSpec{TypeName: n.Type, Nested: nested}
		} else {
			spec[n.Type] = &hcldec.BlockSpec{TypeName: n.Type, Nested: nested}
		}
	}
	return spec
}

// bodySchema is what may stand directly in a block of that schema.
func bodySchema(b *schema.Block, more ...schema.Attr) *hcl.BodySchema {
	s := hcldec.ImpliedSchema(specOf(b))
	for _, a := range more {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: a.Name})
	}
	return s
}

// fileSchema is what may stand in a file.
func fileSchema(blocks map[string]*schema.Block) *hcl.BodySchema {
	s := &hcl.BodySchema{}
	for _, typ := range sortedKeys(blocks) {
		header := hcl.BlockHeaderSchema{Type: typ}
		if !blocks[typ].Unnamed {
			header.LabelNames = []string{"name"}
		}
		s.Blocks = append(s.Blocks, header)
	}
	return s
}
