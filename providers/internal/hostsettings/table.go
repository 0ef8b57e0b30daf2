package hostsettings

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// block is the keyword of the nested block that holds the settings.
const block = "settings"

// managed is the refusal of a setting that every Mac has.
const managed = "see whether a profile of your device management holds it"

// setting is one row of the table.
type setting struct {
	name string
	doc  string
	typ  schema.Type
	// normal gives a value its one spelling and refuses what no Mac takes; nil
	// if every value of the type will do. It gets and returns a string, bool,
	// int or []string.
	normal func(v any) (any, error)
	read   []witness
	write  func(v any) []command
	// refusal says why a Mac may not take the setting, and what to do then.
	refusal string
	// restart: it takes effect when the Mac is restarted.
	restart bool
}

// table is every setting there is, in the order of the reference page.
func table() []setting {
	return slices.Concat(power(), names(), access(), screen(), updates(), disks(), network(), tools())
}

// Block is the nested block of a host's schema.
func Block() schema.Nested {
	b := schema.Block{
		Type: block,
		Doc: "Settings of macOS. Each that is named here is read with every plan, and apply writes those that differ; what is not named is neither looked at nor changed. " +
			"A setting that is taken out of the block stays on the Mac as it is, and so do all when the host is destroyed: hostler does not know what was there before it. " +
			"Most belong to root: hostler calls sudo -n, and where that asks for a password it prints the lines for sudoers that allow exactly the commands it needs. " +
			"After it wrote a setting it reads it back; one that the Mac did not take is an error.",
	}
	for _, s := range table() {
		b.Attrs = append(b.Attrs, schema.Attr{Name: s.name, Doc: s.doc, Type: s.typ, Check: s.check})
	}
	return schema.Nested{Block: b, Mode: schema.Optional}
}

func (s setting) check(v cty.Value) error {
	_, err := s.normalize(native(v))
	return err
}

func (s setting) normalize(v any) (any, error) {
	if s.normal == nil {
		return v, nil
	}
	return s.normal(v)
}

// native is a checked attribute as a Values holds it.
func native(v cty.Value) any {
	switch {
	case v.Type() == cty.Bool:
		return v.True()
	case v.Type() == cty.Number:
		n, _ := v.AsBigFloat().Int64()
		return int(n)
	case v.Type() == cty.String:
		return v.AsString()
	}
	list := []string{}
	for _, e := range v.AsValueSlice() {
		list = append(list, e.AsString())
	}
	return list
}
