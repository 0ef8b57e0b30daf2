package view

import (
	"fmt"
	"strings"

	"hostler/cmd/internal/view/term"
	"hostler/providers/runtime"
)

// capacity shows which jobs each Mac can run together.
func (w *planWriter) capacity(all []runtime.Capacity) {
	for _, c := range all {
		w.WriteString("\n" + w.paint.With(term.Bold, "Capacity of "+term.Clean(c.Host)+":") + " " + lends(c) + "\n")
		if len(c.Mixes) == 0 {
			w.say("  No profile fits on it.")
			continue
		}
		w.say("  It runs at the same time:")
		w.mixes(c)
	}
}

func lends(c runtime.Capacity) string {
	guests := "no macOS guests"
	if c.Guests > 0 {
		guests = term.Count(c.Guests, "macOS guest") + " at a time"
	}
	return fmt.Sprintf("%s of %s lent to VMs, %s", c.Lent, c.Memory, guests)
}

// mixes is a table with a column for each profile and one for the memory.
func (w *planWriter) mixes(c runtime.Capacity) {
	var names, sizes []string
	for _, p := range c.Profiles {
		names, sizes = append(names, term.Clean(p.Name)), append(sizes, p.Memory.String())
	}
	cell := func(i int, text string) {
		width := max(term.Columns(names[i]), len(sizes[i]))
		w.WriteString("  " + strings.Repeat(" ", width-term.Columns(text)) + text)
	}
	row := func(texts []string, rest string) {
		w.WriteString("  ")
		for i, text := range texts {
			cell(i, text)
		}
		w.WriteString(rest + "\n")
	}
	row(names, "")
	row(sizes, "   memory")
	for _, m := range c.Mixes {
		counts := make([]string, len(m.VMs))
		for i, n := range m.VMs {
			if counts[i] = "·"; n > 0 {
				counts[i] = fmt.Sprint(n)
			}
		}
		row(counts, fmt.Sprintf("   %s", m.Memory))
	}
	if c.More > 0 {
		fmt.Fprintf(w, "  … and %d more\n", c.More)
	}
}

// capacityJSON is one Mac's capacity for programs.
func capacityJSON(c runtime.Capacity) fields {
	profiles, mixes := []fields{}, []fields{}
	for _, p := range c.Profiles {
		profiles = append(profiles, fields{"name": p.Name, "memory": uint64(p.Memory), "macos_guest": p.Slot})
	}
	for _, m := range c.Mixes {
		vms := fields{}
		for i, n := range m.VMs {
			if n > 0 {
				vms[c.Profiles[i].Name] = n
			}
		}
		mixes = append(mixes, fields{"vms": vms, "memory": uint64(m.Memory), "macos_guests": m.Guests})
	}
	return fields{"host": c.Host, "memory": uint64(c.Memory), "lent": uint64(c.Lent), "macos_guests": c.Guests,
		"profiles": profiles, "mixes": mixes, "more_mixes": c.More}
}
