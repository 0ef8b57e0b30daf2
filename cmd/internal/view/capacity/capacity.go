// Package capacity draws which jobs each Mac can run at the same time, and what
// builds need of its disk: tables for people, JSON for programs, both with the
// same sentences at their head.
package capacity

import (
	"fmt"
	"strings"

	"hostler/cmd/internal/view/term"
	"hostler/providers/runtime"
)

// Sentence says what the Mac lends.
func Sentence(c runtime.Capacity) string {
	guests := "no macOS guests"
	if c.Guests > 0 {
		guests = term.Count(c.Guests, "macOS guest") + " at a time"
	}
	return fmt.Sprintf("%s of %s lent to VMs, %s", c.Lent, c.Memory, guests)
}

// Table is one Mac's capacity: a column for each profile and one for the
// memory, a line for each mix.
func Table(c runtime.Capacity, paint term.Paint) string {
	var b strings.Builder
	b.WriteString(paint.With(term.Bold, "Capacity of "+term.Clean(c.Host)+":") + " " + Sentence(c) + "\n\n")
	if len(c.Mixes) == 0 {
		b.WriteString("  No profile fits on it.\n")
		return b.String()
	}
	b.WriteString("  It runs at the same time:\n")
	var names, sizes []string
	for _, p := range c.Profiles {
		names, sizes = append(names, term.Clean(p.Name)), append(sizes, p.Memory.String())
	}
	row := func(cells []string, memory string) {
		b.WriteString("  ")
		for i, text := range cells {
			width := max(term.Columns(names[i]), len(sizes[i]))
			b.WriteString("  " + strings.Repeat(" ", width-term.Columns(text)) + text)
		}
		b.WriteString(strings.TrimRight("   "+memory, " ") + "\n")
	}
	row(names, "")
	row(sizes, "memory")
	for _, m := range c.Mixes {
		counts := make([]string, len(m.VMs))
		for i, n := range m.VMs {
			if counts[i] = "·"; n > 0 {
				counts[i] = fmt.Sprint(n)
			}
		}
		row(counts, m.Memory.String())
	}
	if c.More > 0 {
		fmt.Fprintf(&b, "  … and %d more\n", c.More)
	}
	return b.String()
}

// JSON is one Mac's capacity as an object. Memory is in bytes.
func JSON(c runtime.Capacity) map[string]any {
	profiles, mixes := []any{}, []any{}
	for _, p := range c.Profiles {
		profiles = append(profiles, map[string]any{"name": p.Name, "memory": uint64(p.Memory), "macos_guest": p.Slot})
	}
	for _, m := range c.Mixes {
		vms := map[string]int{}
		for i, n := range m.VMs {
			if n > 0 {
				vms[c.Profiles[i].Name] = n
			}
		}
		mixes = append(mixes, map[string]any{"vms": vms, "memory": uint64(m.Memory), "macos_guests": m.Guests})
	}
	return map[string]any{"host": c.Host, "memory": uint64(c.Memory), "lent": uint64(c.Lent), "macos_guests": c.Guests,
		"profiles": profiles, "mixes": mixes, "more_mixes": c.More}
}
