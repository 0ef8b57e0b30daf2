package hostsettings

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hostler/providers"
	"hostler/providers/internal/machine"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

func TestMain(m *testing.M) {
	os.Exit(mactest.Main(m))
}

// bed is a simulated Mac and its settings.
type bed struct {
	*testbed.Mac
	c *Client
	t *testing.T
}

func newBed(t *testing.T, spec testbed.Spec) *bed {
	t.Helper()
	mac, err := testbed.New(filepath.Join(t.TempDir(), "mac"), mactest.Tools(), spec)
	if err != nil {
		t.Fatal(err)
	}
	c := New(machine.Local(mac.Root(), mac.Environ()))
	c.pauses = nil
	return &bed{mac, c, t}
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// tool is somebody at the Mac's keyboard, who is root if the line begins with
// sudo.
func (b *bed) tool(line string) string {
	b.t.Helper()
	var out bytes.Buffer
	code, ok := testbed.Main(words(line), b.Environ(), strings.NewReader(""), &out, &out)
	if !ok {
		b.t.Fatalf("%s: no such program", line)
	}
	if code != 0 {
		return out.String() + "exit status " + string(rune('0'+code%10))
	}
	return out.String()
}

// words splits a line at spaces outside of quotes.
func words(line string) []string {
	var out []string
	quoted := false
	for _, part := range strings.Split(line, "'") {
		if quoted {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
		quoted = !quoted
	}
	return out
}

func (b *bed) read(named *Values) *Values {
	b.t.Helper()
	got, err := b.c.Batch().Read(b.t.Context(), named)
	b.must(err)
	return got
}

// changes are the calls that could change the Mac, since the last reset.
func (b *bed) changes() []string {
	b.t.Helper()
	calls, err := b.Calls()
	b.must(err)
	var out []string
	for _, c := range calls {
		if c.Mutating {
			out = append(out, strings.Join(append([]string{c.Tool}, c.Args...), " "))
		}
	}
	return out
}

// values are settings by name.
func values(pairs ...any) *Values {
	v := &Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.set(pairs[i].(string), pairs[i+1])
	}
	return v
}

// pointsAt holds an error to point at a setting and to say all of texts.
func pointsAt(t *testing.T, err error, name string, texts ...string) {
	t.Helper()
	var at *providers.AttrError
	if !errors.As(err, &at) || !at.Path.Equals(attr(name)) {
		t.Errorf("%v does not point at settings.%s", err, name)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %#v, want %#v", what, got, want)
	}
}
