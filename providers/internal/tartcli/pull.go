package tartcli

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Pull brings an image into the cache, or its tag up to date. progress, if not
// nil, is told how it gets on: "pulling disk: 3.0 of 25.1 GB (12%), 4m left".
//
// A pull that lost its registry on the way is followed by another, which goes on
// where it stopped, as long as each brings something. Any other command of tart
// between the two would throw away what is there.
func (t *Tart) Pull(ctx context.Context, ref string, progress func(text string)) error {
	defer t.forget()
	if progress == nil {
		progress = func(string) {}
	}
	n := &narrator{tell: progress, now: time.Now}
	for {
		before := n.best
		n.begin = start{}
		_, err := t.run(ctx, command{op: "pull", vm: ref, args: []string{ref}, patient: true, stdout: n})
		if n.best <= before || !Is(err, Network) && !Is(err, Registry) {
			return err
		}
		progress(fmt.Sprintf("the registry was lost at %d%%; trying again", n.best))
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("tart pull: %w", context.Cause(ctx))
		}
	}
}

// narrator turns what pull prints into one text for each step.
type narrator struct {
	tell  func(string)
	now   func() time.Time
	line  []byte
	phase string
	gb    float64 // to be downloaded; 0: not known
	best  int     // percent
	begin start
}

// start is the first that one pull tells of how far it is.
type start struct {
	at      time.Time
	percent int
}

func (n *narrator) Write(p []byte) (int, error) {
	n.line = append(n.line, p...)
	for {
		i := bytes.IndexByte(n.line, '\n')
		if i < 0 {
			return len(p), nil
		}
		n.told(strings.TrimSpace(string(n.line[:i])))
		n.line = n.line[i+1:]
	}
}

func (n *narrator) told(line string) {
	if percent, err := strconv.Atoi(strings.TrimSuffix(line, "%")); err == nil && strings.HasSuffix(line, "%") && n.phase != "" {
		n.tell(n.phase + ": " + n.progress(percent))
		return
	}
	if line == "" {
		return
	}
	n.phase = strings.TrimSuffix(line, "...")
	n.tell(n.phase)
	if m := regexp.MustCompile(`^(.*) \(([0-9.]+) GB compressed\)$`).FindStringSubmatch(n.phase); m != nil {
		n.phase = m[1]
		n.gb, _ = strconv.ParseFloat(m[2], 64) // 0 for what is no number
	}
}

// progress is how far a download is, and how long it will take at the pace that
// it has had.
func (n *narrator) progress(percent int) string {
	n.best = max(n.best, percent)
	if n.begin.at.IsZero() {
		n.begin = start{n.now(), percent}
	}
	text := fmt.Sprintf("%d%%", percent)
	if n.gb > 0 {
		text = fmt.Sprintf("%.1f of %.1f GB (%d%%)", n.gb*float64(percent)/100, n.gb, percent)
	}
	took, did := n.now().Sub(n.begin.at), percent-n.begin.percent
	if did > 0 && percent < 100 && took > time.Second {
		left := took / time.Duration(did) * time.Duration(100-percent)
		text += ", " + about(left) + " left"
	}
	return text
}

// about is a duration as people say it: no more exact than it is known.
func about(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Round(time.Second)/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Round(time.Minute)/time.Minute))
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
