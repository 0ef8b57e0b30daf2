package moves

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"hostler/hcl/addr"
)

// read makes moves of lines "kind from to"; a dash is no address.
func read(t *testing.T, text string) (all []*Move) {
	t.Helper()
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		m := &Move{Kind: words[0], At: hcl.Range{Filename: "x", Start: hcl.Pos{Line: i + 1, Column: 1}, End: hcl.Pos{Line: i + 1, Column: 2}}}
		for j, into := range []*addr.Addr{&m.From, &m.To} {
			if words[j+1] == "-" {
				continue
			}
			a, err := addr.Parse(words[j+1])
			if err != nil {
				t.Fatal(err)
			}
			*into = a
		}
		all = append(all, m)
	}
	return all
}

func TestCheck(t *testing.T) {
	has := func(a addr.Addr, whole, _ bool) bool {
		return a.String() == "host.here" || a.String() == `host.many["a"]` || whole && a.String() == "host.many"
	}
	for text, want := range map[string]string{
		"moved host.a host.b\nmoved host.b host.c":                                     "",
		"moved host.a host.many[\"a\"]":                                                "",
		"moved host.many host.many[\"a\"]":                                             "",
		"moved host.many[\"b\"] host.many[\"a\"]":                                      "",
		"moved host.many host.other":                                                   "Moved object still exists",
		"moved host.here host.b":                                                       "Moved object still exists",
		"moved host.a host.a":                                                          "Redundant move statement",
		"moved host.a image.a":                                                         "Invalid move",
		"moved host.a host.b\nmoved host.a host.c":                                     "Ambiguous move statements",
		"moved host.a host.c\nmoved host.b host.c":                                     "Ambiguous move statements",
		"removed host.a -\nmoved host.a host.b":                                        "Ambiguous move statements",
		"removed host.gone -":                                                          "",
		"removed host.here -":                                                          "Removed block still exists",
		"removed host.many -":                                                          "Removed block still exists",
		"removed host.many[\"b\"] -":                                                   "",
		"import - host.here":                                                           "",
		"import - host.gone":                                                           "Configuration for import target does not exist",
		"import - host.many":                                                           "Configuration for import target does not exist",
		"moved host.a host.b\nmoved host.b host.a":                                     "Cyclic dependency in move statements",
		"moved host.a host.b\nmoved host.b host.c[\"x\"]\nmoved host.c host.a":         "",
		"moved host.a host.b\nmoved host.b[\"x\"] host.a[\"x\"]":                       "Cyclic dependency in move statements",
		"moved host.many[\"a\"] host.many":                                             "Moved object still exists",
		"moved host.old[\"a\"] host.old":                                               "",
		"moved host.z host.a\nmoved host.a host.b\nmoved host.b host.c":                "",
		"moved host.a[\"x\"] host.b[\"x\"]\nmoved host.b[\"x\"] host.a[\"x\"]":         "Cyclic dependency in move statements",
		"moved host.a[\"x\"] host.a[\"y\"]\nmoved host.a[\"y\"] host.a[\"z\"]":         "",
		"import - host.here\nmoved host.here2 host.here":                               "Ambiguous move statements",
		"moved host.a host.b\nmoved host.b host.a\nmoved host.y host.z":                "Cyclic dependency in move statements",
		"moved host.a host.b\nmoved host.c host.d\nremoved host.x -\nremoved host.y -": "",
	} {
		all := read(t, text)
		n := len(all)
		good, diags := Check(all, has)
		var got string
		if len(diags) > 0 {
			got = diags[0].Summary
		}
		if got != want || len(diags) > 1 {
			t.Errorf("%s: %v, want %q", text, diags, want)
		}
		if len(diags) == 0 && len(good) != n || len(diags) > 0 && len(good) == n {
			t.Errorf("%s: %d of %d are good", text, len(good), n)
		}
	}
}

func TestCircleIsTold(t *testing.T) {
	good, diags := Check(read(t, "moved host.a host.b\nmoved host.y host.z\nmoved host.b host.a"), func(addr.Addr, bool, bool) bool { return false })
	want := "Each of these leads to the next, so no address is the last:\n  - host.a is moved to host.b at x:1,1-2\n  - host.b is moved to host.a at x:3,1-2\nRemove one of these blocks."
	if len(diags) != 1 || diags[0].Detail != want || len(good) != 1 || good[0].From.Name != "y" {
		t.Errorf("%v\n%v", diags, good)
	}
}
