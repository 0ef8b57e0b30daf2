package workflow

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

func TestSchema(t *testing.T) {
	block().Must()
	for _, c := range []struct{ attr, value, says string }{
		{"path", "x.yml", ""},
		{"path", ".github/workflows/x.yaml", ""},
		{"path", "a..b/x.yml", ""},
		{"path", "", "plain relative path"},
		{"path", ".", ".yml or .yaml"},
		{"path", "..", "plain relative path"},
		{"path", "../x.yml", "plain relative path"},
		{"path", "a/../../x.yml", "plain relative path"},
		{"path", "a/../x.yml", "plain relative path"},
		{"path", "./x.yml", "plain relative path"},
		{"path", "a//x.yml", "plain relative path"},
		{"path", "a/x.yml/", "plain relative path"},
		{"path", "/etc/x.yml", "plain relative path"},
		{"path", "~/x.yml", "plain relative path"},
		{"path", "~other/x.yml", "plain relative path"},
		{"path", "x.json", ".yml or .yaml"},
		{"path", "x.YML", ".yml or .yaml"},
		{"path", "a\nb.yml", "control character"},
		{"path", "a\x00b.yml", "control character"},
		{"template", "x.yml.tmpl", ""},
		{"template", "../common/x.yml.tmpl", ""},
		{"template", "/etc/x.tmpl", ""},
		{"template", "~/x.tmpl", ""},
		{"template", "", ".tmpl"},
		{"template", "x.yml", ".tmpl"},
		{"template", "a\nb.tmpl", "control character"},
		{"directory", ".", ""},
		{"directory", "../app", ""},
		{"directory", "/Users/admin/app", ""},
		{"directory", "~", ""},
		{"directory", "~/app", ""},
		{"directory", "", `"."`},
		{"directory", "~other/app", "~/"},
		{"directory", "a\nb", "control character"},
	} {
		set := attrs{"directory": "/x", "template": "x.tmpl"}
		set[c.attr] = c.value
		_, err := value(set)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s = %q: %v", c.attr, c.value, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s = %q: %v; want an error that says %q", c.attr, c.value, err, c.says)
		}
	}
	if _, err := value(attrs{"directory": "/x"}); err == nil || !strings.Contains(err.Error(), "required") {
		t.Errorf("without template: %v", err)
	}
	null := cty.NullVal(cty.String)
	for _, c := range []struct {
		directory, repositories, branch cty.Value
		says                            string
	}{
		{null, cty.NullVal(cty.List(cty.String)), null, "not said"},
		{cty.StringVal("/x"), words("app"), null, "one of the two"},
		{cty.StringVal("/x"), cty.NullVal(cty.List(cty.String)), cty.StringVal("main"), "for repositories"},
		{null, words("app"), cty.StringVal("main"), ""},
		{cty.StringVal("/x"), cty.NullVal(cty.List(cty.String)), null, ""},
		{cty.UnknownVal(cty.String), words("app"), null, ""},
	} {
		err := block().Check(cty.ObjectVal(map[string]cty.Value{"directory": c.directory, "repositories": c.repositories, "branch": c.branch, "delivery": null}))
		if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%#v: %v; want %q", c, err, c.says)
		}
	}
}
