package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const gib = 1 << 30

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func mac() Mac { return Mac{Capacity: Vector{Memory: 12 * gib, Guests: 2, Disk: 100 * gib}} }

// ticket wants memory in GiB for a macOS guest, for so many minutes.
func ticket(id string, memory uint64, minutes int) Ticket {
	return Ticket{ID: id, Profile: "p", Needs: Vector{Memory: memory * gib, Guests: 1}, Enqueued: noon, Lasts: time.Duration(minutes) * time.Minute}
}

func lease(name string, memory uint64, ends int) Holding {
	return Holding{Name: "lease " + name, Takes: Vector{Memory: memory * gib, Guests: 1}, Ends: at(ends)}
}

func TestAdmit(t *testing.T) {
	linux := ticket("l", 2, 60)
	linux.Needs.Guests = 0
	urgent := ticket("u", 4, 60)
	urgent.Priority = 1
	old := ticket("o", 4, 60)
	old.Enqueued = at(-11)
	stopped := ticket("s", 4, 60)
	stopped.Stopped = "GitHub gives version 2.300.0 no jobs"
	draining, contended := mac(), mac()
	draining.Draining, contended.Contended = true, at(1)
	foreign := Holding{Name: "VM ubuntu of another tool", Takes: Vector{Memory: 6 * gib}}
	for name, c := range map[string]struct {
		mac      Mac
		holdings []Holding
		tickets  []Ticket
		grants   string
		waits    []string // "ID: reason"
		refused  string
	}{
		"two fit": {mac(), nil, []Ticket{ticket("a", 8, 60), ticket("b", 4, 60)}, "a b", nil, ""},
		"two macOS guests at most": {mac(), nil, []Ticket{ticket("a", 4, 60), ticket("b", 4, 60), ticket("c", 4, 60)}, "a b",
			[]string{"c: needs a slot for a macOS guest, none free; a ends within 60 min"}, ""},
		"a Linux guest takes no slot": {mac(), []Holding{lease("x", 4, 9), lease("y", 4, 9)}, []Ticket{linux}, "l", nil, ""},
		"memory": {mac(), []Holding{lease("k3f", 9, 12)}, []Ticket{ticket("a", 8, 60)}, "",
			[]string{"a: needs 8 GiB of memory, 3 GiB free; lease k3f ends within 12 min"}, ""},
		"never":            {mac(), nil, []Ticket{ticket("a", 13, 60), ticket("b", 4, 60)}, "b", nil, "a: it can never start: it needs 13 GiB of memory, 12 GiB free at all"},
		"stopped":          {mac(), nil, []Ticket{stopped}, "", nil, "s: profile p is stopped: GitHub gives version 2.300.0 no jobs"},
		"priority":         {mac(), []Holding{lease("x", 8, 9)}, []Ticket{ticket("a", 4, 60), urgent}, "u", []string{"a: needs 4 GiB of memory, 0 GiB free; lease x ends within 9 min"}, ""},
		"waiting outranks": {mac(), []Holding{lease("x", 8, 9)}, []Ticket{urgent, old}, "o", []string{"u: needs 4 GiB of memory, 0 GiB free; lease x ends within 9 min"}, ""},
		"draining":         {draining, nil, []Ticket{ticket("a", 4, 60)}, "", []string{"a: this Mac is draining: it gives out nothing until it is resumed"}, ""},
		"contended": {contended, nil, []Ticket{ticket("a", 4, 60), linux}, "l",
			[]string{"a: macOS refuses another macOS guest: something else runs one; it is tried again within 1 min"}, ""},
		"a short job passes": {mac(), []Holding{lease("x", 8, 30)}, []Ticket{ticket("a", 8, 60), ticket("b", 4, 30)}, "b",
			[]string{"a: needs 8 GiB of memory, 4 GiB free; lease x ends within 30 min"}, ""},
		"a long one does not, if that delays the head": {mac(), []Holding{lease("x", 8, 30)}, []Ticket{ticket("a", 12, 60), ticket("b", 4, 31)}, "",
			[]string{"a: needs 12 GiB of memory, 4 GiB free; lease x ends within 30 min", "b: there is room, but it would delay a, which came before it"}, ""},
		"a long one passes where both fit then": {mac(), []Holding{lease("x", 8, 30)}, []Ticket{ticket("a", 8, 60), ticket("b", 4, 90)}, "b",
			[]string{"a: needs 8 GiB of memory, 4 GiB free; lease x ends within 30 min"}, ""},
		"nobody waits for what may never end": {mac(), []Holding{foreign}, []Ticket{ticket("a", 8, 60), ticket("b", 4, 90)}, "b",
			[]string{"a: needs 8 GiB of memory, 6 GiB free"}, ""},
	} {
		d := Admit(noon, c.mac, c.holdings, c.tickets)
		var waits, refused []string
		for i, w := range d.Waits {
			waits = append(waits, w.Ticket+": "+w.Reason)
			if w.Position != i+1 {
				t.Errorf("%s: %s has position %d", name, w.Ticket, w.Position)
			}
		}
		for _, r := range d.Refused {
			refused = append(refused, r.Ticket+": "+r.Reason)
		}
		if got := strings.Join(d.Grants, " "); got != c.grants || !slices.Equal(waits, c.waits) || strings.Join(refused, "\n") != c.refused {
			t.Errorf("%s:\ngranted %q, want %q\nwaits %q\nwant  %q\nrefused %q, want %q", name, got, c.grants, waits, c.waits, refused, c.refused)
		}
	}
}

// world is a Mac in simulated time.
type world struct {
	t       *testing.T
	r       *rand.Rand
	mac     Mac
	now     time.Time
	waiting []Ticket
	lent    []Holding
	ends    map[string]time.Time // when a lease really ends, at its deadline at the latest
	granted map[string]time.Time
	bound   map[string]time.Time // by when a head starts for sure, as it was first told
	number  int
	ranked  bool // tickets differ in priority
}

// step lets some time pass, and admits.
func (w *world) step() {
	w.now = w.now.Add(time.Duration(w.r.IntN(120)) * time.Second)
	w.lent = slices.DeleteFunc(w.lent, func(h Holding) bool { return !w.ends[h.Name].After(w.now) })
	before := slices.Clone(w.lent)
	d := Admit(w.now, w.mac, w.lent, w.waiting)
	if again := Admit(w.now, w.mac, before, w.waiting); fmt.Sprint(again) != fmt.Sprint(d) {
		w.t.Fatal("equal input, another decision")
	}
	byID := map[string]Ticket{}
	for _, t := range w.waiting {
		byID[t.ID] = t
	}
	for _, id := range d.Grants {
		t := byID[id]
		deadline := w.now.Add(t.Lasts)
		w.lent = append(w.lent, Holding{Name: id, Takes: t.Needs, Ends: deadline})
		w.ends[id] = w.now.Add(time.Duration(w.r.Int64N(int64(t.Lasts)) + 1))
		w.granted[id] = w.now
		if b, ok := w.bound[id]; ok && w.now.After(b.Add(2*time.Minute)) { // a step later than promised
			w.t.Fatalf("%s was promised a start by %v and got it at %v", id, b, w.now)
		}
	}
	used := usage(w.lent)
	if used.Memory > w.mac.Capacity.Memory || used.Guests > w.mac.Capacity.Guests || used.Disk > w.mac.Capacity.Disk {
		w.t.Fatalf("%+v of %+v is lent", used, w.mac.Capacity)
	}
	if len(d.Waits)+len(d.Grants)+len(d.Refused) != len(w.waiting) {
		w.t.Fatalf("%d tickets, %+v", len(w.waiting), d)
	}
	for i, wait := range d.Waits {
		t := byID[wait.Ticket]
		lacks := lacking(t.Needs, minus(w.mac.Capacity, used))
		if !strings.Contains(wait.Reason, "would delay") && lacks == "" {
			w.t.Fatalf("%s fits, and yet %s", wait.Ticket, wait.Reason)
		}
		// The first that waits is promised a time, unless others of a higher
		// priority may come.
		if i == 0 && !wait.Starts.IsZero() && !w.ranked {
			if _, told := w.bound[wait.Ticket]; !told {
				w.bound[wait.Ticket] = wait.Starts
			}
		}
	}
	refused := map[string]bool{}
	for _, r := range d.Refused {
		refused[r.Ticket] = true
	}
	w.waiting = slices.DeleteFunc(w.waiting, func(t Ticket) bool { return refused[t.ID] || !w.granted[t.ID].IsZero() })
}

// The budget is never exceeded, whoever waits knows why, a head starts when it
// was promised at the latest whoever passed it, and everybody starts.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := &world{
			t: t, r: r, now: noon, ends: map[string]time.Time{}, granted: map[string]time.Time{}, bound: map[string]time.Time{},
			mac: Mac{Capacity: Vector{Memory: uint64(4+r.IntN(28)) * gib, Guests: 2, Disk: 200 * gib}},
		}
		w.ranked = seed%2 == 0
		var all []Ticket
		for range 200 {
			if w.number < 60 && r.IntN(2) == 0 {
				w.number++
				tk := Ticket{
					ID: fmt.Sprintf("t%d", w.number), Profile: "p", Enqueued: w.now, Lasts: time.Duration(1+r.IntN(90)) * time.Minute,
					Needs: Vector{Memory: uint64(1+r.IntN(12)) * gib, Guests: r.IntN(2), Disk: uint64(r.IntN(60)) * gib},
				}
				if w.ranked {
					tk.Priority = r.IntN(3)
				}
				w.waiting = append(w.waiting, tk)
				if tk.Needs.Memory <= w.mac.Capacity.Memory {
					all = append(all, tk)
				}
			}
			w.step()
		}
		for range 20000 {
			if len(w.waiting) == 0 {
				break
			}
			w.step()
		}
		for _, tk := range all {
			if w.granted[tk.ID].IsZero() {
				t.Fatalf("seed %d: %s never started", seed, tk.ID)
			}
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	var tickets []Ticket
	for i := range 1000 {
		tickets = append(tickets, ticket(fmt.Sprintf("t%d", i), uint64(1+i%12), 60))
	}
	holdings := []Holding{lease("x", 4, 30), lease("y", 4, 40)}
	for b.Loop() {
		if d := Admit(noon, mac(), holdings, tickets); len(d.Waits) != 1000 {
			b.Fatal(len(d.Waits))
		}
	}
}
