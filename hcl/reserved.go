package hcl

import (
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// Reserved are the blocks that the language has of its own, beside the
// managed ones. Files are read by these very schemas.
func Reserved() []*schema.Block {
	address := func(name, doc string) schema.Attr {
		return schema.Attr{Name: name, Doc: doc, Type: schema.RefTo(), Required: true}
	}
	return []*schema.Block{{
		Type: "hostler", Unnamed: true,
		Doc: "Settings of the configuration as a whole. At most one in a folder.",
		Attrs: []schema.Attr{
			{Name: "required_version", Type: schema.String, Doc: "The versions of hostler that may read these files, such as \">= 0.1.0\"."},
			{Name: "include", Type: schema.ListOf(schema.String), Doc: "Further folders whose files belong to the configuration, relative to this one."},
			{Name: "state", Type: schema.String, Default: cty.StringVal(defaultState), Doc: "The state file, relative to the configuration folder."},
		},
	}, {
		Type: "variable",
		Doc:  "A value given from outside, as var.NAME: by --var, --var-file, *.auto.hclvars or HOSTLER_VAR_NAME.",
		Attrs: []schema.Attr{
			{Name: "type", Type: schema.Any, Doc: "A type constraint, such as string, list(string) or object({ name = string, size = optional(string) }). Any value when left out."},
			{Name: "default", Type: schema.Any, Doc: "The value when none is given. Without a default one must be given."},
			{Name: "description", Type: schema.String, Doc: "What the variable is for."},
			{Name: "sensitive", Type: schema.Bool, Doc: "Keep the value out of everything that is shown or stored."},
			{Name: "nullable", Type: schema.Bool, Doc: "Whether null is a value; if not, null stands for the default. True when left out."},
		},
		Blocks: []schema.Nested{{Mode: schema.List, Block: schema.Block{
			Type: "validation", Doc: "A rule that the value must keep.",
			Attrs: []schema.Attr{
				{Name: "condition", Type: schema.Any, Required: true, Doc: "True for a good value."},
				{Name: "error_message", Type: schema.Any, Required: true, Doc: "What to say about a bad one, in whole sentences."},
			},
		}}},
	}, {
		Type: "locals", Unnamed: true,
		Doc: "Names for values, used as local.NAME. Every attribute is one; any number of these blocks.",
	}, {
		Type: "output",
		Doc:  "A value to show after apply and by the output command.",
		Attrs: []schema.Attr{
			{Name: "value", Type: schema.Any, Required: true, Doc: "The value."},
			{Name: "description", Type: schema.String, Doc: "What the value is."},
			{Name: "sensitive", Type: schema.Bool, Doc: "Show it only where it is asked for by name. Needed for a value made of sensitive ones."},
		},
	}, {
		Type: "moved", Unnamed: true,
		Doc:   "A block that got another name: its object is kept.",
		Attrs: []schema.Attr{address("from", "The address it had."), address("to", "The address it has now.")},
	}, {
		Type: "import", Unnamed: true,
		Doc: "An existing object that a block shall manage from now on.",
		Attrs: []schema.Attr{
			address("to", "The address of the block."),
			{Name: "id", Type: schema.String, Required: true, Doc: "What the object is called; see its type."},
		},
	}, {
		Type: "removed", Unnamed: true,
		Doc:   "A block that was deleted: its object is forgotten, not destroyed.",
		Attrs: []schema.Attr{address("from", "The address it had.")},
	}}
}

// Meta are the attributes that every managed block takes beside its own.
func Meta() []schema.Attr {
	return []schema.Attr{
		{Name: "for_each", Type: schema.Any, Doc: "A map or a set of strings: one object for each element, addressed TYPE.NAME[\"KEY\"]. The body sees each.key and each.value."},
		{Name: "depends_on", Type: schema.ListOf(schema.RefTo()), Doc: "Blocks that must be done before this one, beside those it refers to."},
		{Name: "prevent_destroy", Type: schema.Bool, Doc: "Refuse every plan that destroys the object."},
		{Name: "ignore_changes", Type: schema.Any, Doc: "Attributes whose changes are left alone: a list of their names, or all."},
	}
}
