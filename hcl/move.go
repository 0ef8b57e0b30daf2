package hcl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"hostler/hcl/addr"
	"hostler/hcl/internal/body"
	"hostler/hcl/internal/folder"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

// move is a moved or removed block, or an import.
type move struct {
	kind     string
	from, to addr.Addr
	id       string
	idKnown  bool
	at       Range
}

func (l *loader) declareMove(f *folder.File, b *hcl.Block, s *schema.Block) {
	before := len(l.diags)
	content := l.split(b, s)
	m := &move{kind: b.Type, at: content.Header}
	for name, into := range map[string]*addr.Addr{"from": &m.from, "to": &m.to} {
		attr := content.Attrs[name]
		if attr == nil {
			continue
		}
		a, d := l.address(attr)
		if d != nil {
			l.err(d)
		}
		*into = a
	}
	if len(l.diags) > before {
		return
	}
	l.moves = append(l.moves, m)
	if id := content.Attrs["id"]; id != nil {
		n := &node{name: fmt.Sprintf("import.%s", m.to), at: m.at, folder: f.Folder, value: cty.DynamicVal, uses: id.Expr.Variables()}
		n.eval = func(ctx *hcl.EvalContext) (cty.Value, Diagnostics) { return m.evalID(id, ctx) }
		l.order = append(l.order, n)
	}
}

func (m *move) evalID(attr *hcl.Attribute, ctx *hcl.EvalContext) (cty.Value, Diagnostics) {
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
		m.id, m.idKnown = text.AsString(), true
	}
	return v, diags
}

// exists reports whether the configuration has a. Not known is taken for
// yes or no, whichever is no error, by the caller's otherwise.
func (l *loader) exists(a addr.Addr, whole, otherwise bool) bool {
	n := l.nodes[a.Block().String()]
	switch {
	case n == nil:
		return l.files.Lost && otherwise
	case n.managed.forEach == nil:
		return !a.HasKey
	case whole && !a.HasKey:
		return true
	case n.managed.keys == nil:
		return otherwise
	}
	return a.HasKey && n.managed.keys[a.Key] != nil
}

// checkMoves looks whether the addresses make sense, and puts what does into
// the Config.
func (l *loader) checkMoves() {
	left, arrived := map[addr.Addr]Range{}, map[addr.Addr]Range{}
	for _, m := range l.moves {
		d := l.checkMove(m)
		for _, end := range []struct {
			a    addr.Addr
			seen map[addr.Addr]Range
		}{{m.from, left}, {m.to, arrived}} {
			if first, ok := end.seen[end.a]; ok && !end.a.IsZero() && d == nil {
				d = report.At(m.at, "Ambiguous move statements", "%s stands in the block at %s too. One address can have only one fate: remove one of the two.", end.a, first)
			}
			end.seen[end.a] = m.at
		}
		if d != nil {
			l.err(d)
			continue
		}
		switch m.kind {
		case "moved":
			l.config.Moved = append(l.config.Moved, Moved{From: m.from, To: m.to, Range: m.at})
		case "removed":
			l.config.Removed = append(l.config.Removed, Removed{From: m.from, Range: m.at})
		case "import":
			if m.idKnown {
				l.config.Imports = append(l.config.Imports, Import{To: m.to, ID: m.id, Range: m.at})
			}
		}
	}
}

func (l *loader) checkMove(m *move) *Diagnostic {
	switch m.kind {
	case "moved":
		switch {
		case m.from == m.to:
			return report.At(m.at, "Redundant move statement", "%s is moved to itself. Remove this block, or correct one of its addresses.", m.from)
		case m.from.Type != m.to.Type:
			return report.At(m.at, "Invalid move", "%s can't become %s: a block keeps its type. Use removed and import instead.", m.from, m.to)
		case l.exists(m.from, m.from.Block() != m.to.Block(), false):
			return report.At(m.at, "Moved object still exists", "This block says that %s is now called %s, but %s is still in the configuration. Rename that block, or remove this one.", m.from, m.to, m.from)
		}
	case "removed":
		if l.exists(m.from, true, false) {
			return report.At(m.at, "Removed block still exists", "This block says that %s was removed, but it is still in the configuration. Remove one of the two.", m.from)
		}
	case "import":
		if !l.exists(m.to, false, true) {
			hint := "Add the block"
			if l.exists(m.to, true, false) {
				hint = "It has for_each, so name one instance by its key"
			}
			return report.At(m.at, "Configuration for import target does not exist", "The configuration has no %s to import into. %s, or correct the address.", m.to, hint)
		}
	}
	return nil
}

// finish fills the Config from what was evaluated.
func (l *loader) finish() {
	c := l.config
	for _, n := range l.order {
		if n.managed == nil || n.broken {
			continue
		}
		for _, b := range n.managed.blocks {
			if b.Value.IsWhollyKnown() {
				c.Blocks = append(c.Blocks, b)
			}
		}
	}
	l.checkMoves()
	slices.SortFunc(c.Blocks, func(a, b *Block) int { return addr.Compare(a.Addr, b.Addr) })
	slices.SortFunc(c.Outputs, func(a, b *Output) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Moved, func(a, b Moved) int { return addr.Compare(a.From, b.From) })
	slices.SortFunc(c.Imports, func(a, b Import) int { return addr.Compare(a.To, b.To) })
	slices.SortFunc(c.Removed, func(a, b Removed) int { return addr.Compare(a.From, b.From) })
}
