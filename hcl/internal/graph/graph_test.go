package graph

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// nodes makes a node of every line "name = expression"; references are x.y.
func nodes(t *testing.T, text string) ([]*Node, map[string]*Node, map[string]*hcl.File) {
	t.Helper()
	var order []*Node
	byName := map[string]*Node{}
	exprs := map[*Node]hclsyntax.Expression{}
	at := 0
	for i, line := range strings.Split(text, "\n") {
		name, expr, _ := strings.Cut(line, " = ")
		pos := hcl.Pos{Line: i + 1, Column: len(name) + 4, Byte: at + len(name) + 3}
		parsed, diags := hclsyntax.ParseExpression([]byte(expr), "x", pos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		n := &Node{Name: name, Uses: parsed.Variables(), Value: cty.DynamicVal}
		n.Eval = func(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) { return parsed.Value(ctx) }
		order, byName[name], exprs[n] = append(order, n), n, parsed
		at += len(line) + 1
	}
	for _, n := range order {
		for _, use := range n.Uses {
			r := Ref{Root: use.RootName(), At: use.SourceRange(), Bare: len(use) == 1}
			full := r.Root
			if !r.Bare {
				r.Name = use[1].(hcl.TraverseAttr).Name
				full += "." + r.Name
			}
			r.To = byName[full]
			n.Refs = append(n.Refs, r)
		}
	}
	return order, byName, map[string]*hcl.File{"x": {Bytes: []byte(text)}}
}

func TestOrder(t *testing.T) {
	order, byName, files := nodes(t, "a.z = a.y + 1\na.y = a.x + b\nb = 10\na.x = 5\na.w = [a.z, a.none]")
	if diags := Evaluate(order, files); len(diags) > 0 {
		t.Fatal(diags)
	}
	if v := byName["a.z"].Value; !v.RawEquals(cty.NumberIntVal(16)) {
		t.Errorf("a.z is %#v", v)
	}
	// What a reference to nothing means is unknown, and no mistake of its own.
	if v := byName["a.w"].Value; v.IsWhollyKnown() || !v.Index(cty.Zero).RawEquals(cty.NumberIntVal(16)) {
		t.Errorf("a.w is %#v", v)
	}
}

func TestCircle(t *testing.T) {
	order, byName, files := nodes(t, "a.x = a.y.z\na.y = a.x + a.x\na.z = a.y.nothing\na.self = a.self\na.w = 1 + upper")
	diags := Evaluate(order, files)
	if len(diags) != 2 {
		t.Fatal(diags)
	}
	want := `Each of these needs the value of the next, so none can be worked out:
  - a.x refers to a.y at x:1,7: a.y.z
  - a.y refers to a.x at x:2,7: a.x
  - a.y refers to a.x at x:2,13: a.x
Remove one of these references.`
	if diags[0].Summary != "Cycle: a.x, a.y" || diags[0].Detail != want || diags[1].Summary != "Cycle: a.self" {
		t.Errorf("%s\n%s\n%s", diags[0].Summary, diags[0].Detail, diags[1].Summary)
	}
	for name, broken := range map[string]bool{"a.x": true, "a.y": true, "a.self": true, "a.z": false} {
		if n := byName[name]; n.Value != cty.DynamicVal || n.Broken != broken {
			t.Errorf("%s is %#v, broken %v", name, n.Value, n.Broken)
		}
	}
}

// A group is a link of a circle and not one of its names; a reference that
// nobody wrote has no value.
func TestGroup(t *testing.T) {
	order, byName, files := nodes(t, "a.x = 1\na.y = a.x")
	group := &Node{Name: "all", Group: true, Refs: []Ref{{To: byName["a.y"]}}}
	byName["a.x"].Refs = []Ref{{To: group}}
	diags := Evaluate(order, files)
	if len(diags) != 1 || diags[0].Summary != "Cycle: a.x, a.y" || !strings.Contains(diags[0].Detail, "a.x refers to all") {
		t.Error(diags)
	}
}

// The rules of a variable may refer to it; a block that is broken keeps what
// is right.
func TestExceptions(t *testing.T) {
	order, byName, files := nodes(t, "var.x = var.x\na.block = 5\na.user = a.block")
	byName["var.x"].Eval = func(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
		return ctx.Variables["var"].GetAttr("x"), nil
	}
	byName["var.x"].Value = cty.StringVal("given")
	byName["a.block"].Block, byName["a.block"].Broken = true, true
	if diags := Evaluate(order, files); len(diags) > 0 {
		t.Fatal(diags)
	}
	if v := byName["var.x"].Value; !v.RawEquals(cty.StringVal("given")) {
		t.Errorf("var.x is %#v", v)
	}
	if v := byName["a.user"].Value; !v.RawEquals(cty.NumberIntVal(5)) {
		t.Errorf("a.user is %#v", v)
	}
}
