package secret_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hostler/hcl/schema"
	"hostler/providers/secret"
)

const canary = "hunter2-canary"

func TestRefAgreesWithTheLanguage(t *testing.T) {
	for _, s := range []string{
		"", "env", "env:", "env:A", "file:~/x", "file:", "keychain:a", "keychain:a/b", "keychain:/", "command:a b",
		"literal:x:y", "literal:", "ENV:A", " env:A", "ghp_" + canary, "http://x", ":", "env :A",
	} {
		r, err := secret.ParseRef(s)
		if want := schema.CheckSecretRef(s); (err == nil) != (want == nil) {
			t.Errorf("ParseRef(%q): %v; the language says %v", s, err, want)
		}
		if err == nil && r.String() != s {
			t.Errorf("%q is written back as %q", s, r)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("the error repeats what was given: %v", err)
		}
	}
}

func TestRefAsText(t *testing.T) {
	var doc struct{ A, B secret.Ref }
	if err := json.Unmarshal([]byte(`{"A": "keychain:hostler/bot", "B": ""}`), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.A.String() != "keychain:hostler/bot" || !doc.B.IsZero() {
		t.Errorf("%+v", doc)
	}
	if out, err := json.Marshal(doc); err != nil || string(out) != `{"A":"keychain:hostler/bot","B":""}` {
		t.Errorf("%s, %v", out, err)
	}
}

func TestValueIsNeverPrinted(t *testing.T) {
	v := secret.NewValue(canary)
	if v.Reveal() != canary {
		t.Fatalf("Reveal: %q", v.Reveal())
	}
	type outer struct {
		Public  secret.Value
		private secret.Value
		pointer *secret.Value
		list    []secret.Value
	}
	all := []any{v, &v, outer{v, v, &v, []secret.Value{v}}, &outer{v, v, &v, []secret.Value{v}}, []secret.Value{v}, map[string]secret.Value{"a": v}, fmt.Errorf("x: %v", v)}
	for _, verb := range "vsdqxXtTbcoUeEfFgGpOw" {
		for _, flags := range []string{"", "+", "#", "-10.3", "0", " "} {
			format := "%" + flags + string(verb)
			for _, x := range all {
				out := fmt.Sprintf(format, x)
				if hexed := fmt.Sprintf("%x", canary); strings.Contains(out, canary) || strings.Contains(strings.ToLower(out), hexed) {
					t.Errorf("%s of %T: %s", format, x, out)
				}
			}
			if !strings.ContainsRune("Tpw", verb) {
				if out := fmt.Sprintf(format, v); out != "(secret)" {
					t.Errorf("%s: %q", format, out)
				}
			}
		}
	}
	for i := range reflect.TypeFor[secret.Value]().NumField() {
		if f := reflect.TypeFor[secret.Value]().Field(i); f.IsExported() {
			t.Errorf("field %s is exported", f.Name)
		}
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("m", "v", v, "p", &v, "o", outer{Public: v, private: v}, slog.Group("g", "v", v))
	}
	if strings.Contains(log.String(), canary) || !strings.Contains(log.String(), "(secret)") {
		t.Errorf("log: %s", log.String())
	}
}

func TestValueIsNeverMarshalled(t *testing.T) {
	v := secret.NewValue(canary)
	doc := struct{ V secret.Value }{v}
	var out bytes.Buffer
	for name, err := range map[string]error{
		"json":     json.NewEncoder(&out).Encode(v),
		"json doc": json.NewEncoder(&out).Encode(doc),
		"xml":      xml.NewEncoder(&out).Encode(v),
		"xml doc":  xml.NewEncoder(&out).Encode(doc),
		"gob":      gob.NewEncoder(&out).Encode(v),
		"gob doc":  gob.NewEncoder(&out).Encode(doc),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if strings.Contains(out.String(), canary) {
		t.Errorf("written: %q", out.String())
	}
}

// world is a machine of which each part may be set.
type world struct {
	env  map[string]string
	file string
	mode fs.FileMode
	out  string
	code int
	err  error
	argv []string
}

func (w *world) source() secret.Source {
	return secret.Source{
		Getenv: func(n string) string { return w.env[n] },
		ReadFile: func(p string) ([]byte, fs.FileMode, error) {
			if w.err != nil {
				return nil, 0, w.err
			}
			return []byte(w.file), w.mode, nil
		},
		Run: func(_ context.Context, program string, args ...string) ([]byte, int, error) {
			w.argv = append([]string{program}, args...)
			return []byte(w.out), w.code, w.err
		},
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		ref  string
		w    world
		want string // the value, or after "!" a part of the error
		argv string
	}{
		{ref: "env:T", w: world{env: map[string]string{"T": canary + "\n"}}, want: canary},
		{ref: "env:T", want: "!variable T is not set"},
		{ref: "file:~/t", w: world{file: canary + "\r\n", mode: 0o600}, want: canary},
		{ref: "file:~/t", w: world{file: " a\nb \n\n", mode: 0o400}, want: " a\nb "},
		{ref: "file:~/t", w: world{file: canary, mode: 0o640}, want: "!chmod 600 ~/t"},
		{ref: "file:~/t", w: world{file: canary, mode: 0o604}, want: "!chmod 600 ~/t"},
		{ref: "file:~/t", w: world{err: fs.ErrNotExist}, want: "!not exist"},
		{ref: "file:~/t", w: world{file: "\n", mode: 0o600}, want: "!empty"},
		{ref: "keychain:s", w: world{out: canary + "\n"}, want: canary, argv: "security|find-generic-password|-w|-s|s"},
		{ref: "keychain:https://x/a", w: world{out: canary}, want: canary, argv: "security|find-generic-password|-w|-s|https://x|-a|a"},
		{ref: "keychain:s/", want: "!write keychain:SERVICE"},
		{ref: "keychain:s/a", w: world{code: 44, out: canary}, want: "!add-generic-password -s s -a a -w", argv: "security|find-generic-password|-w|-s|s|-a|a"},
		{ref: "keychain:s", w: world{code: 36, out: canary}, want: "!unlock-keychain", argv: "security|find-generic-password|-w|-s|s"},
		{ref: "command:op read 'op://a b/c'  \"\"", w: world{out: canary + "\n"}, want: canary, argv: "op|read|op://a b/c|"},
		{ref: "command:op 'x", want: "!without its end"},
		{ref: "command: ", want: "!write command:"},
		{ref: "command:op x", w: world{code: 3, out: canary}, want: "!op ended with status 3", argv: "op|x"},
		{ref: "command:op x", w: world{err: context.Canceled}, want: "!canceled", argv: "op|x"},
		{ref: "literal:admin\n", want: "admin\n"},
	} {
		r, err := secret.ParseRef(c.ref)
		if err != nil {
			t.Fatal(err)
		}
		v, err := c.w.source().Resolve(t.Context(), r)
		if part, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want an error with %q", c.ref, err, part)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%q: the error contains the secret: %v", c.ref, err)
			}
			if c.w.err != nil && !errors.Is(err, c.w.err) {
				t.Errorf("%q: %v does not wrap its cause", c.ref, err)
			}
		} else if err != nil || v.Reveal() != c.want {
			t.Errorf("%q: %q, %v", c.ref, v.Reveal(), err)
		}
		if c.argv != "" && !slices.Equal(c.w.argv, strings.Split(c.argv, "|")) {
			t.Errorf("%q ran %q", c.ref, c.w.argv)
		}
	}
	if _, err := (&world{}).source().Resolve(t.Context(), secret.Ref{}); err == nil {
		t.Error("the zero Ref resolved")
	}
}
