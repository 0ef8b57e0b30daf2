package walk

import (
	"container/heap"
	"context"
)

// Verdict is how a step ended.
type Verdict int

const (
	Done   Verdict = iota
	Failed         // what comes after it is skipped
	Fatal          // so is everything else that has not started
)

// How says how a graph is walked.
type How struct {
	Limit int             // steps at a time, at least 1
	Stop  <-chan struct{} // when closed, nothing more is started; may be nil
	// Started is told of each step just before it starts, from the goroutine that
	// called Walk.
	Started func(step int)
	// Do does a step, in a goroutine of its own.
	Do func(ctx context.Context, step int) Verdict
}

// Rest is what a walk left out.
type Rest struct {
	Stopped bool // it was asked to stop before it had finished
	Skipped []Skip
}

// Skip is a step that was not started. Because is the step that failed, or -1
// if the walk was stopped.
type Skip struct{ Step, Because int }

// Walk does the steps and returns when none runs any more. The end of ctx
// stops it as How.Stop does; the running steps are told by ctx itself.
func (g *Graph) Walk(ctx context.Context, how How) Rest {
	w := &walker{
		Graph: g, How: how, over: ctx.Done(),
		status: make([]status, len(g.nodes)), waits: make([]int, len(g.nodes)), next: make([][]int, len(g.nodes)),
		ready: queue{arrived: make([]int, len(g.nodes))}, lanes: map[string]*lane{},
		ended: make(chan end), fatal: none,
	}
	w.begin()
	for {
		for w.running < w.Limit && len(w.ready.steps) > 0 && w.fatal == none && !w.halted() {
			w.start(ctx, heap.Pop(&w.ready).(int))
		}
		if w.running == 0 {
			return Rest{Stopped: w.stopped, Skipped: w.skipped()}
		}
		select {
		case e := <-w.ended:
			w.end(e)
		case <-w.Stop:
			w.halt()
		case <-w.over:
			w.halt()
		}
	}
}

// walker is one call of Walk; only that goroutine touches it.
type walker struct {
	*Graph
	How
	over    <-chan struct{} // the end of the context; like Stop, nil once it was noticed
	status  []status
	waits   []int   // for so many steps
	next    [][]int // what waits for a step
	ready   queue
	lanes   map[string]*lane
	ended   chan end
	running int
	fatal   int
	stopped bool
}

type status int

const (
	waiting status = iota
	started
	done
	failed
)

const none = -1

type end struct {
	step    int
	verdict Verdict
}

// lane has at most one step among the ready and the running; the rest wait
// here.
type lane struct {
	taken bool
	queue []int
}

func (w *walker) begin() {
	var first []int
	for i, n := range w.nodes {
		w.waits[i] = len(n.after)
		for _, j := range n.after {
			w.next[j] = append(w.next[j], i)
		}
		if len(n.after) == 0 {
			first = append(first, i)
		}
	}
	w.arrive(first)
}

// arrive makes steps ready that wait for nothing. A joint is done with that.
func (w *walker) arrive(steps []int) {
	for len(steps) > 0 {
		i := steps[0]
		steps = steps[1:]
		if w.nodes[i].joint {
			steps = append(steps, w.finish(i)...)
			continue
		}
		w.ready.arrived[i] = w.ready.count
		w.ready.count++
		if name := w.nodes[i].lane; name != "" {
			if w.lanes[name] == nil {
				w.lanes[name] = &lane{}
			}
			l := w.lanes[name]
			if l.taken {
				l.queue = append(l.queue, i)
				continue
			}
			l.taken = true
		}
		heap.Push(&w.ready, i)
	}
}

// finish marks a step as done and returns those that waited for it alone.
func (w *walker) finish(i int) (free []int) {
	w.status[i] = done
	for _, f := range w.next[i] {
		if w.waits[f]--; w.waits[f] == 0 {
			free = append(free, f)
		}
	}
	return free
}

func (w *walker) start(ctx context.Context, i int) {
	w.status[i] = started
	w.running++
	w.Started(i)
	go func() { w.ended <- end{i, w.Do(ctx, i)} }()
}

func (w *walker) end(e end) {
	w.running--
	if l := w.lanes[w.nodes[e.step].lane]; l != nil {
		if l.taken = len(l.queue) > 0; l.taken {
			heap.Push(&w.ready, l.queue[0])
			l.queue = l.queue[1:]
		}
	}
	switch {
	case e.verdict == Done:
		w.arrive(w.finish(e.step))
		return
	case e.verdict == Fatal && w.fatal == none:
		w.fatal = e.step
	}
	w.status[e.step] = failed
}

// halted looks whether to stop before a step is started: a select may prefer
// the end of another step for long.
func (w *walker) halted() bool {
	select {
	case <-w.Stop:
		w.halt()
	case <-w.over:
		w.halt()
	default:
	}
	return w.stopped
}

func (w *walker) halt() { w.Stop, w.over, w.stopped = nil, nil, true }

// skipped names what was not started, and why.
func (w *walker) skipped() []Skip {
	const unknown = -2
	because := make([]int, len(w.nodes))
	for i := range because {
		because[i] = unknown
	}
	var why func(i int) int
	why = func(i int) int {
		if because[i] != unknown {
			return because[i]
		}
		because[i] = none
		for _, j := range w.nodes[i].after {
			if w.status[j] == failed {
				because[i] = j
			} else if w.status[j] == waiting {
				because[i] = why(j)
			}
			if because[i] != none {
				break
			}
		}
		return because[i]
	}
	var out []Skip
	for i, n := range w.nodes {
		if w.status[i] != waiting || n.joint {
			continue
		}
		s := Skip{i, why(i)}
		if s.Because == none {
			s.Because = w.fatal
		}
		out = append(out, s)
	}
	return out
}

// queue is the ready steps, the one that arrived first on top. It is a
// heap.Interface.
type queue struct {
	steps   []int
	arrived []int // when each step of the graph became ready
	count   int
}

func (q *queue) Len() int           { return len(q.steps) }
func (q *queue) Less(i, j int) bool { return q.arrived[q.steps[i]] < q.arrived[q.steps[j]] }
func (q *queue) Swap(i, j int)      { q.steps[i], q.steps[j] = q.steps[j], q.steps[i] }
func (q *queue) Push(x any)         { q.steps = append(q.steps, x.(int)) }
func (q *queue) Pop() any {
	last := q.steps[len(q.steps)-1]
	q.steps = q.steps[:len(q.steps)-1]
	return last
}
