package workflow

import (
	"strings"
	"testing"
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
	for _, attr := range []string{"directory", "template"} {
		set := attrs{"directory": "/x", "template": "x.tmpl"}
		delete(set, attr)
		if _, err := value(set); err == nil || !strings.Contains(err.Error(), "required") {
			t.Errorf("without %s: %v", attr, err)
		}
	}
}
