package runtime

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/providers"
	"hostler/providers/internal/machine"
)

// Capacity is what one Mac lends to the VMs of jobs, and which VMs fit on it
// at the same time.
type Capacity struct {
	Host     string      // address, such as host.mini
	Memory   schema.Size // of the Mac
	Lent     schema.Size // what is left of it for VMs
	Guests   int         // macOS guests at a time; Linux guests don't count
	Profiles []Demand    // largest first
	// Mixes are the maximal ones, to none of which a VM could be added; the
	// fullest first. More counts those that are not listed.
	Mixes []Mix
	More  int
}

// Demand is what one VM of a profile takes.
type Demand struct {
	Name   string
	Memory schema.Size
	// Slot says that it counts as a macOS guest, as it does when the image's
	// system is not known.
	Slot bool
}

// Mix is how many VMs of each of a Capacity's Profiles run together.
type Mix struct {
	VMs    []int
	Memory schema.Size
	Guests int // macOS guests among them
}

// mixesMost bounds the list: small Linux profiles on a large Mac fit in
// thousands of ways. countedMost bounds the search.
const (
	mixesMost   = 12
	countedMost = 100_000
)

// Capacities tells of each host of the configuration what fits on it. The
// memory is read from the Mac.
func Capacities(env providers.Env, config providers.Lookup) ([]Capacity, error) {
	hosts := config.All("host")
	if len(hosts) == 0 || len(config.All("profile")) == 0 {
		return nil, nil
	}
	facts, err := machine.Of(env).Facts()
	if err != nil {
		return nil, fmt.Errorf("the facts of the Mac can't be read: %w", err)
	}
	var all []Capacity
	for _, h := range hosts {
		host, ok := config.Get(h)
		if !ok {
			continue
		}
		c := Capacity{Host: h.String(), Memory: schema.Size(facts.Memory)}
		c.Lent = c.Memory - min(schema.SizeAt(schema.Part(host, "reserve"), "memory"), c.Memory)
		if n := schema.Part(host, "macos_guests"); !n.IsNull() {
			guests, _ := n.AsBigFloat().Int64()
			c.Guests = int(guests)
		}
		for _, p := range config.All("profile") {
			c.demand(p, config)
		}
		slices.SortStableFunc(c.Profiles, func(a, b Demand) int {
			return cmp.Or(cmp.Compare(b.Memory, a.Memory), strings.Compare(a.Name, b.Name))
		})
		c.mix()
		all = append(all, c)
	}
	return all, nil
}

// demand adds a profile, if it has an image on this host.
func (c *Capacity) demand(a addr.Addr, config providers.Lookup) {
	p, ok := config.Get(a)
	if !ok {
		return
	}
	for _, i := range images(config, schema.Text(p, "image")) {
		if schema.Text(i.value, "host") == c.Host {
			d := Demand{Name: providers.InstanceName(a), Memory: schema.SizeAt(p, "memory"), Slot: schema.Text(i.value, "os") != "linux"}
			if d.Memory > 0 {
				c.Profiles = append(c.Profiles, d)
			}
			return
		}
	}
}

// mix finds the maximal mixes. Profiles are taken in order, each as often as
// fits down to not at all, so that no mix is met twice.
func (c *Capacity) mix() {
	now := Mix{VMs: make([]int, len(c.Profiles))}
	counted := 0
	var from func(i int)
	from = func(i int) {
		switch {
		case counted >= countedMost:
			return
		case i == len(c.Profiles):
			if counted++; c.maximal(now) && now.Memory > 0 {
				full := now
				full.VMs = slices.Clone(now.VMs)
				c.Mixes = append(c.Mixes, full)
			}
			return
		}
		d, before := c.Profiles[i], now
		for c.fits(now, d) {
			now.add(i, d, 1)
		}
		for now.VMs[i] > 0 {
			from(i + 1)
			now.add(i, d, -1)
		}
		from(i + 1)
		now.Memory, now.Guests = before.Memory, before.Guests
	}
	from(0)
	slices.SortStableFunc(c.Mixes, func(a, b Mix) int {
		return cmp.Or(cmp.Compare(b.Memory, a.Memory), slices.Compare(b.VMs, a.VMs))
	})
	if len(c.Mixes) > mixesMost {
		c.More = len(c.Mixes) - mixesMost
		c.Mixes = c.Mixes[:mixesMost]
	}
}

func (m *Mix) add(i int, d Demand, n int) {
	m.VMs[i] += n
	m.Memory = schema.Size(int64(m.Memory) + int64(n)*int64(d.Memory))
	if d.Slot {
		m.Guests += n
	}
}

// fits reports whether one more VM has room beside those of the mix.
func (c *Capacity) fits(m Mix, d Demand) bool {
	return m.Memory+d.Memory <= c.Lent && (!d.Slot || m.Guests < c.Guests)
}

func (c *Capacity) maximal(m Mix) bool {
	return !slices.ContainsFunc(c.Profiles, func(d Demand) bool { return c.fits(m, d) })
}
