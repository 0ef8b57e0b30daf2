package walk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Walks are tested in virtual time: a walk that can't go on is a deadlock that
// synctest reports, and between two ticks everything has come to rest.

// world is one random graph, what its steps are to do, and what was seen.
type world struct {
	t       *testing.T
	joint   []bool
	lane    []string
	after   [][]int
	verdict []Verdict
	lasts   []time.Duration
	limit   int

	mu      sync.Mutex
	stopped bool
	running map[int]bool
	ran     map[int]bool // to its end
	runs    map[int]int
	fatal   bool
}

const tick = time.Millisecond

func newWorld(t *testing.T, r *rand.Rand) *world {
	n := 1 + r.IntN(40)
	w := &world{t: t, limit: 1 + r.IntN(6), running: map[int]bool{}, ran: map[int]bool{}, runs: map[int]int{}}
	lanes, density := r.IntN(4), r.Float64()*r.Float64()
	for i := range n {
		w.joint = append(w.joint, r.IntN(5) == 0)
		lane := ""
		if k := r.IntN(lanes + 1); k > 0 {
			lane = fmt.Sprint(k)
		}
		w.lane = append(w.lane, lane)
		var after []int
		for j := range i {
			if r.Float64() < density {
				after = append(after, j)
			}
		}
		w.after = append(w.after, after)
		v := Done
		switch r.IntN(20) {
		case 0, 1:
			v = Failed
		case 2:
			if r.IntN(3) == 0 {
				v = Fatal
			}
		}
		w.verdict = append(w.verdict, v)
		w.lasts = append(w.lasts, time.Duration(r.IntN(4))*tick)
	}
	return w
}

// graph gives the steps numbers in a random order, so that they do not come in
// the order of the graph. names[i] is the world's number of the graph's i.
func (w *world) graph(r *rand.Rand) (g *Graph, names []int) {
	g = &Graph{}
	numbers := make([]int, len(w.after))
	for _, i := range r.Perm(len(w.after)) {
		if w.joint[i] {
			numbers[i] = g.Joint()
		} else {
			numbers[i] = g.Step(w.lane[i])
		}
		names = append(names, i)
	}
	var rule []Edge
	for i, after := range w.after {
		for _, j := range after {
			rule = append(rule, Edge{numbers[j], numbers[i]})
		}
	}
	g.Order(rule)
	return g, names
}

// done reports whether a step is done, or a joint all that it comes after.
func (w *world) done(i int) bool {
	if !w.joint[i] {
		return w.ran[i] && w.verdict[i] == Done
	}
	return !slices.ContainsFunc(w.after[i], func(j int) bool { return !w.done(j) })
}

// startable lists the steps that nothing but the limit holds back.
func (w *world) startable() []int {
	var out []int
	for i := range w.after {
		if w.joint[i] || w.runs[i] > 0 || slices.ContainsFunc(w.after[i], func(j int) bool { return !w.done(j) }) {
			continue
		}
		if w.lane[i] != "" && slices.ContainsFunc(w.runningNow(), func(j int) bool { return w.lane[i] == w.lane[j] }) {
			continue
		}
		out = append(out, i)
	}
	return out
}

func (w *world) runningNow() []int {
	var out []int
	for i, on := range w.running {
		if on {
			out = append(out, i)
		}
	}
	return out
}

func (w *world) started(i int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.startable(), i) {
		w.t.Errorf("step %d started: it ran before, its lane is taken, or it should wait", i)
	}
	if w.runs[i]++; len(w.runningNow()) >= w.limit {
		w.t.Errorf("step %d is one too many", i)
	}
	if w.fatal || w.stopped {
		w.t.Errorf("step %d started after the end", i)
	}
	w.running[i] = true
}

func (w *world) do(i int) Verdict {
	time.Sleep(w.lasts[i])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[i], w.ran[i] = false, true
	return w.verdict[i]
}

// failedBefore is the set of failed steps that i comes after.
func (w *world) failedBefore(i int) map[int]bool {
	out := map[int]bool{}
	seen := map[int]bool{}
	var visit func(i int)
	visit = func(i int) {
		for _, j := range w.after[i] {
			if seen[j] {
				continue
			}
			seen[j] = true
			if w.ran[j] && w.verdict[j] != Done {
				out[j] = true
			}
			visit(j)
		}
	}
	visit(i)
	return out
}

// watch looks in the middle of every tick, when all is at rest, whether the
// walk could do more than it does.
func (w *world) watch(over <-chan struct{}) {
	time.Sleep(tick / 2)
	for {
		select {
		case <-over:
			return
		default:
		}
		w.mu.Lock()
		if !w.stopped && !w.anyFatal() && len(w.runningNow()) < w.limit && len(w.startable()) > 0 {
			w.t.Errorf("%d of %d run, and yet %v wait", len(w.runningNow()), w.limit, w.startable())
		}
		w.mu.Unlock()
		time.Sleep(tick)
	}
}

func (w *world) anyFatal() bool {
	for i := range w.ran {
		if w.ran[i] && w.verdict[i] == Fatal {
			return true
		}
	}
	return false
}

func (w *world) check(rest Rest, names []int) {
	skipped := map[int]int{}
	for _, s := range rest.Skipped {
		because := s.Because
		if because >= 0 {
			because = names[because]
		}
		skipped[names[s.Step]] = because
	}
	if len(skipped) != len(rest.Skipped) {
		w.t.Errorf("skipped twice: %v", rest.Skipped)
	}
	for i := range w.after {
		because, wasSkipped := skipped[i]
		if w.joint[i] {
			if wasSkipped || w.runs[i] > 0 {
				w.t.Errorf("joint %d was treated as a step", i)
			}
			continue
		}
		failed := w.failedBefore(i)
		switch {
		case (w.runs[i] == 1) == wasSkipped:
			w.t.Errorf("step %d ran %d times, skipped: %v", i, w.runs[i], wasSkipped)
		case !wasSkipped && len(failed) > 0:
			w.t.Errorf("step %d ran after %v failed", i, failed)
		case !wasSkipped:
		case len(failed) > 0 && !failed[because]:
			w.t.Errorf("step %d was skipped because of %d, should be one of %v", i, because, failed)
		case len(failed) == 0 && w.anyFatal() && (because < 0 || w.verdict[because] != Fatal):
			w.t.Errorf("step %d was skipped because of %d, should be the fatal one", i, because)
		case len(failed) == 0 && !w.anyFatal() && (because != none || !rest.Stopped):
			w.t.Errorf("step %d was skipped because of %d, stopped: %v", i, because, rest.Stopped)
		}
	}
}

func TestRandomWalks(t *testing.T) {
	const walks = 3000
	for seed := range uint64(walks) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t, r)
			g, names := w.graph(r)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stop, over := make(chan struct{}), make(chan struct{})
			how := How{
				Limit: w.limit, Stop: stop,
				Started: func(i int) { w.started(names[i]) },
				Do:      func(_ context.Context, i int) Verdict { return w.do(names[i]) },
			}
			var around sync.WaitGroup
			around.Go(func() { w.watch(over) })
			if r.IntN(3) == 0 {
				// Between two ticks, when nothing else happens.
				at, cancels := time.Duration(r.IntN(10))*tick+tick/4, r.IntN(2) == 0
				around.Go(func() {
					time.Sleep(at)
					w.mu.Lock()
					defer w.mu.Unlock()
					w.stopped = true
					if cancels {
						cancel()
					} else {
						close(stop)
					}
				})
			}
			rest := g.Walk(ctx, how)
			close(over)
			around.Wait()
			w.check(rest, names)
			if t.Failed() {
				t.Fatalf("seed %d: %+v", seed, w)
			}
		})
	}
}

// TestOrder: exactly the edges on a circle are left out, and those of an
// earlier rule stay.
func TestOrder(t *testing.T) {
	const graphs = 2000
	for seed := range uint64(graphs) {
		r := rand.New(rand.NewPCG(seed, 8))
		n := 1 + r.IntN(12)
		g := &Graph{}
		for range n {
			g.Step("")
		}
		have := map[Edge]bool{}
		for range 3 {
			var rule []Edge
			for range r.IntN(2 * n) {
				rule = append(rule, Edge{r.IntN(n), r.IntN(n)})
			}
			all := map[Edge]bool{}
			for e := range have {
				all[e] = true
			}
			for _, e := range rule {
				all[e] = true
			}
			for _, e := range rule {
				if !leads(all, n, e.Then, e.First) {
					have[e] = true
				}
			}
			g.Order(rule)
			got := map[Edge]bool{}
			for i := range g.nodes {
				for _, j := range g.nodes[i].after {
					got[Edge{j, i}] = true
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(have) {
				t.Fatalf("seed %d, rule %v:\ngot  %v\nwant %v", seed, rule, got, have)
			}
		}
	}
}

// leads reports whether to comes after from, or is from.
func leads(edges map[Edge]bool, n, from, to int) bool {
	reached := map[int]bool{from: true}
	for range n {
		for e := range edges {
			if reached[e.First] {
				reached[e.Then] = true
			}
		}
	}
	return reached[to]
}

// TestFirstComeFirstServed: of the steps that are ready, the one that has been
// so the longest starts, also when it had to wait for its lane.
func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Graph{}
		lanes := []string{"a", "a", "", "", "a", ""}
		for _, lane := range lanes {
			g.Step(lane)
		}
		var order []string
		g.Walk(t.Context(), How{
			Limit:   2,
			Started: func(i int) { order = append(order, fmt.Sprint(i)) },
			Do:      func(context.Context, int) Verdict { time.Sleep(tick); return Done },
		})
		// 1 and 4 wait for the lane, and go first as soon as it is free.
		if got := strings.Join(order[:2], " ") + " " + strings.Join(sorted(order[2:4]), " ") + " " + strings.Join(sorted(order[4:]), " "); got != "0 2 1 3 4 5" {
			t.Errorf("order %v", order)
		}
	})
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// The time for a walk grows with steps and edges, whatever their shape.
func BenchmarkWalk(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{1000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				for b.Loop() {
					shape.walk(n)
				}
			})
		}
	}
}

type shape struct {
	name    string
	lane    string
	verdict Verdict // of the first step
	edges   func(n int) []Edge
}

func (s shape) walk(n int) Rest {
	g := &Graph{}
	for range n {
		g.Step(s.lane)
	}
	g.Order(s.edges(n))
	return g.Walk(context.Background(), How{Limit: 10, Started: func(int) {}, Do: func(_ context.Context, i int) Verdict {
		if i == 0 {
			return s.verdict
		}
		return Done
	}})
}

var shapes = []shape{
	{name: "free", edges: func(int) []Edge { return nil }},
	{name: "lane", lane: "one", edges: func(int) []Edge { return nil }},
	{name: "chain", edges: func(n int) []Edge {
		var rule []Edge
		for i := 1; i < n; i++ {
			rule = append(rule, Edge{i - 1, i})
		}
		return rule
	}},
	{name: "layers", edges: layers},
	{name: "failed", verdict: Failed, edges: layers},
	{name: "circle", edges: func(n int) []Edge {
		var rule []Edge
		for i := range n {
			rule = append(rule, Edge{i, (i + 1) % n})
		}
		return rule
	}},
}

// layers of ten steps, each after all of the layer before, so that the number
// of paths through them is beyond counting.
func layers(n int) []Edge {
	var rule []Edge
	for i := 10; i < n; i++ {
		for j := range 10 {
			rule = append(rule, Edge{i/10*10 - 10 + j, i})
		}
	}
	return rule
}

func TestShapesEnd(t *testing.T) {
	for _, s := range shapes {
		rest := s.walk(500)
		if want := map[bool]int{true: 490}[s.verdict == Failed]; len(rest.Skipped) != want {
			t.Errorf("%s: %d skipped, want %d", s.name, len(rest.Skipped), want)
		}
	}
}
