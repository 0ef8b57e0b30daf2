package decode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/addr"
	"hostler/hcl/internal/body"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// Blocks are the managed blocks that a reference may mean. Those that a block
// refers to have their instances by the time it is decoded.
type Blocks interface {
	Has(block addr.Addr) bool
	// Instances of a block with for_each, sorted.
	Instances(block addr.Addr) []addr.Addr
	// OnHost are those that belong to that host; not known when a host is
	// not.
	OnHost(block addr.Addr, host string) (instances []addr.Addr, known bool)
	// Describe lists instances with their hosts.
	Describe(block addr.Addr) string
	// Sole are the candidates for a reference that is left out; not known
	// when there may be others.
	Sole(types []string) (candidates []addr.Addr, known bool)
	// Nearest is the block of one of those types named most like name.
	Nearest(name string, types []string) string
}

// reference brings the value of a Ref attribute to the address of a block.
func (d *Decoder) reference(t schema.Type, raw cty.Value, carried cty.ValueMarks, p cty.Path) (cty.Value, bool) {
	from := marks.Origins(carried)
	if raw.Type().IsMapType() {
		for mark := range carried {
			if whole, ok := mark.(marks.InstancesOf); ok {
				return d.instance(t, addr.Addr(whole), p)
			}
		}
	}
	text := raw
	if raw.Type().IsObjectType() && raw.Type().HasAttribute("address") {
		text, _ = raw.GetAttr("address").Unmark()
	}
	if body.IsString(text) && len(from) > 0 { // of a block, or read from a Ref of one
		if a, err := addr.Parse(text.AsString()); err == nil && d.Blocks.Has(a.Block()) {
			return d.refTo(t, a, p)
		}
	}
	if !t.OrText || !raw.Type().IsPrimitiveType() {
		d.notReference(t, raw, p)
		return raw, false
	}
	text, _ = convert.Convert(raw, cty.String)
	if a, err := addr.Parse(text.AsString()); err == nil && slices.Contains(t.Refs, a.Type) {
		d.notReference(t, text, p)
		return raw, false
	}
	return text, true
}

func (d *Decoder) notReference(t schema.Type, got cty.Value, p cty.Path) {
	example := t.Refs[0] + ".NAME"
	if body.IsString(got) {
		if a, err := addr.Parse(got.AsString()); err == nil {
			d.fail(p, "Invalid reference", "This is text, not a reference. Write %s, without quotes.", a)
			return
		}
		if near := d.Blocks.Nearest(got.AsString(), t.Refs); near != "" {
			example = near
		}
	}
	d.fail(p, "Invalid reference", "Inappropriate value for attribute %q: %s required, not %s. Write %s, without quotes.", attrName(p), t.Name(), got.Type().FriendlyName(), example)
}

// refTo is a reference to a, if it may be.
func (d *Decoder) refTo(t schema.Type, a addr.Addr, p cty.Path) (cty.Value, bool) {
	if !slices.Contains(t.Refs, a.Type) {
		d.fail(p, "Invalid reference", "Inappropriate value for attribute %q: %s required, and %s is of type %s.", attrName(p), t.Name(), a, a.Type)
		return cty.DynamicVal, false
	}
	d.Deps[a] = true
	return cty.StringVal(a.String()), true
}

// instance finds which instance of block is meant without a key: the one on
// this block's own host, or all where this block belongs to no host.
func (d *Decoder) instance(t schema.Type, block addr.Addr, p cty.Path) (cty.Value, bool) {
	choose := func(why string) (cty.Value, bool) {
		d.fail(p, "Missing instance key", "%s %s has %s. Choose one by its key, as in %s[\"KEY\"].", why, block, d.Blocks.Describe(block), block)
		return cty.DynamicVal, false
	}
	instances := d.Blocks.Instances(block)
	own := d.Body.Schema.Attr("host")
	switch {
	case !slices.Contains(t.Refs, block.Type):
		return d.refTo(t, block, p)
	case len(instances) == 0:
		d.fail(p, "Missing instance key", "%s has no instances, since its for_each is empty.", block)
		return cty.DynamicVal, false
	case block.Type == "host":
		return choose("A host must be chosen here.")
	case own == nil || own.Type.Kind != schema.KindRef:
		for _, a := range instances {
			d.Deps[a] = true
		}
		return cty.StringVal(block.String()), true
	case !d.host.IsKnown():
		return cty.UnknownVal(cty.String), true
	case d.host.IsNull():
		return choose("This block names no host, so it does not show which instance is meant.")
	}
	on, known := d.Blocks.OnHost(block, d.host.AsString())
	switch {
	case !known:
		return cty.UnknownVal(cty.String), true
	case len(on) == 0:
		return choose(fmt.Sprintf("%s has no instance on %s, where this block belongs.", block, d.host.AsString()))
	case len(on) == 1:
		return d.refTo(t, on[0], p)
	}
	return choose(fmt.Sprintf("%s has several instances on %s.", block, d.host.AsString()))
}

// sole is the only block of the type that a left out reference may mean.
func (d *Decoder) sole(a *schema.Attr, p cty.Path) (cty.Value, bool) {
	found, known := d.Blocks.Sole(a.Type.Refs)
	switch {
	case !known:
		return cty.UnknownVal(cty.String), true
	case len(found) == 1:
		return d.refTo(a.Type, found[0], p)
	}
	typ := strings.Join(a.Type.Refs, " or ")
	at, _ := d.Body.Find(p)
	if len(found) == 0 {
		d.Diags = append(d.Diags, report.At(at, "Missing required argument", "%q is left out, which means the only %s of the configuration, and there is none. Add one, such as %s \"NAME\" { }.", a.Name, typ, a.Type.Refs[0]))
	} else {
		names := make([]string, len(found))
		for i, f := range found {
			names[i] = f.String()
		}
		d.Diags = append(d.Diags, report.At(at, "Missing required argument", "%q may be left out only where the configuration has exactly one %s, and it has %s. Say which, as in %s = %s.", a.Name, typ, report.List(names), a.Name, names[0]))
	}
	return cty.DynamicVal, false
}
