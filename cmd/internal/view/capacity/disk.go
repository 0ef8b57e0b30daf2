package capacity

import (
	"fmt"
	"strings"

	"hostler/cmd/internal/view/term"
	"hostler/hcl/schema"
	"hostler/providers/runtime"
)

// Tables are those of all Macs, each after an empty line; d may be nil.
func Tables(cs []runtime.Capacity, d *Disk, paint term.Paint) string {
	var b strings.Builder
	for _, c := range cs {
		b.WriteString("\n" + Table(c, paint))
	}
	if d != nil {
		b.WriteString("\n" + DiskTable(*d, paint))
	}
	return b.String()
}

// Disk is what the builds of a plan need of one Mac's disk, in bytes.
type Disk struct {
	Host    string // address
	Free    uint64
	Reserve uint64 // of it, kept for macOS
	Pulls   []Pull
	Garbage uint64 // what `image gc` would free at most
}

// Pull is an image to be fetched; zero numbers are not known.
type Pull struct {
	Ref                  string
	Compressed, Unpacked uint64
}

// Needs is what the pulls occupy at most.
func (d Disk) Needs() (bytes uint64) {
	for _, p := range d.Pulls {
		bytes += p.Unpacked
	}
	return bytes
}

// Short is how much is missing.
func (d Disk) Short() uint64 {
	return d.Needs() - min(d.Needs(), d.Free-min(d.Free, d.Reserve))
}

// DiskSentence says what there is and what is needed.
func DiskSentence(d Disk) string {
	text := fmt.Sprintf("%s free, %s kept for macOS", bytes(d.Free), schema.Size(d.Reserve))
	if n := d.Needs(); n > 0 {
		text += fmt.Sprintf(", pulls need up to %s", bytes(n))
	}
	return text
}

// DiskTable is one Mac's disk: a line for each pull, and a warning where it
// will not do.
func DiskTable(d Disk, paint term.Paint) string {
	var b strings.Builder
	b.WriteString(paint.With(term.Bold, "Disk of "+term.Clean(d.Host)+":") + " " + DiskSentence(d) + "\n\n")
	for _, p := range d.Pulls {
		what := "its registry does not tell how large it is"
		if p.Unpacked > 0 {
			what = fmt.Sprintf("%s to download, up to %s unpacked", bytes(p.Compressed), bytes(p.Unpacked))
		}
		fmt.Fprintf(&b, "  pull %s\n       %s\n", term.Clean(p.Ref), what)
	}
	if n := d.Short(); n > 0 {
		fmt.Fprintf(&b, "  %s\n", paint.With(term.Yellow, fmt.Sprintf("That may be %s too much, and a pull that fills the disk fails.", bytes(n))))
	}
	if d.Garbage > 0 {
		fmt.Fprintf(&b, "  `hostler image gc` frees up to %s.\n", bytes(d.Garbage))
	}
	return b.String()
}

// bytes is a number of bytes as people compare them: decimal, with one digit.
func bytes(n uint64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d B", n)
}

// DiskJSON is one Mac's disk as an object; numbers are bytes.
func DiskJSON(d Disk) map[string]any {
	pulls := []any{}
	for _, p := range d.Pulls {
		pulls = append(pulls, map[string]any{"ref": p.Ref, "compressed": p.Compressed, "unpacked": p.Unpacked})
	}
	return map[string]any{"host": d.Host, "free": d.Free, "reserve": d.Reserve, "pulls": pulls, "needs": d.Needs(), "short": d.Short(), "reclaimable": d.Garbage}
}
