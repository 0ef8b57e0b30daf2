package meta

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/internal/functions"
	"hostler/hcl/internal/marks"
	"hostler/hcl/internal/report"
	"hostler/hcl/schema"
)

func parse(t *testing.T, text string) hcl.Expression {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return expr
}

// Every kind of value is elements, not known yet, or refused with a reason.
func TestForEach(t *testing.T) {
	block := cty.ObjectVal(map[string]cty.Value{"address": cty.StringVal("host.a")}).Mark(marks.Origin(addr.New("host", "a")))
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{
		"map": cty.MapVal(map[string]cty.Value{"a": cty.True, "b": cty.False}), "set": cty.SetVal([]cty.Value{cty.StringVal("a")}),
		"none": cty.SetValEmpty(cty.DynamicPseudoType), "nulls": cty.SetVal([]cty.Value{cty.NullVal(cty.String)}), "null": cty.NullVal(cty.Map(cty.String)),
		"list": cty.ListValEmpty(cty.String), "numbers": cty.SetVal([]cty.Value{cty.Zero}), "text": cty.StringVal("a"), "block": block,
		"any": cty.DynamicVal, "later": cty.UnknownVal(cty.Map(cty.String)), "some": cty.SetVal([]cty.Value{cty.UnknownVal(cty.String)}),
		"secret": cty.MapValEmpty(cty.String).Mark(marks.Sensitive), "blocks": cty.MapVal(map[string]cty.Value{"k": block}).Mark(marks.InstancesOf(addr.New("host", "b"))),
	}}
	for text, want := range map[string]string{
		"map": "a b", "set": "a", "none": "", "{ x = 1, y = null }": "x y", "blocks": "k", "{ a = block }": "a", "{ x = any }": "x",
		"any": "unknown", "later": "unknown", "some": "unknown",
		"null": "is null", "nulls": "contains null", "list": "toset(…)", "[1]": "toset(…)", "numbers": "set of number", "text": "this is a string", "5": "this is a number",
		"block": "one block, not a map", "secret": "can't be sensitive", "map.x": "element with the key",
	} {
		elems, diags := ForEach(parse(t, text), ctx)
		got := strings.Join(report.SortedKeys(elems), " ")
		switch {
		case diags.HasErrors():
			got = diags[0].Detail
			if strings.Contains(got, want) && elems == nil {
				got = want
			}
		case elems == nil:
			got = "unknown"
		}
		if got != want || len(diags) > 1 {
			t.Errorf("%s: %s, %v; want %s", text, got, diags, want)
		}
	}
}

// The short way for toset(…) gives what the set itself gives, which brackets
// round it ask for.
func TestForEachOfToset(t *testing.T) {
	ctx := &hcl.EvalContext{Functions: functions.Table("", marks.Sensitive), Variables: map[string]cty.Value{
		"list": cty.ListVal([]cty.Value{cty.StringVal("b"), cty.StringVal("a"), cty.StringVal("b")}), "set": cty.SetVal([]cty.Value{cty.StringVal("a")}),
		"later": cty.UnknownVal(cty.List(cty.String)), "any": cty.DynamicVal, "none": cty.ListValEmpty(cty.String), "null": cty.NullVal(cty.List(cty.String)),
		"secret": cty.StringVal("a").Mark(marks.Sensitive), "from": cty.ListVal([]cty.Value{cty.StringVal("a")}).Mark(marks.Origin(addr.New("host", "a"))),
		"some": cty.ListVal([]cty.Value{cty.UnknownVal(cty.String), cty.StringVal("a")}), "map": cty.MapVal(map[string]cty.Value{"a": cty.StringVal("x")}),
	}}
	for _, arg := range []string{
		`["b", "a", "b"]`, `[]`, `["a", 1]`, `[1]`, `[true]`, `["a", null]`, `[null]`, `["a", any]`, `["a", secret]`, `[["a"]]`, `"a"`, `nothing`, `["a"], ["b"]`, `[["a"]]...`,
		"list", "set", "later", "any", "none", "null", "[secret]", "from", "some", "map", "list[0]", `[for i in range(3) : "${i}"]`,
	} {
		got, short := ForEach(parse(t, "toset("+arg+")"), ctx)
		want, long := ForEach(parse(t, "(toset("+arg+"))"), ctx)
		if diff := cmp.Diff(want, got, cmp.Comparer(cty.Value.RawEquals)); diff != "" {
			t.Errorf("toset(%s): %s", arg, diff)
		}
		said := func(diags hcl.Diagnostics) (all []string) {
			for _, d := range diags {
				all = append(all, d.Summary+": "+d.Detail)
			}
			return all
		}
		if diff := cmp.Diff(said(long), said(short)); diff != "" {
			t.Errorf("toset(%s): %s", arg, diff)
		}
	}
}

func TestPreventDestroy(t *testing.T) {
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"later": cty.UnknownVal(cty.Bool), "secret": cty.True.Mark(marks.Sensitive), "from": cty.True.Mark(marks.Origin{})}}
	for text, want := range map[string]string{
		"true": "yes", "false": "no", `"true"`: "yes", "null": "no", "later": "no", "from": "yes", "secret": "wrong", "1": "wrong", "nothing": "wrong", "[]": "wrong",
	} {
		got, diags := PreventDestroy(&hcl.Attribute{Expr: parse(t, text)}, ctx)
		if (want == "wrong") != (len(diags) == 1) || got != (want == "yes") {
			t.Errorf("%s: %v, %v; want %s", text, got, diags, want)
		}
	}
	if got, diags := PreventDestroy(nil, ctx); got || diags != nil {
		t.Error("left out", got, diags)
	}
}

func TestNames(t *testing.T) {
	image := &schema.Block{Type: "image", Attrs: []schema.Attr{{Name: "memory"}, {Name: "cpus"}}, Blocks: []schema.Nested{{Block: schema.Block{Type: "step"}}}}
	for text, want := range map[string]string{
		"all": "*", "[memory, step, cpus, memory]": "cpus memory step", "[]": "", "[memroy]": `Did you mean "memory"?`, `["memory"]`: "without quotes", "[all]": "stands alone", "memory": "Write a list",
	} {
		names, diags := IgnoreChanges(&hcl.Attribute{Expr: parse(t, text)}, image)
		got := strings.Join(names, " ")
		if len(diags) > 0 {
			got = diags[0].Detail
		}
		if got != want && (len(diags) != 1 || !strings.Contains(got, want)) {
			t.Errorf("ignore_changes = %s: %s, want %s", text, got, want)
		}
	}
	blocks := map[string]*schema.Block{"image": image, "github": {Type: "github", Unnamed: true}}
	for text, right := range map[string]bool{
		"[image.a, image.b[\"k\"], github]": true, "[]": true, "[imge.a]": true, // which is not there: told where it is looked for
		"[image]": false, "[image.a.memory]": false, "[github.owner]": false, "[var.x]": false, "[each.key]": false, `["image.a"]`: false, "image.a": false, "[upper(image.a)]": false,
	} {
		if _, diags := DependsOn(&hcl.Attribute{Expr: parse(t, text)}, blocks); right != (len(diags) == 0) || len(diags) > 1 {
			t.Errorf("depends_on = %s: %v", text, diags)
		}
	}
}
