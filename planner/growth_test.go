package planner_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner"
	"hostler/providers"
	"hostler/state"
)

// BenchmarkGrowth does each job with 1,000 resources ten times and with 10,000
// once, by turns, and compares what they cost at best. Linear growth is 10;
// caches and the garbage collector add a little, and anything quadratic gives
// 100.
//
//	go test -run - -bench Growth -benchtime 3x ./planner
func BenchmarkGrowth(b *testing.B) {
	const most = 20
	for _, job := range jobs {
		b.Run(job.name, func(b *testing.B) {
			small, large := job.prepare(b, 1000), job.prepare(b, 10000)
			cheapest, dearest := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
			for b.Loop() {
				start := spent(b)
				for range 10 {
					small()
				}
				between := spent(b)
				large()
				cheapest, dearest = min(cheapest, (between-start)/10), min(dearest, spent(b)-between)
			}
			growth := float64(dearest) / float64(cheapest)
			b.ReportMetric(growth, "times")
			b.ReportMetric(float64(dearest.Milliseconds()), "ms/10000")
			b.ReportMetric(0, "ns/op")
			if growth > most {
				b.Errorf("%v for 1,000 and %v for 10,000", cheapest, dearest)
			}
		})
	}
}

// spent is the processors' time that this process has used: what else the
// machine does makes no difference.
func spent(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// slip is an object in memory.
type slip struct {
	Name string `cty:"name"`
	Text string `cty:"text"`
	Kind string `cty:"kind"`
	Near string `cty:"near"`
}

type slips struct {
	mu    sync.Mutex
	stand map[string]slip
}

func (s *slips) set(v *slip) (*slip, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stand[v.Name] = *v
	return v, nil
}

func (s *slips) Create(_ context.Context, want *slip) (*slip, error)    { return s.set(want) }
func (s *slips) Update(_ context.Context, _, want *slip) (*slip, error) { return s.set(want) }
func (s *slips) Read(_ context.Context, have *slip) (*slip, error)      { return have, nil }
func (s *slips) Delete(context.Context, *slip) error                    { return nil }
func (s *slips) Import(_ context.Context, id string) (*slip, error)     { return &slip{Name: id}, nil }

func (s *slips) Resolve(_ context.Context, r *providers.Resolve[slip]) error {
	if r.Have == nil || r.Replacing {
		r.Want.Name = r.Name
	}
	if near, err := addr.Parse(r.Want.Near); err == nil {
		r.Config.Get(near)
	}
	r.Config.All("other")
	return nil
}

// desk is a planner of slips.
func desk() *planner.Planner {
	s := *noteSchema
	s.Type = "slip"
	types := providers.NewRegistry(&providers.Provider{Name: "slips", Types: []*providers.Type{
		providers.NewType(providers.Def[slip]{
			Schema: &s, CRUD: &slips{stand: map[string]slip{}},
			ID:   func(v *slip) string { return v.Name },
			Lane: func(v *slip) string { return "desk" + v.Name[len(v.Name)-1:] },
		}),
	}})
	return &planner.Planner{Types: types, Now: time.Now}
}

// memory is a record that is not written anywhere, so that a benchmark of the
// planner is not one of the disk.
type memory struct{ now *state.Snapshot }

func (m memory) Snapshot() *state.Snapshot {
	s := *m.now
	s.Resources = maps.Clone(s.Resources)
	return &s
}
func (memory) Begin(addr.Addr, state.Intent) error      { return nil }
func (memory) Put(addr.Addr, *state.Resource) error     { return nil }
func (memory) Move(from, to addr.Addr) error            { return nil }
func (memory) SetOutputs(map[string]state.Output) error { return nil }

// file is a configuration being put together.
type file struct{ cfg hcl.Config }

func at(name string, i int) addr.Addr { return addr.New("slip", fmt.Sprintf("%s%05d", name, i)) }

// block adds one that refers to near, unless that is zero.
func (f *file) block(a addr.Addr, text, kind string, near addr.Addr) {
	v := map[string]cty.Value{"name": cty.NullVal(cty.String), "text": cty.StringVal(text), "kind": cty.NullVal(cty.String), "near": cty.NullVal(cty.String)}
	b := &hcl.Block{Addr: a}
	if kind != "" {
		v["kind"] = cty.StringVal(kind)
	}
	if !near.IsZero() {
		v["near"] = cty.StringVal(near.String())
		b.Deps = []addr.Addr{near}
	}
	b.Value = cty.ObjectVal(v)
	f.cfg.Blocks = append(f.cfg.Blocks, b)
}

func (f *file) config() *hcl.Config {
	slices.SortFunc(f.cfg.Blocks, func(a, b *hcl.Block) int { return addr.Compare(a.Addr, b.Addr) })
	return &f.cfg
}

// tree is n blocks, each near the one at half its number.
func tree(name, text, kind string, n int) *file {
	f := &file{}
	for i := range n {
		near := addr.Addr{}
		if i > 0 {
			near = at(name, i/2)
		}
		f.block(at(name, i), text, kind, near)
	}
	return f
}

// recorded is the state after an apply of a configuration.
func recorded(tb testing.TB, p *planner.Planner, cfg *hcl.Config) *state.Snapshot {
	s := &state.Snapshot{Lineage: "l", Serial: 1, Resources: map[addr.Addr]*state.Resource{}}
	for _, b := range cfg.Blocks {
		v := b.Value.AsValueMap()
		v["name"] = cty.StringVal(b.Addr.Name)
		raw, err := p.Types["slip"].Encode(cty.ObjectVal(v))
		if err != nil {
			tb.Fatal(err)
		}
		s.Resources[b.Addr] = &state.Resource{Attributes: raw, Deps: b.Deps}
	}
	return s
}

// job is something to do that grows with n.
type job struct {
	name    string
	prepare func(tb testing.TB, n int) (run func())
}

// planJob plans from one configuration to another, and wants so many actions.
func planJob(name string, change func(n int) (from, to *file, opt planner.Options), want planner.Counts) job {
	return job{"plan/" + name, func(tb testing.TB, n int) func() {
		p := desk()
		from, to, opt := change(n)
		prior, cfg := recorded(tb, p, from.config()), to.config()
		return func() { mustCount(tb, n, planOf(tb, p, cfg, prior, opt), want) }
	}}
}

// applyJob applies such a plan.
func applyJob(name string, change func(n int) (from, to *file, opt planner.Options)) job {
	return job{"apply/" + name, func(tb testing.TB, n int) func() {
		p := desk()
		from, to, opt := change(n)
		prior := recorded(tb, p, from.config())
		plan := planOf(tb, p, to.config(), prior, opt)
		return func() {
			if r, diags := p.Apply(context.Background(), plan, memory{prior}, nil, nil); diags.HasErrors() || len(r.Skipped) > 0 {
				tb.Fatal(r, diags)
			}
		}
	}}
}

func planOf(tb testing.TB, p *planner.Planner, cfg *hcl.Config, prior *state.Snapshot, opt planner.Options) *planner.Plan {
	plan, diags := p.Plan(context.Background(), cfg, prior, opt)
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	return plan
}

// mustCount wants the counts in parts of a thousand of n.
func mustCount(tb testing.TB, n int, plan *planner.Plan, want planner.Counts) {
	got := plan.Counts()
	for _, c := range [][2]int{{got.Import, want.Import}, {got.Add, want.Add}, {got.Change, want.Change}, {got.Remove, want.Remove}, {got.Forget, want.Forget}} {
		if c[0] != c[1]*n/1000 {
			tb.Fatalf("%d resources: %+v", n, got)
		}
	}
}

func creation(n int) (from, to *file, opt planner.Options) {
	return &file{}, tree("a", "1", "", n), opt
}

func nothing(n int) (from, to *file, opt planner.Options) {
	return tree("a", "1", "", n), tree("a", "1", "", n), opt
}

func destruction(n int) (from, to *file, opt planner.Options) {
	return tree("a", "1", "", n), tree("a", "1", "", n), planner.Options{Mode: planner.Destroy}
}

func replacement(n int) (from, to *file, opt planner.Options) {
	return tree("a", "1", "", n), tree("a", "1", "k", n), opt
}

// renaming has a moved block for each.
func renaming(n int) (from, to *file, opt planner.Options) {
	to = tree("z", "1", "", n)
	for i := range n {
		to.cfg.Moved = append(to.cfg.Moved, hcl.Moved{From: at("a", i), To: at("z", i)})
	}
	return tree("a", "1", "", n), to, opt
}

// exchange lets half of the blocks go and adds as many, each with a removed
// block for something else.
func exchange(n int) (from, to *file, opt planner.Options) {
	from, to = tree("a", "1", "", n/2), tree("b", "1", "", n/2)
	for i := range n {
		to.cfg.Removed = append(to.cfg.Removed, hcl.Removed{From: at("c", i)})
	}
	return from, to, opt
}

// targeting names every block as a target, and to be replaced.
func targeting(n int) (from, to *file, opt planner.Options) {
	for i := range n {
		opt.Targets = append(opt.Targets, at("a", i))
	}
	opt.Replace = opt.Targets
	return tree("a", "1", "", n), tree("a", "1", "", n), opt
}

// lettingGo: half of the blocks are a chain, and each lets go of one of the
// other half, which all go, for the chain's next, whose first is replaced.
func lettingGo(n int) (from, to *file, opt planner.Options) {
	from, to = &file{}, &file{}
	for i := range n / 2 {
		from.block(at("x", i), "1", "", addr.Addr{})
		from.block(at("y", i), "1", "", at("x", i))
		if i == 0 {
			to.block(at("y", i), "1", "k", addr.Addr{})
		} else {
			to.block(at("y", i), "1", "", at("y", i-1))
		}
	}
	return from, to, opt
}

func importing(n int) (from, to *file, opt planner.Options) {
	to = tree("a", "1", "", n)
	for i := range n {
		to.cfg.Imports = append(to.cfg.Imports, hcl.Import{To: at("a", i), ID: at("a", i).Name})
	}
	return tree("b", "1", "", n), to, opt
}

var jobs = []job{
	planJob("create", creation, planner.Counts{Add: 1000}),
	planJob("nothing", nothing, planner.Counts{}),
	planJob("destroy", destruction, planner.Counts{Remove: 1000}),
	planJob("replace", replacement, planner.Counts{Add: 1000, Remove: 1000}),
	planJob("moved", renaming, planner.Counts{}),
	planJob("exchange", exchange, planner.Counts{Add: 500, Remove: 500}),
	planJob("targets", targeting, planner.Counts{Add: 1000, Remove: 1000}),
	planJob("import", importing, planner.Counts{Import: 1000, Change: 1000, Remove: 1000}),
	applyJob("create", creation),
	applyJob("nothing", nothing),
	applyJob("destroy", destruction),
	applyJob("replace", replacement),
	applyJob("moved", renaming),
	applyJob("exchange", exchange),
	applyJob("letting go", lettingGo),
	{"move by hand", func(tb testing.TB, n int) func() {
		p := desk()
		prior := recorded(tb, p, tree("a", "1", "", n).config())
		to := map[addr.Addr]addr.Addr{}
		for i := range n {
			to[at("a", i)] = at("z", i)
		}
		return func() {
			if err := p.Move(memory{prior}, to); err != nil {
				tb.Fatal(err)
			}
		}
	}},
	{"verify", func(tb testing.TB, n int) func() {
		p := desk()
		from, to, opt := destruction(n)
		plan := planOf(tb, p, to.config(), recorded(tb, p, from.config()), opt)
		return func() {
			if diags := p.Verify(context.Background(), plan); diags.HasErrors() {
				tb.Fatal(diags)
			}
		}
	}},
}

// TestJobs makes sure that the benchmark does what it says.
func TestJobs(t *testing.T) {
	for _, job := range jobs {
		t.Run(strings.ReplaceAll(job.name, " ", "-"), func(t *testing.T) { job.prepare(t, 40)() })
	}
}
