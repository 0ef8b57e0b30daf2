package runtime

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"hostler/hcl/schema"
)

const gib = schema.Size(1 << 30)

func (c *Capacity) lines() string {
	var b strings.Builder
	for _, m := range c.Mixes {
		fmt.Fprintln(&b, m.VMs, m.Memory, m.Guests)
	}
	return b.String()
}

// The three profiles of the old tool's example on a Mac with 16 GiB, of which
// it promised five of the smallest at a time.
func TestMixes(t *testing.T) {
	mac := Capacity{Memory: 16 * gib, Lent: 12 * gib, Guests: 2, Profiles: []Demand{
		{"developer", 8 * gib, true}, {"marketer", 5 * gib, true}, {"coder", 4 * gib, true},
	}}
	linux := mac
	linux.Profiles = []Demand{{"developer", 8 * gib, true}, {"marketer", 5 * gib, true}, {"coder", 2 * gib, false}}
	for name, c := range map[string]struct {
		Capacity
		want string
	}{
		"macOS guests": {mac, "[1 0 1] 12GiB 2\n[0 2 0] 10GiB 2\n[0 1 1] 9GiB 2\n[0 0 2] 8GiB 2\n"},
		"Linux coders": {linux, "[1 0 2] 12GiB 1\n[0 2 1] 12GiB 2\n[0 0 6] 12GiB 0\n[0 1 3] 11GiB 1\n"},
		"nothing fits": {Capacity{Lent: 3 * gib, Guests: 2, Profiles: mac.Profiles}, ""},
	} {
		if c.mix(); c.lines() != c.want {
			t.Errorf("%s: got\n%swant\n%s", name, c.lines(), c.want)
		}
	}
}

// Every mix fits and is maximal, none stands twice, and none is missing.
func TestMixesOfAnything(t *testing.T) {
	for seed := range int64(300) {
		r := rand.New(rand.NewSource(seed))
		c := Capacity{Lent: schema.Size(r.Intn(14)) * gib, Guests: r.Intn(3)}
		for i := range 1 + r.Intn(3) {
			c.Profiles = append(c.Profiles, Demand{fmt.Sprint(i), schema.Size(1+r.Intn(8)) * gib, r.Intn(2) == 0})
		}
		want := map[string]bool{}
		for _, vms := range combinations(len(c.Profiles), 14) {
			m := Mix{VMs: make([]int, len(vms))}
			for i, n := range vms {
				m.add(i, c.Profiles[i], n)
			}
			if m.Memory > 0 && m.Memory <= c.Lent && m.Guests <= c.Guests && c.maximal(m) {
				want[fmt.Sprint(vms)] = true
			}
		}
		c.mix()
		if len(c.Mixes)+c.More != len(want) {
			t.Errorf("seed %d: %d mixes and %d more, want %d", seed, len(c.Mixes), c.More, len(want))
		}
		for _, m := range c.Mixes {
			if !want[fmt.Sprint(m.VMs)] {
				t.Errorf("seed %d: %v is no maximal mix, or stands twice", seed, m.VMs)
			}
			delete(want, fmt.Sprint(m.VMs))
		}
	}
}

func combinations(n, most int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, rest := range combinations(n-1, most) {
		for i := range most + 1 {
			all = append(all, append(append([]int{}, rest...), i))
		}
	}
	return all
}

// A large Mac with many small profiles does not make the plan wait.
func TestMixesAreBounded(t *testing.T) {
	c := Capacity{Lent: 1024 * gib, Guests: 2}
	for i := range 12 {
		c.Profiles = append(c.Profiles, Demand{fmt.Sprint(i), gib, false})
	}
	c.mix()
	if len(c.Mixes) != mixesMost || c.More == 0 {
		t.Errorf("%d mixes and %d more", len(c.Mixes), c.More)
	}
}
