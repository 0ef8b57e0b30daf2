package providertest

import (
	"os"
	"strings"
	"testing"
	"time"

	"hostler/providers/testbed/mactest"
	"hostler/providers/testbed/tracer"
)

func TestMain(m *testing.M) {
	os.Exit(mactest.Main(m))
}

func TestSound(t *testing.T)       { Run(t, toySuite("", false)) }
func TestSoundOnAMac(t *testing.T) { Run(t, toySuite("", true)) }

// TestFlaws: the suite must see each of these. The rule is the one that has
// to fail, with that text.
func TestFlaws(t *testing.T) {
	for _, c := range []struct {
		flaw, rule, text string
		mac              bool
	}{
		{flaw: "no ID", rule: "create", text: "no ID"},
		{flaw: "answers something else", rule: "create", text: "size"},
		{flaw: "plan never ends", rule: "create", text: "remark"},
		{flaw: "forgets the configuration", rule: "create", text: "remark"},
		{flaw: "leaks into a file", rule: "create", text: "the canary is in the file f/a.json.log"},
		{flaw: "leaks into an error", rule: "create", text: "the canary is in an error"},
		{flaw: "update forgets", rule: "update", text: `change of "size"`},
		{flaw: "reads from memory", rule: "drift", text: "is not seen"},
		{flaw: "plan takes over what it finds", rule: "drift", text: `drift of "sealed" would not be repaired`},
		{flaw: "deletes once", rule: "delete", text: "a second delete"},
		{flaw: "gone is an error", rule: "delete", text: "want null"},
		{flaw: "delete leaves something", rule: "delete", text: "file f/a.json.bak is new"},
		{flaw: "create overwrites", rule: "foreign", text: "want an ExistsError"},
		{flaw: "resolve does not look", rule: "foreign", text: "resolve where a foreign object stands"},
		{flaw: "find adopts", rule: "foreign", text: "find where a foreign object stands"},
		{flaw: "imports something else", rule: "import", text: "size"},
		{flaw: "a call for each read", rule: "batch", text: "reading 20 objects took 20 calls", mac: true},
		{flaw: "deaf", rule: "cancel", text: "did not return"},
		{flaw: "error without a place", rule: "wrong", text: "want an error that points at"},
		{flaw: "error at a wrong place", rule: "wrong", text: "points at"},
		{flaw: "find is blind", rule: "interrupt", text: "nothing stands, and yet"},
		{flaw: "find does not sweep", rule: "interrupt", text: "a.json.tmp is new"},
		{flaw: "create in place", rule: "interrupt", text: "find: "},
		{flaw: "create by halves", rule: "interrupt", text: "kill-caller", mac: true},
	} {
		t.Run(c.flaw, func(t *testing.T) {
			s := toySuite(c.flaw, c.mac)
			if c.flaw == "create by halves" {
				s.World = andMac(s.World)
			}
			if ran, err := child(t.Name(), s); ran {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if c.rule == "interrupt" && !tracer.Here && !c.mac {
				t.Skip("this system can't stop a child at its system calls")
			}
			err := ruleNamed(t, c.rule).hold(&trial{Suite: s, test: t.Name(), temp: t.TempDir, patience: 300 * time.Millisecond})
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("rule %s said: %v; want %q", c.rule, err, c.text)
			}
		})
	}
}

// andMac also looks at what lies in the Mac.
func andMac(world func(string) (*World, error)) func(string) (*World, error) {
	return func(dir string) (*World, error) {
		w, err := world(dir)
		if err != nil {
			return nil, err
		}
		w.Objects = func() ([]string, error) {
			entries, err := os.ReadDir(w.Mac.Path("/tmp"))
			var names []string
			for _, e := range entries {
				names = append(names, "in /tmp: "+e.Name())
			}
			return names, err
		}
		return w, nil
	}
}

func ruleNamed(t *testing.T, name string) rule {
	for _, r := range rules() {
		if r.name == name {
			return r
		}
	}
	t.Fatalf("there is no rule %q", name)
	return rule{}
}

// TestGaps: a suite that leaves something out must not pass.
func TestGaps(t *testing.T) {
	s := toySuite("", false)
	delete(s.Changes, "size")
	delete(s.Drifts, "text")
	for name, want := range map[string]string{"update": `no change of "size"`, "drift": `no drift of "text"`} {
		err := ruleNamed(t, name).hold(&trial{Suite: s, temp: t.TempDir, patience: time.Second})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("rule %s said: %v; want %q", name, err, want)
		}
	}
}
