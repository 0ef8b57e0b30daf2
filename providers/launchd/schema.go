package launchd

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl/schema"
)

// Job is one launchd job.
type Job struct {
	Host             string            `cty:"host"`
	Domain           string            `cty:"domain"`
	Program          []string          `cty:"program"`
	Calendar         []Moment          `cty:"calendar"`
	Interval         schema.Duration   `cty:"interval"`
	RunAtLoad        bool              `cty:"run_at_load"`
	KeepAlive        bool              `cty:"keep_alive"`
	WatchPaths       []string          `cty:"watch_paths"`
	Env              map[string]string `cty:"env"`
	WorkingDirectory string            `cty:"working_directory"`
	Stdout           string            `cty:"stdout"`
	Stderr           string            `cty:"stderr"`

	Label      string             `cty:"label"`
	Loaded     bool               `cty:"loaded"`
	Enabled    bool               `cty:"enabled"`
	Owner      string             `cty:"owner"`
	Mode       string             `cty:"mode"`
	Unexpected *map[string]string `cty:"unexpected"` // never nil: empty is a wish, null is none
}

// Moment is a pattern of wall clock times; nil matches any.
type Moment struct {
	Minute  *int `cty:"minute"`
	Hour    *int `cty:"hour"`
	Day     *int `cty:"day"`
	Weekday *int `cty:"weekday"`
	Month   *int `cty:"month"`
}

// The domains, as the attribute names them.
const (
	gui    = "gui"
	system = "system"
)

func block() *schema.Block {
	return &schema.Block{
		Type:  "launchd",
		Doc:   "A launchd job. Its whole property list is managed: what is edited by hand shows in the plan and is undone by apply.",
		Check: checkTriggers,
		Attrs: []schema.Attr{
			{Name: "host", Doc: "The Mac that the job runs on; may be left out where there is only one.", Type: schema.Host},
			{Name: "domain", Type: schema.String, Default: cty.StringVal(gui), Replace: true, Check: schema.OneOf(gui, system),
				Doc: "gui: a LaunchAgent of the user who is logged in at the screen. system: a LaunchDaemon, which runs as root from boot on; changing it needs sudo without a password."},
			{Name: "program", Type: schema.ListOf(schema.String), Required: true, Check: checkProgram,
				Doc: "The program, by its absolute path or a path under ~/, and its arguments. There is no shell, and no PATH of yours."},
			{Name: "calendar", Type: schema.ListOf(moment()),
				Doc: "When to start it, in local time: any number of patterns of which each matches like a line of a crontab."},
			{Name: "interval", Type: schema.Span, Check: checkInterval,
				Doc: "How often to start it, in whole seconds. Not together with calendar."},
			{Name: "run_at_load", Doc: "Start it when it is loaded: at login or boot, and after each change.", Type: schema.Bool, Default: cty.False},
			{Name: "keep_alive", Doc: "Keep it running: start it again whenever it ends.", Type: schema.Bool, Default: cty.False},
			{Name: "watch_paths", Type: schema.ListOf(schema.String), Check: eachPath,
				Doc: "Files and folders whose change starts it; absolute or under ~/."},
			{Name: "env", Type: schema.MapOf(schema.String),
				Doc: "Environment variables. No secrets: everyone on the Mac can read a property list."},
			{Name: "working_directory", Doc: "The folder it starts in; absolute or under ~/.", Type: schema.String, Check: isPath},
			{Name: "stdout", Doc: "The file that its output is appended to; absolute or under ~/.", Type: schema.String, Check: isPath},
			{Name: "stderr", Doc: "The file that its error output is appended to; absolute or under ~/.", Type: schema.String, Check: isPath},

			{Name: "label", Doc: "The job's name in launchd: hostler.NAME, unless it was imported.", Type: schema.String, Computed: true},
			{Name: "loaded", Doc: "Whether launchd has loaded the job.", Type: schema.Bool, Computed: true},
			{Name: "enabled", Doc: "Whether the job may load at login or boot.", Type: schema.Bool, Computed: true},
			{Name: "owner", Doc: "Whom the property list belongs to; launchd trusts no other.", Type: schema.String, Computed: true},
			{Name: "mode", Doc: "The permissions of the property list, octal.", Type: schema.String, Computed: true},
			{Name: "unexpected", Doc: "What else stands in the property list, as JSON by key.", Type: schema.MapOf(schema.String), Computed: true},
		},
	}
}

func moment() schema.Type {
	of := func(name, doc string, low, high int64) schema.Attr {
		return schema.Attr{Name: name, Doc: doc, Type: schema.Int, Check: schema.Between(low, high)}
	}
	return schema.ObjectOf(
		of("minute", "Minute, 0 to 59; left out: every minute.", 0, 59),
		of("hour", "Hour, 0 to 23.", 0, 23),
		of("day", "Day of the month, 1 to 31.", 1, 31),
		of("weekday", "Day of the week, 0 to 7; 0 and 7 are Sunday.", 0, 7),
		of("month", "Month, 1 to 12.", 1, 12),
	)
}

func checkProgram(v cty.Value) error {
	if v.LengthInt() == 0 {
		return errors.New("name the program, as in [\"/usr/bin/true\"]")
	}
	first := cty.IndexIntPath(0)
	if p := v.Index(cty.NumberIntVal(0)).AsString(); !isAbsolute(p) {
		return schema.At(first, "launchd starts programs without a PATH of yours, so %q must be an absolute path, or begin with ~/", p)
	}
	return nil
}

// isAbsolute reports whether p is absolute, or lies in the user's home.
func isAbsolute(p string) bool { return path.IsAbs(p) || strings.HasPrefix(p, "~/") }

func isPath(v cty.Value) error {
	if p := v.AsString(); !isAbsolute(p) {
		return fmt.Errorf("%q must be an absolute path, or begin with ~/: launchd has no folder to start from", p)
	}
	return nil
}

func eachPath(v cty.Value) error {
	for it := v.ElementIterator(); it.Next(); {
		if i, p := it.Element(); isPath(p) != nil {
			return cty.Path(nil).Index(i).NewError(isPath(p))
		}
	}
	return nil
}

func checkInterval(v cty.Value) error {
	d, err := schema.ParseDuration(v.AsString())
	if err != nil {
		return err
	}
	if t := time.Duration(d); t < time.Second || t%time.Second != 0 {
		return fmt.Errorf("launchd counts in whole seconds, at least one; %s is not that", d)
	}
	return nil
}

// checkTriggers wants something that ever starts the job, and each pattern of
// the calendar to say something.
func checkTriggers(v cty.Value) error {
	set := func(name string) bool {
		a := v.GetAttr(name)
		switch {
		case a.IsNull():
			return false
		case !a.IsKnown():
			return true
		case a.Type() == cty.Bool:
			return a.True()
		case a.CanIterateElements():
			return a.LengthInt() > 0
		}
		return true
	}
	if set("calendar") && set("interval") {
		return schema.At(cty.GetAttrPath("interval"), "calendar and interval exclude each other; remove one of them")
	}
	if !set("calendar") && !set("interval") && !set("run_at_load") && !set("keep_alive") && !set("watch_paths") {
		return errors.New("nothing would ever start this job; set calendar, interval, run_at_load, keep_alive or watch_paths")
	}
	calendar := v.GetAttr("calendar")
	if calendar.IsNull() || !calendar.IsWhollyKnown() {
		return nil
	}
	for it := calendar.ElementIterator(); it.Next(); {
		i, m := it.Element()
		empty := true
		for _, field := range m.AsValueMap() {
			empty = empty && field.IsNull()
		}
		if empty {
			return schema.At(cty.GetAttrPath("calendar").Index(i), "this matches every minute; say at least one of minute, hour, day, weekday, month")
		}
	}
	return nil
}
