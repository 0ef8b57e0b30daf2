package schedule

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/planner/internal/operation"
	"hostler/planner/internal/walk"
	"hostler/providers"
)

type thing struct {
	ID string `cty:"id"`
}

func things() *providers.Type {
	return providers.NewType(providers.Def[thing]{
		Schema: &schema.Block{Type: "x", Attrs: []schema.Attr{{Name: "id", Doc: "Its key.", Type: schema.String}}},
		ID:     func(t *thing) string { return t.ID },
		Lane:   func(t *thing) string { return "lane of " + t.ID },
	})
}

var typ = things()

func object(id string) cty.Value { return cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(id)}) }

func addrs(names string) (out []addr.Addr) {
	for _, n := range strings.Fields(names) {
		out = append(out, addr.New("x", n))
	}
	return out
}

// op is an operation on x.NAME, whose natural key is its name.
func op(kind operation.Kind, name, deps, prior string) *operation.Operation {
	o := &operation.Operation{
		Addr: addr.New("x", name), Type: typ, Kind: kind, Deps: addrs(deps), PriorDeps: addrs(prior),
		Before: typ.Null(), After: typ.Null(),
	}
	if kind != operation.Create {
		o.Before = object(name)
	}
	if kind != operation.Delete && kind != operation.Forget {
		o.After = object(name)
	}
	return o
}

// order is the steps of a walk with one step at a time.
func order(operations []*operation.Operation) []string {
	s := Of(operations)
	var out []string
	s.Graph.Walk(context.Background(), walk.How{
		Limit:   1,
		Started: func(i int) { out = append(out, s.name(i)) },
		Do:      func(context.Context, int) walk.Verdict { return walk.Done },
	})
	return out
}

func (s *Schedule) name(i int) string {
	return fmt.Sprint(s.Steps[i].Kind, " ", s.operations[s.Steps[i].Operation].Addr.Name)
}

func TestOrder(t *testing.T) {
	const none, create, update, replace, destroy, forget = operation.None, operation.Create, operation.Update, operation.Replace, operation.Delete, operation.Forget
	renamed := op(create, "new", "", "")
	renamed.After = object("old")
	imported := op(none, "b", "c", "")
	imported.Import = true
	for name, c := range map[string]struct {
		operations []*operation.Operation
		want       string
	}{
		"dependencies first":          {[]*operation.Operation{op(create, "a", "b", ""), op(update, "b", "c", "c"), op(create, "c", "", "")}, "create c, update b, create a"},
		"through what stays":          {[]*operation.Operation{op(create, "a", "b", ""), op(none, "b", "c", "c"), op(create, "c", "", "")}, "create c, create a"},
		"import waits as well":        {[]*operation.Operation{op(create, "a", "b", ""), imported, op(create, "c", "", "")}, "create c, no-op b, create a"},
		"dependents go first":         {[]*operation.Operation{op(destroy, "a", "", ""), op(forget, "b", "", "a"), op(destroy, "c", "", "b")}, "delete c, forget b, delete a"},
		"and before a change":         {[]*operation.Operation{op(update, "a", "", ""), op(destroy, "b", "", "a")}, "delete b, update a"},
		"a replacement of two":        {[]*operation.Operation{op(replace, "a", "", ""), op(replace, "b", "a", "a")}, "delete b, delete a, create a, create b"},
		"a dependent stays":           {[]*operation.Operation{op(replace, "a", "", ""), op(update, "b", "a", "a")}, "delete a, create a, update b"},
		"the place is free":           {[]*operation.Operation{renamed, op(destroy, "old", "", "")}, "delete old, create new"},
		"letting go first":            {[]*operation.Operation{op(destroy, "a", "", ""), op(update, "b", "", "a")}, "update b, delete a"},
		"no letting go":               {[]*operation.Operation{op(replace, "a", "", ""), op(update, "b", "a", "a c"), op(destroy, "c", "", "")}, "delete a, create a, update b, delete c"},
		"letting go is only a wish":   {[]*operation.Operation{op(destroy, "x", "", "z"), op(update, "y", "z", "x"), op(replace, "z", "", "")}, "delete x, delete z, create z, update y"},
		"a circle in state has none":  {[]*operation.Operation{op(destroy, "a", "", "b"), op(destroy, "b", "", "a"), op(destroy, "c", "", "a")}, "delete b, delete c, delete a"},
		"what is named and not there": {[]*operation.Operation{op(create, "a", "gone", ""), op(destroy, "b", "", "gone")}, "delete b, create a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(order(c.operations), ", "); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestLanes(t *testing.T) {
	o := op(operation.Replace, "a", "", "")
	o.After = object("b")
	s := Of([]*operation.Operation{o})
	twice := &walk.Graph{}
	twice.Step("lane of a")
	twice.Step("lane of b")
	twice.Order([]walk.Edge{{First: 0, Then: 1}})
	if fmt.Sprint(s.Graph) != fmt.Sprint(*twice) {
		t.Errorf("%v, want %v", s.Graph, *twice)
	}
}

// history is a random plan: what state recorded and what the files want, each
// without a circle, but in any order relative to each other.
func history(r *rand.Rand, circles bool) []*operation.Operation {
	n := 2 + r.IntN(10)
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("n", i)
	}
	graph := func() [][]string {
		deps, rank := make([][]string, n), r.Perm(n)
		for i := range n {
			for j := range n {
				if (rank[j] < rank[i] || circles && i != j) && r.IntN(3) == 0 {
					deps[i] = append(deps[i], names[j])
				}
			}
		}
		return deps
	}
	prior := graph()
	circles = false
	wanted := graph()
	var out []*operation.Operation
	for i, name := range names {
		kinds := []operation.Kind{operation.None, operation.Create, operation.Update, operation.Replace, operation.Delete, operation.Forget}
		kind := kinds[r.IntN(len(kinds))]
		o := op(kind, name, strings.Join(wanted[i], " "), strings.Join(prior[i], " "))
		switch kind {
		case operation.Create:
			o.PriorDeps = nil
		case operation.Delete, operation.Forget:
			o.Deps = nil
		}
		out = append(out, o)
	}
	return out
}

// reached are all that an operation leads to through deps.
func reached(operations []*operation.Operation, from *operation.Operation, deps func(*operation.Operation) []addr.Addr) map[addr.Addr]bool {
	byAddr := map[addr.Addr]*operation.Operation{}
	for _, o := range operations {
		byAddr[o.Addr] = o
	}
	out := map[addr.Addr]bool{}
	var visit func(o *operation.Operation)
	visit = func(o *operation.Operation) {
		for _, d := range deps(o) {
			if next := byAddr[d]; next != nil && !out[d] {
				out[d] = true
				visit(next)
			}
		}
	}
	visit(from)
	return out
}

// TestRandomHistories: every step runs, and the first two rules hold, also
// through what has nothing to do. With a circle in state the first still does.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		circles := seed%4 == 0
		operations := history(r, circles)
		steps := order(operations)
		at := map[string]int{}
		for i, s := range steps {
			at[s] = i + 1
		}
		want := 0
		makes, destroys := map[addr.Addr]int{}, map[addr.Addr]int{}
		for _, o := range operations {
			name := o.Addr.Name
			for _, k := range []operation.Kind{operation.Create, operation.Update} {
				makes[o.Addr] = max(makes[o.Addr], at[string(k)+" "+name])
			}
			for _, k := range []operation.Kind{operation.Delete, operation.Forget} {
				destroys[o.Addr] = max(destroys[o.Addr], at[string(k)+" "+name])
			}
			switch o.Kind {
			case operation.None:
			case operation.Replace:
				want += 2
			default:
				want++
			}
		}
		if len(steps) != want {
			t.Fatalf("seed %d: %d of %d steps ran: %v", seed, len(steps), want, steps)
		}
		for _, o := range operations {
			if o.Kind == operation.Replace && makes[o.Addr] < destroys[o.Addr] {
				t.Errorf("seed %d: %s made before it was destroyed: %v", seed, o.Addr, steps)
			}
			for d := range reached(operations, o, func(o *operation.Operation) []addr.Addr { return o.Deps }) {
				if makes[o.Addr] > 0 && makes[d] > makes[o.Addr] {
					t.Errorf("seed %d: %s before %s, which it depends on: %v", seed, o.Addr, d, steps)
				}
			}
			if circles {
				continue
			}
			for d := range reached(operations, o, func(o *operation.Operation) []addr.Addr { return o.PriorDeps }) {
				if destroys[o.Addr] > 0 && (destroys[d] > 0 && destroys[d] < destroys[o.Addr] || makes[d] > 0 && makes[d] < destroys[o.Addr]) {
					t.Errorf("seed %d: %s before %s, which depended on it: %v", seed, d, o.Addr, steps)
				}
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

// TestEqualInputsGiveEqualOrders, whatever order the maps have.
func TestEqualInputsGiveEqualOrders(t *testing.T) {
	operations := history(rand.New(rand.NewPCG(5, 1)), true)
	first := order(operations)
	for range 20 {
		if again := order(operations); !slices.Equal(again, first) {
			t.Fatalf("%v, then %v", first, again)
		}
	}
}
