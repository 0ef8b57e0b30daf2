// Package moves owns what moved, import and removed blocks say, and when they
// contradict each other or the configuration.
//
// Invariants:
//
//  1. An address leaves in one block at most, and is arrived at in one; and no
//     moves lead round in a circle.
//  2. What a block says is checked against the configuration as it is written,
//     and never against state: the same files are right or wrong everywhere.
//
// Start at Declare, which reads a block, and Check, which looks at all.
package moves

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/addr"
	"hostler/hcl/internal/body"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// Move is a moved or removed block, or an import.
type Move struct {
	Kind     string // moved, import or removed
	From, To addr.Addr
	ID       string // of an import; not known before EvalID, or when wrong
	IDKnown  bool
	At       hcl.Range
}

// Declare reads the addresses of a block; blocks are the types that there are.
func Declare(kind string, b *body.Body, blocks map[string]*schema.Block) (*Move, hcl.Diagnostics) {
	m := &Move{Kind: kind, At: b.Header}
	var diags hcl.Diagnostics
	for name, into := range map[string]*addr.Addr{"from": &m.From, "to": &m.To} {
		attr := b.Attrs[name]
		if attr == nil {
			continue
		}
		a, d := address(attr, blocks)
		if d != nil {
			diags = append(diags, d)
		}
		*into = a
	}
	return m, diags
}

// address reads an address written as a reference.
func address(attr *hcl.Attribute, blocks map[string]*schema.Block) (addr.Addr, *hcl.Diagnostic) {
	wrong := func(format string, args ...any) (addr.Addr, *hcl.Diagnostic) {
		return addr.Addr{}, report.At(attr.Expr.Range(), "Invalid address", format, args...)
	}
	t, diags := hcl.AbsTraversalForExpr(attr.Expr)
	if diags.HasErrors() {
		return wrong("An address of a block is required, written without quotes: TYPE.NAME or TYPE.NAME[\"KEY\"].")
	}
	if s := blocks[t.RootName()]; s == nil {
		return wrong("There is no block type %q.%s", t.RootName(), report.DidYouMean(t.RootName(), report.SortedKeys(blocks)))
	} else if s.Unnamed && len(t) == 1 {
		return addr.New(s.Type, s.Type), nil
	}
	if len(t) < 2 || len(t) > 3 {
		return wrong("An address is TYPE.NAME or TYPE.NAME[\"KEY\"], without attributes.")
	}
	name, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		return wrong("An address is TYPE.NAME or TYPE.NAME[\"KEY\"].")
	}
	a := addr.New(t.RootName(), name.Name)
	if len(t) == 3 {
		index, ok := t[2].(hcl.TraverseIndex)
		if !ok || index.Key.Type() != cty.String {
			return wrong("After the name only a key in brackets and quotes may follow, as in %s[\"KEY\"].", a)
		}
		a = a.Instance(index.Key.AsString())
	}
	return a, nil
}

// EvalID evaluates the id of an import.
func (m *Move) EvalID(attr *hcl.Attribute, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := attr.Expr.Value(ctx)
	diags = report.Discreet(diags, ctx)
	if diags.HasErrors() {
		return v, diags
	}
	secret := marks.ContainsSensitive(v)
	v, _ = v.UnmarkDeep()
	text, err := convert.Convert(v, cty.String)
	if err != nil || secret || text.IsKnown() && (text.IsNull() || text.AsString() == "") {
		return v, append(diags, report.At(attr.Expr.Range(), "Invalid import id", "The id must be text that is not empty and not sensitive: what the existing object is called."))
	}
	if body.IsString(text) {
		m.ID, m.IDKnown = text.AsString(), true
	}
	return v, diags
}

// Exists reports whether the configuration has a; with whole, a block with
// for_each is there even where only its instances are. Not known is taken for
// yes or no, whichever is no error, by the caller's otherwise.
type Exists func(a addr.Addr, whole, otherwise bool) bool

// Check looks whether the addresses make sense. Those that do are good.
func Check(all []*Move, exists Exists) (good []*Move, diags hcl.Diagnostics) {
	left, arrived := map[addr.Addr]hcl.Range{}, map[addr.Addr]hcl.Range{}
	for _, m := range all {
		d := m.check(exists)
		for _, end := range []struct {
			a    addr.Addr
			seen map[addr.Addr]hcl.Range
		}{{m.From, left}, {m.To, arrived}} {
			if first, ok := end.seen[end.a]; ok && !end.a.IsZero() && d == nil {
				d = report.At(m.At, "Ambiguous move statements", "%s stands in the block at %s too. One address can have only one fate: remove one of the two.", end.a, first)
			}
			end.seen[end.a] = m.At
		}
		if d != nil {
			diags = append(diags, d)
		} else {
			good = append(good, m)
		}
	}
	good, circles := refuseCircles(good)
	return good, append(diags, circles...)
}

// refuseCircles takes out moves that lead back to where they begin. A move of
// a whole block to another moves its instances too, which keep their keys.
func refuseCircles(all []*Move) (good []*Move, diags hcl.Diagnostics) {
	leaving := map[addr.Addr]*Move{}
	for _, m := range all {
		if m.Kind == "moved" {
			leaving[m.From] = m
		}
	}
	next := func(a addr.Addr) (*Move, addr.Addr) {
		if m := leaving[a]; m != nil {
			return m, m.To
		}
		if m := leaving[a.Block()]; m != nil && a.HasKey && !m.To.HasKey {
			return m, m.To.Instance(a.Key)
		}
		return nil, addr.Addr{}
	}
	followed, round := map[addr.Addr]bool{}, map[*Move]bool{}
	for _, m := range all {
		var path []*Move
		passed := map[addr.Addr]int{} // number of moves before it
		at := m.From
		for m, to := next(at); m != nil && !followed[at]; m, to = next(at) {
			followed[at], passed[at] = true, len(path)
			path, at = append(path, m), to
		}
		if first, again := passed[at]; again && !round[path[first]] {
			diags = append(diags, circle(path[first:]))
			for _, p := range path[first:] {
				round[p] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(m *Move) bool { return round[m] }), diags
}

func circle(path []*Move) *hcl.Diagnostic {
	var lines []string
	for _, m := range path {
		lines = append(lines, fmt.Sprintf("  - %s is moved to %s at %s", m.From, m.To, m.At))
	}
	return report.At(path[0].At, "Cyclic dependency in move statements", "Each of these leads to the next, so no address is the last:\n%s\nRemove one of these blocks.", strings.Join(lines, "\n"))
}

func (m *Move) check(exists Exists) *hcl.Diagnostic {
	switch m.Kind {
	case "moved":
		switch {
		case m.From == m.To:
			return report.At(m.At, "Redundant move statement", "%s is moved to itself. Remove this block, or correct one of its addresses.", m.From)
		case m.From.Type != m.To.Type:
			return report.At(m.At, "Invalid move", "%s can't become %s: a block keeps its type. Use removed and import instead.", m.From, m.To)
		case exists(m.From, m.From.Block() != m.To.Block(), false):
			return report.At(m.At, "Moved object still exists", "This block says that %s is now called %s, but %s is still in the configuration. Rename that block, or remove this one.", m.From, m.To, m.From)
		}
	case "removed":
		if exists(m.From, true, false) {
			return report.At(m.At, "Removed block still exists", "This block says that %s was removed, but it is still in the configuration. Remove one of the two.", m.From)
		}
	case "import":
		if !exists(m.To, false, true) {
			hint := "Add the block"
			if exists(m.To, true, false) {
				hint = "It has for_each, so name one instance by its key"
			}
			return report.At(m.At, "Configuration for import target does not exist", "The configuration has no %s to import into. %s, or correct the address.", m.To, hint)
		}
	}
	return nil
}
