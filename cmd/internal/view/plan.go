package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"hostler/cmd/internal/view/capacity"
	"hostler/cmd/internal/view/diff"
	"hostler/cmd/internal/view/term"
	"hostler/cmd/internal/view/value"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/planner"
	"hostler/state"
)

// Summary is the sentence that counts a plan's changes; other tools read it.
func Summary(n planner.Counts) string {
	imports := ""
	if n.Import > 0 {
		imports = fmt.Sprintf("%d to import, ", n.Import)
	}
	return fmt.Sprintf("Plan: %s%d to add, %d to change, %d to destroy.", imports, n.Add, n.Change, n.Remove)
}

// planWriter draws one plan.
type planWriter struct {
	strings.Builder
	paint   term.Paint
	width   int
	schemas map[string]*schema.Block
}

func planText(p *planner.Plan, schemas map[string]*schema.Block, s term.Streams, end Ending) string {
	w := &planWriter{paint: s.Color, width: s.Width, schemas: schemas}
	if p == nil {
		p = &planner.Plan{}
	}
	w.recovered(p.Recovered)
	drifted := w.drift(p)
	changes := visible(p)
	outputs := slices.DeleteFunc(slices.Clone(p.Outputs), func(o planner.OutputChange) bool { return o.Action == planner.NoOp })
	recording := p.Mode == planner.RefreshOnly && drifted
	if recording {
		w.say("This is a refresh-only plan, so hostler will not take any actions to undo these. " +
			"If you were expecting these changes then you can apply this plan to record the updated values in the hostler state without changing any remote objects.")
	}
	if len(changes) > 0 {
		w.actions(p, changes, end.Failed)
	} else if len(outputs) == 0 && !recording {
		w.nothing(p, drifted, end.Failed)
		return w.String()
	}
	w.outputs(outputs)
	if len(outputs) > 0 && len(changes) == 0 && !recording {
		w.say("You can apply this plan to save these new output values to the hostler state, without changing any real infrastructure.")
	}
	w.WriteString(capacity.Tables(end.Capacity, end.Disk, w.paint))
	w.ending(end, s.Interactive)
	return w.String()
}

// visible are the changes worth showing, sorted by address.
func visible(p *planner.Plan) []*planner.Change {
	list := slices.DeleteFunc(slices.Clone(p.Changes), func(c *planner.Change) bool {
		return c.Action == planner.NoOp && c.ImportID == "" && c.MovedFrom.IsZero()
	})
	slices.SortStableFunc(list, func(a, b *planner.Change) int { return addr.Compare(a.Addr, b.Addr) })
	return list
}

// say writes a paragraph, after an empty line.
func (w *planWriter) say(text string) { w.WriteString("\n" + term.Wrap(text, w.width) + "\n") }

func (w *planWriter) rule() {
	w.WriteString("\n" + w.paint.With(term.Dim, strings.Repeat("─", w.width)) + "\n")
}

func (w *planWriter) recovered(list []planner.Recovery) {
	if len(list) == 0 {
		return
	}
	were := "were"
	if len(list) == 1 {
		were = "was"
	}
	w.WriteString("\n" + w.paint.With(term.Bold, fmt.Sprintf("%s %s interrupted by an earlier run:", term.Count(len(list), "operation"), were)) + "\n")
	for _, r := range list {
		fmt.Fprintf(w, "  %s: %s\n", term.Clean(r.Addr.String()), recovery(r))
	}
}

// recovery is what was found of an unfinished operation.
func recovery(r planner.Recovery) string {
	switch {
	case r.Op == state.Create && r.Found:
		return "found, adopted"
	case r.Op == state.Create:
		return "not created"
	case r.Op == state.Delete && r.Found:
		return "not destroyed"
	case r.Op == state.Delete:
		return "was destroyed"
	case r.Found:
		return "found, possibly half changed; compared anew"
	}
	return "is gone"
}

// drift shows what changed behind our back: in a refresh-only plan all of it,
// else what led to a change. It reports whether there was any.
func (w *planWriter) drift(p *planner.Plan) bool {
	var shown []*planner.Change
	for i := range p.Drift {
		if d := &p.Drift[i]; d.Relevant || p.Mode == planner.RefreshOnly {
			shown = append(shown, &d.Change)
		}
	}
	if len(shown) == 0 {
		return false
	}
	w.WriteString("\n" + w.paint.With(term.Bold, "Note: Objects have changed outside of hostler") + "\n")
	affected := " which may have affected this plan:"
	if p.Mode == planner.RefreshOnly {
		affected = ":"
	}
	w.say("hostler detected the following changes made outside of hostler since the last \"hostler apply\"" + affected)
	for _, c := range shown {
		what := "has changed"
		if c.Action == planner.Delete {
			what = "has been deleted"
		}
		w.change(c, []string{c.Addr.String() + " " + what}, true)
	}
	if p.Mode != planner.RefreshOnly {
		w.say("Unless you have made equivalent changes to your configuration, or ignored the relevant attributes using ignore_changes, " +
			"the following plan may include actions to undo or respond to these changes.")
		w.rule()
	}
	return true
}

// legend lists the symbols in use.
func (w *planWriter) legend(changes []*planner.Change) {
	used := map[planner.Action]bool{}
	for _, c := range changes {
		used[c.Action] = c.Action != planner.NoOp || used[c.Action]
	}
	delete(used, planner.NoOp)
	if len(used) == 0 {
		return
	}
	w.say("hostler used the selected providers to generate the following execution plan. Resource actions are indicated with the following symbols:")
	for _, a := range []struct {
		action planner.Action
		means  string
	}{
		{planner.Create, "create"}, {planner.Update, "update in-place"}, {planner.Delete, "destroy"},
		{planner.Replace, "destroy and then create replacement"}, {planner.Forget, "forget, but leave the object alone"},
	} {
		if used[a.action] {
			d := diff.Writer{Paint: w.paint}
			d.Lead(0, actionSymbol(a.action))
			w.WriteString(d.String() + a.means + "\n")
		}
	}
}

func actionSymbol(a planner.Action) string {
	switch a {
	case planner.Create:
		return "+"
	case planner.Update:
		return "~"
	case planner.Delete:
		return "-"
	case planner.Replace:
		return "-/+"
	case planner.Forget:
		return "."
	}
	return " "
}

func (w *planWriter) actions(p *planner.Plan, changes []*planner.Change, failed bool) {
	w.legend(changes)
	if failed {
		w.say("hostler planned the following actions, but then encountered a problem:")
	} else {
		w.say("hostler will perform the following actions:")
	}
	for _, c := range changes {
		w.change(c, headline(c), false)
	}
	summary := Summary(p.Counts())
	w.WriteString("\n" + w.paint.With(term.Bold, "Plan:") + strings.TrimPrefix(summary, "Plan:") + "\n")
}

// headline are the comments above a change: what will be done, and why.
func headline(c *planner.Change) []string {
	a := c.Addr.String()
	var lines []string
	switch c.Action {
	case planner.Create:
		lines = []string{a + " will be created"}
	case planner.Update:
		lines = []string{a + " will be updated in-place"}
	case planner.Delete:
		lines = []string{a + " will be destroyed"}
	case planner.Forget:
		lines = []string{a + " will no longer be managed by hostler, but will not be destroyed", "(because a removed block says so)"}
	case planner.Replace:
		switch {
		case c.Reason == planner.ReasonTainted:
			lines = []string{a + " is tainted, so must be replaced"}
		case c.Reason == planner.ReasonRequested:
			lines = []string{a + " will be replaced, as requested"}
		default:
			lines = []string{a + " must be replaced"}
		}
	case planner.NoOp:
		if c.ImportID != "" {
			lines = []string{a + " will be imported"}
		} else {
			return []string{c.MovedFrom.String() + " has moved to " + a}
		}
	}
	switch c.Reason {
	case planner.ReasonNoConfig:
		lines = append(lines, "(because "+a+" is not in configuration)")
	case planner.ReasonEachKey:
		lines = append(lines, "(because key "+strings.TrimPrefix(a, c.Addr.Block().String())+" is not in for_each map)")
	case planner.ReasonRepetition:
		if c.Addr.HasKey {
			lines = append(lines, "(because "+c.Addr.Block().String()+" does not use for_each any more)")
		} else {
			lines = append(lines, "(because "+a+" uses for_each now)")
		}
	}
	if !c.MovedFrom.IsZero() {
		lines = append(lines, "(moved from "+c.MovedFrom.String()+")")
	}
	if c.ImportID != "" && c.Action != planner.NoOp {
		lines = append(lines, "(imported from "+value.Quote(c.ImportID)+")")
		if c.Action == planner.Replace {
			lines = append(lines, "Warning: this will destroy the imported resource")
		}
	}
	return lines
}

// change draws one resource below its comments.
func (w *planWriter) change(c *planner.Change, comments []string, drift bool) {
	w.WriteByte('\n')
	for i, comment := range comments {
		style := term.Bold
		if i > 0 {
			style = ""
		}
		w.WriteString("  " + w.paint.With(style, "# "+term.Clean(comment)) + "\n")
	}
	s := w.schemas[c.Addr.Type]
	before, after := c.Before, c.After
	switch {
	case drift:
	case c.Action == planner.Forget:
		after = before
	case c.Action == planner.Delete:
		after = cty.NilVal
	case c.Action == planner.NoOp && value.Absent(after):
		after = before
	case c.Action == planner.NoOp && value.Absent(before):
		before = after
	default:
		after = diff.Settled(s, before, after)
	}
	d := diff.Writer{Paint: w.paint, All: c.Action == planner.NoOp && c.ImportID != ""}
	d.Object(s, c.Addr, actionSymbol(c.Action), before, after, c.Replacing)
	w.Write(d.Bytes())
}

func (w *planWriter) outputs(list []planner.OutputChange) {
	if len(list) == 0 {
		return
	}
	w.WriteString("\n" + w.paint.With(term.Bold, "Changes to Outputs:") + "\n")
	d := diff.Writer{Paint: w.paint}
	var entries []diff.Entry
	for _, o := range list {
		entries = append(entries, diff.Entry{Key: o.Name, Before: hide(o.Before, o.Sensitive), After: hide(o.After, o.Sensitive), Keep: true})
	}
	d.Named(entries)
	w.Write(d.Bytes())
}

func (w *planWriter) nothing(p *planner.Plan, drifted, failed bool) {
	if failed {
		w.WriteString("\n" + w.paint.With(term.Bold, "Planning failed.") + " hostler encountered an error while generating this plan.\n")
		return
	}
	title, detail := "Your infrastructure matches the configuration.",
		"hostler has compared your real infrastructure against your configuration and found no differences, so no changes are needed."
	switch {
	case p.Mode == planner.Destroy:
		title, detail = "No objects need to be destroyed.",
			"Either you have not created any objects yet or the existing objects were already deleted outside of hostler."
	case p.Mode == planner.RefreshOnly:
		title, detail = "Your infrastructure still matches the configuration.",
			"hostler has checked that the real remote objects still match the result of your most recent changes, and found no differences."
	case drifted:
		detail = "Your configuration already applies the changes detected above, so applying this plan will only update the state to include them."
	}
	w.WriteString("\n" + w.paint.With(term.BoldGreen, "No changes.") + w.paint.With(term.Bold, " "+title) + "\n")
	w.say(detail)
}

func (w *planWriter) ending(end Ending, interactive bool) {
	switch {
	case end.Failed:
	case end.SavedAs != "":
		w.rule()
		fmt.Fprintf(w, "\nSaved the plan to: %s\n", term.Clean(end.SavedAs))
		fmt.Fprintf(w, "\nTo perform exactly these actions, run the following command to apply:\n    hostler apply %s\n", value.Quote(end.SavedAs))
	case end.Unsaved && interactive:
		w.rule()
		w.say(`Note: You didn't use the --out option to save this plan, so hostler can't guarantee to take exactly these actions if you run "hostler apply" now.`)
	}
}
