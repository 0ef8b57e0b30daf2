package operation

import (
	"encoding/json"
	"testing"

	"hostler/hcl/addr"
	"hostler/state"
)

func TestSame(t *testing.T) {
	deps := []addr.Addr{addr.New("x", "a")}
	record := func(attributes string, change func(*state.Resource)) *state.Resource {
		r := &state.Resource{SchemaVersion: 1, Attributes: json.RawMessage(attributes), Deps: deps}
		if change != nil {
			change(r)
		}
		return r
	}
	const attributes = `{"a":"<","b":[1,{"c":null}],"n":9007199254740993}`
	for name, c := range map[string]struct {
		other *state.Resource
		want  bool
	}{
		"itself":       {record(attributes, nil), true},
		"indented":     {record("{\n \"b\": [1, {\"c\": null}],\n \"n\": 9007199254740993, \"a\": \"\\u003c\"\n}", nil), true},
		"one digit":    {record(`{"a":"<","b":[1,{"c":null}],"n":9007199254740992}`, nil), false},
		"one element":  {record(`{"a":"<","b":[1],"n":9007199254740993}`, nil), false},
		"no JSON":      {record(`{`, nil), false},
		"tainted":      {record(attributes, func(r *state.Resource) { r.Tainted = true }), false},
		"protected":    {record(attributes, func(r *state.Resource) { r.PreventDestroy = true }), false},
		"version":      {record(attributes, func(r *state.Resource) { r.SchemaVersion = 2 }), false},
		"dependencies": {record(attributes, func(r *state.Resource) { r.Deps = nil }), false},
		"none":         {nil, false},
	} {
		one := record(attributes, nil)
		if Same(one, c.other) != c.want || Same(c.other, one) != c.want {
			t.Errorf("%s: same is not %v", name, c.want)
		}
	}
	if Same(nil, nil) {
		t.Error("two absent records are no record")
	}
}
