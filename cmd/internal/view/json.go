package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"hostler/cmd/internal/view/capacity"
	"hostler/cmd/internal/view/excerpt"
	"hostler/cmd/internal/view/term"
	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/planner"
)

// TerraformVersion is the release whose formats and sentences ours are; its
// clients look for it under "terraform_version" to learn what they may ask.
const TerraformVersion = "1.11.4"

// JSON is the View for programs: Terraform's event stream, one object a line.
type JSON struct {
	w       io.Writer
	now     func() time.Time
	version string
	begun   sync.Once
	mu      sync.Mutex
}

// NewJSON returns a view on these streams; version is hostler's own.
func NewJSON(s term.Streams, version string) *JSON {
	return &JSON{w: s.Out, now: s.Now, version: version}
}

type fields map[string]any

// emit writes one event. Its module is the name under which clients know this
// stream.
func (j *JSON) emit(level, typ, message string, more fields) {
	j.Start()
	j.write(level, typ, message, more)
}

func (j *JSON) write(level, typ, message string, more fields) {
	event := fields{"@level": level, "@message": message, "@module": "terraform.ui",
		"@timestamp": j.now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"), "type": typ}
	for key, value := range more {
		event[key] = value
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	// Who does not read stdout any more is not told so.
	_ = encode(j.w, event, "")
}

// encode writes one document and a newline.
func encode(w io.Writer, document any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(document); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// resourceJSON names a resource in an event.
func resourceJSON(a addr.Addr) fields {
	var key any
	if a.HasKey {
		key = a.Key
	}
	return fields{"addr": a.String(), "module": "", "resource": a.String(), "implied_provider": "hostler",
		"resource_type": a.Type, "resource_name": a.Name, "resource_key": key}
}

// Start implements View. The first line is the version's.
func (j *JSON) Start() (stop func()) {
	j.begun.Do(func() {
		j.write("info", "version", "hostler "+j.version, fields{"terraform": TerraformVersion, "hostler": j.version, "ui": "1.2"})
	})
	return func() {}
}

// Plan implements View.
func (j *JSON) Plan(p *planner.Plan, end Ending) {
	if p == nil {
		return
	}
	for _, r := range p.Recovered {
		j.emit("info", "recovery", fmt.Sprintf("%s: %s", r.Addr, recovery(r)), fields{"recovery": fields{
			"resource": resourceJSON(r.Addr), "operation": string(r.Op), "found": r.Found}})
	}
	for _, d := range p.Drift {
		if d.Relevant || p.Mode == planner.RefreshOnly {
			action := eventAction(&d.Change)
			j.emit("info", "resource_drift", fmt.Sprintf("%s: Drift detected (%s)", d.Addr, action),
				fields{"change": fields{"resource": resourceJSON(d.Addr), "action": action}})
		}
	}
	for _, c := range visible(p) {
		j.planned(c)
	}
	n := p.Counts()
	j.emit("info", "change_summary", Summary(n), fields{"changes": fields{
		"add": n.Add, "change": n.Change, "import": n.Import, "remove": n.Remove, "operation": "plan"}})
	if len(p.Outputs) > 0 {
		outputs := fields{}
		for _, o := range p.Outputs {
			outputs[o.Name] = fields{"sensitive": o.Sensitive, "action": actionName(o.Action)}
		}
		j.emit("info", "outputs", "Outputs: "+fmt.Sprint(len(p.Outputs)), fields{"outputs": outputs})
	}
	for _, c := range end.Capacity {
		j.emit("info", "capacity", c.Host+": "+capacity.Sentence(c), fields{"capacity": capacity.JSON(c)})
	}
	if d := end.Disk; d != nil {
		j.emit("info", "disk", d.Host+": "+capacity.DiskSentence(*d), fields{"disk": capacity.DiskJSON(*d)})
	}
	if end.SavedAs != "" {
		j.emit("info", "log", "Saved the plan to: "+end.SavedAs, nil)
	}
}

func (j *JSON) planned(c *planner.Change) {
	action := eventAction(c)
	change := fields{"resource": resourceJSON(c.Addr), "action": action}
	if !c.MovedFrom.IsZero() {
		change["previous_resource"] = resourceJSON(c.MovedFrom)
	}
	if c.ImportID != "" {
		change["importing"] = fields{"id": c.ImportID}
	}
	if reason := eventReason(c.Reason); reason != "" {
		change["reason"] = reason
	}
	j.emit("info", "planned_change", fmt.Sprintf("%s: Plan to %s", c.Addr, action), fields{"change": change})
}

// eventAction is an action's name in events; documents name them differently.
func eventAction(c *planner.Change) string {
	switch {
	case c.Action == planner.NoOp && c.ImportID != "":
		return "import"
	case c.Action == planner.NoOp && !c.MovedFrom.IsZero():
		return "move"
	}
	return actionName(c.Action)
}

func actionName(a planner.Action) string {
	switch a {
	case planner.NoOp:
		return "noop"
	case planner.Forget:
		return "remove"
	}
	return string(a)
}

// eventReason is a reason's name in events.
func eventReason(r planner.Reason) string {
	switch r {
	case planner.ReasonTainted:
		return "tainted"
	case planner.ReasonRequested:
		return "requested"
	case planner.ReasonCannotUpdate:
		return "cannot_update"
	}
	return string(r)
}

// Event implements View.
func (j *JSON) Event(e planner.Event) {
	hook := fields{"resource": resourceJSON(e.Addr)}
	if e.ID != "" {
		hook["id_key"], hook["id_value"] = "id", e.ID
	}
	if e.Kind != planner.Refreshing {
		hook["action"] = actionName(e.Action)
	}
	level, typ, message := "info", "", sentence(e)
	switch e.Kind {
	case planner.Refreshing:
		typ = "refresh_start"
	case planner.Started:
		typ = "apply_start"
	case planner.Progress:
		typ = "apply_progress"
		if e.Text != "" {
			hook["text"] = e.Text
		}
	case planner.Completed:
		typ = "apply_complete"
	case planner.Errored:
		level, typ = "error", "apply_errored"
	case planner.Skipped:
		typ, message = "apply_skipped", fmt.Sprintf("%s: Skipped, %s", e.Addr, because(e))
		if !e.Because.IsZero() {
			hook["because"] = resourceJSON(e.Because)
		}
	}
	if e.Kind == planner.Progress || e.Kind == planner.Completed || e.Kind == planner.Errored {
		hook["elapsed_seconds"] = int(e.Elapsed.Round(time.Second).Seconds())
	}
	j.emit(level, typ, message, fields{"hook": hook})
}

// Result implements View.
func (j *JSON) Result(mode planner.Mode, r *planner.Result) {
	operation := "apply"
	if mode == planner.Destroy {
		operation = "destroy"
	}
	changes := fields{"add": r.Added, "change": r.Changed, "import": r.Imported, "remove": r.Removed, "operation": operation}
	level := "info"
	if incomplete(r) {
		level = "error"
		changes["failed"], changes["skipped"], changes["interrupted"] = len(r.Failed), len(r.Skipped), r.Interrupted
	}
	j.emit(level, "change_summary", Outcome(mode, r), fields{"changes": changes})
	if outputs := outputsAfter(r.Outputs); len(outputs) > 0 {
		j.emit("info", "outputs", "Outputs: "+fmt.Sprint(len(outputs)), fields{"outputs": outputsJSON(outputs)})
	}
}

// Diagnostics implements View.
func (j *JSON) Diagnostics(diags hcl.Diagnostics, files map[string]*hcl.File) {
	for _, diag := range excerpt.Sorted(diags) {
		level, word := "error", "Error: "
		if diag.Severity == hcl.DiagWarning {
			level, word = "warn", "Warning: "
		}
		j.emit(level, "diagnostic", word+diag.Summary, fields{"diagnostic": excerpt.JSON(diag, files)})
	}
}

// Note implements View.
func (j *JSON) Note(text string) { j.emit("info", "log", text, nil) }

// VersionJSON writes what `version --json` says. platform is os_arch.
func VersionJSON(w io.Writer, version, platform string) error {
	return encode(w, fields{"terraform_version": TerraformVersion, "hostler_version": version, "platform": platform,
		"provider_selections": fields{}, "terraform_outdated": false}, "  ")
}

// ValidateJSON writes what `validate --json` says.
func ValidateJSON(w io.Writer, diags hcl.Diagnostics, files map[string]*hcl.File) error {
	return encode(w, excerpt.Judge(diags, files), "  ")
}
