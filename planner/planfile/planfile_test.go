package planfile

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/planner"
	"hostler/providers"
	"hostler/state"
)

type thing struct {
	Text string      `cty:"text"`
	Size schema.Size `cty:"size"`
}

func registry() providers.Registry {
	return providers.NewRegistry(&providers.Provider{Name: "p", Types: []*providers.Type{
		providers.NewType(providers.Def[thing]{Schema: &schema.Block{Type: "thing", Doc: "A thing.", Attrs: []schema.Attr{
			{Name: "text", Doc: "Text.", Type: schema.String},
			{Name: "size", Doc: "Size.", Type: schema.Bytes},
		}}}),
	}})
}

func value(text, size string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"text": cty.StringVal(text), "size": cty.StringVal(size)})
}

func example(types providers.Registry) *planner.Plan {
	null := types["thing"].Null()
	a, b := addr.New("thing", "a"), addr.New("thing", "b").Instance("x y")
	return &planner.Plan{
		Lineage: "l", Serial: 7, Mode: planner.Normal, Targets: []addr.Addr{a},
		Changes: []*planner.Change{
			{Addr: a, Action: planner.Create, Before: null, After: value("1", "8GiB"), ID: "a", ImportID: "", PreventDestroy: true},
			{Addr: b, Action: planner.Replace, Reason: planner.ReasonCannotUpdate, Replacing: []string{"size"}, Before: value("1", "8GiB"), After: value("1", "9GiB"),
				Deps: []addr.Addr{a}, PriorDeps: []addr.Addr{a}, MovedFrom: addr.New("thing", "c"), Tainted: true},
			{Addr: addr.New("thing", "d"), Action: planner.NoOp, Before: null, After: null},
		},
		Drift: []planner.Drift{{Change: planner.Change{Addr: b, Action: planner.Update, Before: value("0", "1B"), After: value("1", "8GiB")}, Relevant: true}},
		Outputs: []planner.OutputChange{
			{Name: "o", Action: planner.Update, Before: cty.NullVal(cty.DynamicPseudoType), After: cty.ListVal([]cty.Value{cty.True})},
			{Name: "s", Action: planner.Create, Sensitive: true, Before: cty.NullVal(cty.DynamicPseudoType), After: cty.StringVal("s3cr3t").Mark(hcl.Sensitive)},
		},
		Recovered: []planner.Recovery{{Addr: a, Op: state.Create, Found: true}},
	}
}

func TestRoundTrip(t *testing.T) {
	types := registry()
	path := filepath.Join(t.TempDir(), "plan")
	if err := Write(path, example(types), types); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(first, []byte("s3cr3t")) {
		t.Error("the plan file holds a secret")
	}
	plan, err := Read(path, types)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Encode(plan, types)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("%v\nfirst:  %s\nsecond: %s", err, first, second)
	}
	if c := plan.Changes[1]; !c.After.RawEquals(value("1", "9GiB")) || c.MovedFrom != addr.New("thing", "c") || c.Deps[0] != addr.New("thing", "a") {
		t.Errorf("%+v", c)
	}
}

func TestRefused(t *testing.T) {
	types := registry()
	good, err := Encode(example(types), types)
	if err != nil {
		t.Fatal(err)
	}
	reseal := func(old, new string) []byte {
		var e envelope
		if err := json.Unmarshal(good, &e); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(e.Plan, []byte(old)) {
			t.Fatalf("no %q in the plan", old)
		}
		e.Plan = bytes.Replace(e.Plan, []byte(old), []byte(new), 1)
		e.Checksum = checksum(e.Plan)
		out, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":        {nil, "no plan that hostler saved"},
		"other JSON":   {[]byte(`{"version":4}`), "no plan that hostler saved"},
		"truncated":    {good[:len(good)/2], "no plan that hostler saved"},
		"edited":       {bytes.Replace(good, []byte("9GiB"), []byte("1GiB"), 1), "changed or damaged"},
		"newer":        {bytes.Replace(good, []byte(`"version":1`), []byte(`"version":2`), 1), "version 2"},
		"unknown type": {reseal(`"thing.a","action"`, `"nothing.a","action"`), "unknown type"},
		"twice":        {reseal(`thing.d`, `thing.a`), "stands twice"},
		"no fit":       {reseal(`"create"`, `"delete"`), "does not fit"},
		"strange":      {reseal(`"create"`, `"explode"`), "does not fit"},
		"no size":      {reseal(`"9GiB"`, `"9 apples"`), "apples"},
		"extra field":  {reseal(`"serial"`, `"surprise":1,"serial"`), "surprise"},
	} {
		if _, err := Decode(c.data, types); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// FuzzDecode feeds the part behind the checksum as well, which is what a
// checksum made anew by a liar would reach.
func FuzzDecode(f *testing.F) {
	types := registry()
	good, err := Encode(example(types), types)
	if err != nil {
		f.Fatal(err)
	}
	var e envelope
	if err := json.Unmarshal(good, &e); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(e.Plan))
	f.Add([]byte(`{"changes":[{"address":"thing.a","action":"create","after":{"size":"x"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if plan, err := Decode(data, types); err == nil {
			if _, err := Encode(plan, types); err != nil {
				t.Fatal(err)
			}
		}
		if plan, err := decodeBody(data, types); err == nil {
			if _, err := Encode(plan, types); err != nil {
				t.Fatal(err)
			}
		}
	})
}
