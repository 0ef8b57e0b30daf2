package planner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/planner"
	"hostler/providers"
	"hostler/state"
)

// The tests drive the planner through the language, a real state file and one
// small provider of its own: a "note" is a JSON file in a folder.

// note is the object: dir/NAME.json.
type note struct {
	Name string `cty:"name"` // computed: the file's name
	Text string `cty:"text"`
	Kind string `cty:"kind"`          // a change replaces
	Near string `cty:"near" json:"-"` // another note; in the configuration only
}

var noteSchema = &schema.Block{Type: "note", Doc: "A file.", Attrs: []schema.Attr{
	{Name: "name", Doc: "The file's name.", Type: schema.String, Computed: true},
	{Name: "text", Doc: "What it says.", Type: schema.String},
	{Name: "kind", Doc: "What it is.", Type: schema.String, Replace: true},
	{Name: "near", Doc: "A note that must be there first.", Type: schema.RefTo("note")},
}}

// notes keeps notes in a folder, and a log of what it did.
type notes struct {
	dir    string
	mu     sync.Mutex
	log    []string
	read   int              // how often it was asked to read, whatever the number of notes
	fail   map[string]error // by "create a", "read a", "find a"; "read" fails all at once
	hold   map[string]chan struct{}
	config providers.Lookup // as shown last
	// during is called in the middle of "create a".
	during map[string]func(context.Context)
}

func (n *notes) path(name string) string { return filepath.Join(n.dir, name+".json") }

func (n *notes) did(ctx context.Context, what, name string) error {
	n.mu.Lock()
	n.log = append(n.log, what+" "+name)
	err, wait, during := n.fail[what+" "+name], n.hold[what+" "+name], n.during[what+" "+name]
	n.mu.Unlock()
	if wait != nil {
		<-wait
	}
	if during != nil {
		during(ctx)
	}
	return err
}

func (n *notes) write(v *note) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(n.path(v.Name), data, 0o600)
}

func (n *notes) Create(ctx context.Context, want *note) (*note, error) {
	if err := n.did(ctx, "create", want.Name); err != nil {
		switch half := *want; {
		case strings.Contains(err.Error(), "halfway"):
			return want, errors.Join(n.write(want), err)
		case strings.Contains(err.Error(), "unaware"): // of what it made
			return nil, errors.Join(n.write(want), err)
		case strings.Contains(err.Error(), "torn"):
			half.Text = ""
			return nil, errors.Join(n.write(&half), err)
		}
		return nil, err
	}
	if _, err := os.Stat(n.path(want.Name)); err == nil {
		return nil, &providers.ExistsError{What: "note " + want.Name, ID: want.Name}
	}
	return want, n.write(want)
}

func (n *notes) Prefetch(ctx context.Context, have []*note) ([]providers.Fetched[note], error) {
	n.mu.Lock()
	n.read++
	n.mu.Unlock()
	if err := n.fail["read"]; err != nil {
		return nil, err
	}
	out := make([]providers.Fetched[note], len(have))
	for i, h := range have {
		out[i].Object, out[i].Err = n.Read(ctx, h)
	}
	return out, nil
}

func (n *notes) Read(ctx context.Context, have *note) (*note, error) {
	if err := n.fail["read "+have.Name]; err != nil {
		return nil, err
	}
	data, err := os.ReadFile(n.path(have.Name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	got := &note{Near: have.Near}
	if err == nil {
		err = json.Unmarshal(data, got)
	}
	return got, err
}

func (n *notes) Update(ctx context.Context, have, want *note) (*note, error) {
	if err := n.did(ctx, "update", want.Name); err != nil {
		if strings.Contains(err.Error(), "halfway") {
			half := *want
			half.Text = "half"
			return &half, errors.Join(n.write(&half), err)
		}
		return nil, err
	}
	return want, n.write(want)
}

func (n *notes) Delete(ctx context.Context, have *note) error {
	if err := n.did(ctx, "delete", have.Name); err != nil {
		return err
	}
	if err := os.Remove(n.path(have.Name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (n *notes) Find(ctx context.Context, want *note) (*note, error) {
	if err := n.fail["find "+want.Name]; err != nil {
		return nil, err
	}
	return n.Read(ctx, want)
}

func (n *notes) Configure(config providers.Lookup) { n.config = config }

// Validate lets only one note say "unique".
func (n *notes) Validate(_ addr.Addr, want *note, config providers.Lookup) error {
	var said []string
	for _, a := range config.All("note") {
		if v, ok := config.Get(a); ok && v.GetAttr("text").RawEquals(cty.StringVal("unique")) {
			said = append(said, a.String())
		}
	}
	if want.Text == "unique" && len(said) > 1 {
		return providers.AttrErrorf("text", "%s say the same", strings.Join(said, " and "))
	}
	return nil
}

func (n *notes) Import(ctx context.Context, id string) (*note, error) {
	return n.Read(ctx, &note{Name: id})
}

func (n *notes) Resolve(ctx context.Context, r *providers.Resolve[note]) error {
	if r.Have == nil || r.Replacing {
		r.Want.Name = r.Name
	}
	switch r.Want.Text {
	case "bad":
		return providers.AttrErrorf("text", "no note may be %q", "bad")
	case "worse":
		path := cty.GetAttrPath("text").IndexInt(2).GetAttr("line").IndexString("first")
		return errors.Join(&providers.AttrError{Path: path, Err: errors.New("bad")}, errors.New("worse"))
	case "odd":
		r.Warn("text", "this is odd")
		r.Warn("", "and so is the rest")
	}
	return nil
}

// bench is one folder of files, one of notes, and one state.
type bench struct {
	t     *testing.T
	dir   string
	notes *notes
	p     *planner.Planner
}

func newBench(t *testing.T) *bench {
	n := &notes{dir: t.TempDir(), fail: map[string]error{}, hold: map[string]chan struct{}{}, during: map[string]func(context.Context){}}
	types := providers.NewRegistry(&providers.Provider{Name: "notes", Types: []*providers.Type{
		providers.NewType(providers.Def[note]{Schema: noteSchema, CRUD: n, ID: func(v *note) string { return v.Name }}),
	}})
	return &bench{t: t, dir: t.TempDir(), notes: n, p: &planner.Planner{Types: types, Now: time.Now}}
}

func (b *bench) config(src string) *hcl.Config {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, "main.hcl"), []byte(src), 0o600); err != nil {
		b.t.Fatal(err)
	}
	cfg, diags := hcl.Load(b.dir, hcl.Language{Blocks: b.p.Types.Schemas(), Version: "1.0.0"}, hcl.Vars{})
	if diags.HasErrors() {
		b.t.Fatal(diags)
	}
	return cfg
}

func (b *bench) store() *state.Store { return state.Open(filepath.Join(b.dir, "hostler.state.json")) }

func (b *bench) snapshot() *state.Snapshot {
	b.t.Helper()
	s, err := b.store().Read()
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) plan(src string, opt planner.Options) (*planner.Plan, hcl.Diagnostics) {
	b.t.Helper()
	return b.p.Plan(context.Background(), b.config(src), b.snapshot(), opt)
}

// mustPlan is a plan without errors, as "action address" lines without no-ops.
func (b *bench) mustPlan(src string, opt planner.Options) string {
	b.t.Helper()
	plan, diags := b.plan(src, opt)
	if diags.HasErrors() {
		b.t.Fatal(diags)
	}
	return actions(plan)
}

func actions(plan *planner.Plan) string {
	var lines []string
	for _, c := range plan.Changes {
		if c.Action != planner.NoOp {
			lines = append(lines, string(c.Action)+" "+c.Addr.String())
		}
	}
	return strings.Join(lines, "\n")
}

func (b *bench) apply(src string, opt planner.Options) (r *planner.Result, diags hcl.Diagnostics) {
	b.t.Helper()
	cfg := b.config(src)
	b.locked(func(lock *state.Lock) {
		plan, errs := b.p.Plan(context.Background(), cfg, lock.Snapshot(), opt)
		if errs.HasErrors() {
			b.t.Fatal(errs)
		}
		r, diags = b.p.Apply(context.Background(), plan, lock, nil, nil)
	})
	return r, diags
}

// locked does something under the state's lock.
func (b *bench) locked(do func(*state.Lock)) {
	b.t.Helper()
	lock, err := b.store().Lock(context.Background(), state.LockInfo{Operation: "test"})
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		if err := lock.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	do(lock)
}

// trace applies src and returns what was told: "start delete note.a".
func (b *bench) trace(src string, opt planner.Options) (lines []string) {
	b.t.Helper()
	cfg := b.config(src)
	b.locked(func(lock *state.Lock) {
		plan, diags := b.p.Plan(context.Background(), cfg, lock.Snapshot(), opt)
		if diags.HasErrors() {
			b.t.Fatal(diags)
		}
		b.p.Apply(context.Background(), plan, lock, nil, func(e planner.Event) {
			lines = append(lines, fmt.Sprintf("%s %s %s", e.Kind, e.Action, e.Addr))
		})
	})
	return lines
}

// ordered wants each of the lines in the trace, in this order.
func (b *bench) ordered(trace []string, lines ...string) {
	b.t.Helper()
	last := -1
	for _, line := range lines {
		at := slices.Index(trace, line)
		if at <= last {
			b.t.Errorf("%q is at %d, after %d, in\n%s", line, at, last, strings.Join(trace, "\n"))
		}
		last = at
	}
}

func (b *bench) mustApply(src string, opt planner.Options) *planner.Result {
	b.t.Helper()
	r, diags := b.apply(src, opt)
	if diags.HasErrors() {
		b.t.Fatal(diags)
	}
	return r
}

func (b *bench) recorded() string {
	b.t.Helper()
	var out []string
	for a, r := range b.snapshot().Resources {
		mark := ""
		if r.Tainted {
			mark = " tainted"
		}
		out = append(out, a.String()+mark)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func (b *bench) want(got, want string) {
	b.t.Helper()
	if got != strings.TrimSpace(want) {
		b.t.Errorf("got:\n%s\nwant:\n%s", got, strings.TrimSpace(want))
	}
}

const three = `
note "a" { text = "1" }
note "b" {
  text = "2"
  near = note.a
}
note "c" {
  text = "3"
  near = note.b
}
`

func TestLife(t *testing.T) {
	b := newBench(t)
	b.want(b.mustPlan(three, planner.Options{}), "create note.a\ncreate note.b\ncreate note.c")
	r := b.mustApply(three, planner.Options{})
	if r.Added != 3 {
		t.Errorf("added %d", r.Added)
	}
	b.want(strings.Join(b.notes.log, "\n"), "create a\ncreate b\ncreate c")
	b.want(b.mustPlan(three, planner.Options{}), "")

	changed := strings.Replace(three, `"1"`, `"one"`, 1)
	b.want(b.mustPlan(changed, planner.Options{}), "update note.a")
	replaced := strings.Replace(three, `text = "1"`, "\ntext = \"1\"\n kind = \"k\"\n", 1)
	plan, _ := b.plan(replaced, planner.Options{})
	b.want(actions(plan), "replace note.a")
	if c := plan.Changes[0]; c.Reason != planner.ReasonCannotUpdate || !slices.Equal(c.Replacing, []string{"kind"}) {
		t.Errorf("reason %q, replacing %q", c.Reason, c.Replacing)
	}
	b.notes.log = nil
	b.mustApply("", planner.Options{})
	b.want(strings.Join(b.notes.log, "\n"), "delete c\ndelete b\ndelete a")
	b.want(b.recorded(), "")
}

func TestDriftIsShownAndRepaired(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	if err := b.notes.write(&note{Name: "a", Text: "edited"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.notes.path("c")); err != nil {
		t.Fatal(err)
	}
	plan, diags := b.plan(three, planner.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	b.want(actions(plan), "update note.a\ncreate note.c")
	if len(plan.Drift) != 2 || !plan.Drift[0].Relevant || plan.Drift[1].Action != planner.Delete || !plan.Drift[1].Relevant {
		t.Errorf("drift: %+v", plan.Drift)
	}
	b.want(b.mustPlan(three, planner.Options{SkipRefresh: true}), "")

	only, _ := b.plan(three, planner.Options{Mode: planner.RefreshOnly})
	if b.want(actions(only), ""); only.Empty() {
		t.Error("a refresh-only plan with drift is not empty")
	}
	b.mustApply(three, planner.Options{})
	b.want(b.mustPlan(three, planner.Options{}), "")
}

func TestIgnoredDriftIsNotRelevant(t *testing.T) {
	b := newBench(t)
	src := "note \"a\" {\n text = \"1\"\n ignore_changes = [text]\n}"
	b.mustApply(src, planner.Options{})
	if err := b.notes.write(&note{Name: "a", Text: "edited"}); err != nil {
		t.Fatal(err)
	}
	plan, _ := b.plan(src, planner.Options{})
	b.want(actions(plan), "")
	if len(plan.Drift) != 1 || plan.Drift[0].Relevant {
		t.Errorf("drift: %+v", plan.Drift)
	}
}

func TestFailureSparesTheIndependent(t *testing.T) {
	b := newBench(t)
	b.notes.fail["create b"] = errors.New("disk on fire")
	r, diags := b.apply(three+`note "d" {}`, planner.Options{})
	if !diags.HasErrors() || r.Added != 2 || len(r.Failed) != 1 || len(r.Skipped) != 1 {
		t.Fatalf("%+v %v", r, diags)
	}
	if s := r.Skipped[0]; s.Addr != addr.New("note", "c") || s.Because != addr.New("note", "b") {
		t.Errorf("skipped %+v", s)
	}
	b.want(b.recorded(), "note.a\nnote.d")
	delete(b.notes.fail, "create b")
	b.want(b.mustPlan(three+`note "d" {}`, planner.Options{}), "create note.b\ncreate note.c")
}

func TestFailedCreateIsTainted(t *testing.T) {
	b := newBench(t)
	b.notes.fail["create a"] = errors.New("halfway")
	if _, diags := b.apply(`note "a" {}`, planner.Options{}); !diags.HasErrors() {
		t.Fatal("no error")
	}
	b.want(b.recorded(), "note.a tainted")
	clear(b.notes.fail)
	plan, _ := b.plan(`note "a" {}`, planner.Options{})
	b.want(actions(plan), "replace note.a")
	if plan.Changes[0].Reason != planner.ReasonTainted {
		t.Errorf("reason %q", plan.Changes[0].Reason)
	}
	b.mustApply(`note "a" {}`, planner.Options{})
	b.want(b.recorded(), "note.a")
}

func TestMovedRemovedImport(t *testing.T) {
	b := newBench(t)
	b.mustApply(three, planner.Options{})
	moved := strings.ReplaceAll(strings.ReplaceAll(three, `"a"`, `"z"`), "note.a", "note.z") + "moved {\n from = note.a\n to = note.z\n}"
	b.want(b.mustPlan(moved, planner.Options{}), "")
	b.mustApply(moved, planner.Options{})
	b.want(b.recorded(), "note.b\nnote.c\nnote.z")
	if deps := b.snapshot().Resources[addr.New("note", "b")].Deps; len(deps) != 1 || deps[0] != addr.New("note", "z") {
		t.Errorf("dependencies after the move: %v", deps)
	}

	b.want(b.mustPlan("removed { from = note.b }\nremoved { from = note.c }\nremoved { from = note.z }", planner.Options{}), "forget note.b\nforget note.c\nforget note.z")
	b.mustApply("removed { from = note.b }\nremoved { from = note.c }\nremoved { from = note.z }", planner.Options{})
	if _, err := os.Stat(b.notes.path("b")); err != nil {
		t.Error("a forgotten object is left alone:", err)
	}

	src := "note \"n\" {\n text = \"new\"\n}\nimport {\n to = note.n\n id = \"b\"\n}"
	plan, diags := b.plan(src, planner.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	b.want(actions(plan), "update note.n")
	if n := plan.Counts(); n.Import != 1 || n.Change != 1 {
		t.Errorf("counts %+v", n)
	}
	r := b.mustApply(src, planner.Options{})
	if r.Imported != 1 || r.Changed != 1 {
		t.Errorf("%+v", r)
	}
	b.want(b.mustPlan(src, planner.Options{}), "")
	_, diags = b.plan("note \"n\" {\n}\nnote \"m\" {\n}\nimport {\n to = note.m\n id = \"nowhere\"\n}", planner.Options{})
	if !strings.Contains(fmt.Sprint(diags), "nowhere") {
		t.Errorf("import of nothing: %v", diags)
	}
}

func TestPreventDestroyOutlivesItsBlock(t *testing.T) {
	b := newBench(t)
	protected := "note \"a\" {\n prevent_destroy = true\n}"
	b.mustApply(protected, planner.Options{})
	for _, c := range []struct {
		src string
		opt planner.Options
	}{
		{"", planner.Options{}},
		{protected, planner.Options{Mode: planner.Destroy}},
		{"note \"a\" {\n kind = \"x\"\n prevent_destroy = true\n}", planner.Options{}},
		{protected, planner.Options{Replace: []addr.Addr{addr.New("note", "a")}}},
	} {
		if _, diags := b.plan(c.src, c.opt); !strings.Contains(fmt.Sprint(diags), "Instance cannot be destroyed") {
			t.Errorf("%q %v: %v", c.src, c.opt, diags)
		}
	}
	b.want(b.mustPlan("removed { from = note.a }", planner.Options{}), "forget note.a")
	b.mustApply(`note "a" {}`, planner.Options{})
	b.want(b.mustPlan("", planner.Options{}), "delete note.a")
}

func TestTargets(t *testing.T) {
	b := newBench(t)
	target := func(s string) planner.Options {
		a, err := addr.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return planner.Options{Targets: []addr.Addr{a}}
	}
	b.want(b.mustPlan(three, target("note.b")), "create note.a\ncreate note.b")
	_, diags := b.plan(three, target("note.bb"))
	if !strings.Contains(fmt.Sprint(diags), "matches nothing") {
		t.Errorf("a target that matches nothing: %v", diags)
	}
	b.mustApply(three, planner.Options{})
	opt := target("note.b")
	opt.Mode = planner.Destroy
	b.want(b.mustPlan(three, opt), "delete note.b\ndelete note.c")
}

func TestReasonsOfDeletes(t *testing.T) {
	b := newBench(t)
	each := "note \"a\" {\n for_each = toset([\"x\", \"y\"])\n text = each.key\n}"
	b.mustApply(each, planner.Options{})
	b.want(b.recorded(), `note.a["x"]
note.a["y"]`)
	reasons := func(src string) string {
		plan, diags := b.plan(src, planner.Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var out []string
		for _, c := range plan.Changes {
			if c.Action == planner.Delete {
				out = append(out, c.Addr.Key+" "+string(c.Reason))
			}
		}
		return strings.Join(out, "\n")
	}
	b.want(reasons(strings.Replace(each, `, "y"`, "", 1)), "y delete_because_each_key")
	b.want(reasons(""), "x delete_because_no_resource_config\ny delete_because_no_resource_config")
	b.want(reasons(`note "a" {}`), "x delete_because_wrong_repetition\ny delete_because_wrong_repetition")
}

func TestTwoBlocksForOneObject(t *testing.T) {
	b := newBench(t)
	_, diags := b.plan("note \"a-x\" {\n}\nnote \"a\" {\n for_each = toset([\"x\"])\n}", planner.Options{})
	if !strings.Contains(fmt.Sprint(diags), "Two blocks for one object") {
		t.Error(diags)
	}
}

func TestAttributeErrorsPointAtTheAttribute(t *testing.T) {
	b := newBench(t)
	_, diags := b.plan("note \"a\" {\n  text = \"bad\"\n}", planner.Options{})
	if len(diags) != 1 || diags[0].Subject == nil || diags[0].Subject.Start.Line != 2 {
		t.Errorf("%v", diags)
	}
}

func TestForeignObjectIsNotTakenOver(t *testing.T) {
	b := newBench(t)
	if err := b.notes.write(&note{Name: "a", Text: "mine"}); err != nil {
		t.Fatal(err)
	}
	_, diags := b.apply(`note "a" {}`, planner.Options{})
	if !strings.Contains(fmt.Sprint(diags), "already exists") {
		t.Error(diags)
	}
	b.want(b.recorded(), "")
	data, err := os.ReadFile(b.notes.path("a"))
	if err != nil || !strings.Contains(string(data), "mine") {
		t.Errorf("%s %v", data, err)
	}
}

// TestUnlinkedDelete: y let go of x in the same apply in which x goes and z,
// which y now needs and x needed, is replaced. No order keeps every wish; one
// without a deadlock must be found.
func TestUnlinkedDelete(t *testing.T) {
	b := newBench(t)
	b.mustApply("note \"z\" {}\nnote \"x\" {\n near = note.z\n}\nnote \"y\" {\n near = note.x\n}", planner.Options{})
	b.mustApply("note \"z\" {\n kind = \"new\"\n}\nnote \"y\" {\n near = note.z\n}", planner.Options{})
	b.want(b.recorded(), "note.y\nnote.z")
}

func TestInterruptStopsBetweenSteps(t *testing.T) {
	b := newBench(t)
	release := make(chan struct{})
	b.notes.hold["create a"] = release
	lock, err := b.store().Lock(context.Background(), state.LockInfo{Operation: "test"})
	if err != nil {
		t.Fatal(err)
	}
	plan, diags := b.p.Plan(context.Background(), b.config(three), lock.Snapshot(), planner.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	stop := make(chan struct{})
	r, _ := b.p.Apply(context.Background(), plan, lock, stop, func(e planner.Event) {
		if e.Kind == planner.Started {
			close(stop)
			time.AfterFunc(20*time.Millisecond, func() { close(release) })
		}
	})
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if !r.Interrupted || r.Added != 1 || len(r.Skipped) != 2 {
		t.Errorf("%+v", r)
	}
	b.want(b.recorded(), "note.a")
}

// TestUnfinishedCreate: the run died between Begin and Put, before or after
// the object was made.
func TestUnfinishedCreate(t *testing.T) {
	for _, made := range []bool{false, true} {
		t.Run(fmt.Sprint("made=", made), func(t *testing.T) {
			b := newBench(t)
			lock, err := b.store().Lock(context.Background(), state.LockInfo{Operation: "test"})
			if err != nil {
				t.Fatal(err)
			}
			intent := state.Intent{Op: state.Create, Resource: &state.Resource{Attributes: json.RawMessage(`{"name":"a","text":"1"}`)}}
			if err := lock.Begin(addr.New("note", "a"), intent); err != nil {
				t.Fatal(err)
			}
			if err := lock.Close(); err != nil {
				t.Fatal(err)
			}
			if made {
				if err := b.notes.write(&note{Name: "a", Text: "1"}); err != nil {
					t.Fatal(err)
				}
			}
			plan, diags := b.plan(three, planner.Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if len(plan.Recovered) != 1 || plan.Recovered[0].Found != made {
				t.Errorf("recovered %+v", plan.Recovered)
			}
			b.mustApply(three, planner.Options{})
			if n := len(b.snapshot().Unfinished); n != 0 {
				t.Errorf("%d intents are still open", n)
			}
			b.want(b.recorded(), "note.a\nnote.b\nnote.c")
			b.want(b.mustPlan(three, planner.Options{}), "")
		})
	}
}

// TestAnyOrder: with many workers and random shapes every object is made after
// what it needs and destroyed before it.
func TestAnyOrder(t *testing.T) {
	b := newBench(t)
	var src strings.Builder
	const n = 200
	for i := range n {
		fmt.Fprintf(&src, "note \"n%d\" {\n", i)
		if i > 0 {
			fmt.Fprintf(&src, " near = note.n%d\n", (i*7919)%i)
		}
		src.WriteString("}\n")
	}
	b.p.Parallelism = 16
	b.mustApply(src.String(), planner.Options{})
	b.mustApply("", planner.Options{})
	at := map[string]int{}
	for i, line := range b.notes.log {
		at[line] = i
	}
	for i := 1; i < n; i++ {
		me, other := fmt.Sprintf("n%d", i), fmt.Sprintf("n%d", (i*7919)%i)
		if at["create "+me] < at["create "+other] || at["delete "+me] > at["delete "+other] {
			t.Errorf("%s and %s: wrong order", me, other)
		}
	}
}

func TestOutputs(t *testing.T) {
	b := newBench(t)
	b.mustApply("note \"a\" {\n text = \"1\"\n}\noutput \"o\" { value = note.a.text }", planner.Options{})
	if got := string(b.snapshot().Outputs["o"].Value); got != `"1"` {
		t.Errorf("output %s", got)
	}
	plan, _ := b.plan("note \"a\" {\n text = \"1\"\n}\noutput \"o\" { value = \"2\" }", planner.Options{})
	if plan.Empty() || plan.Outputs[0].Action != planner.Update {
		t.Errorf("%+v", plan.Outputs)
	}
	plan, _ = b.plan("note \"a\" {\n text = \"1\"\n}", planner.Options{})
	if plan.Outputs[0].Action != planner.Delete {
		t.Errorf("%+v", plan.Outputs)
	}
}
