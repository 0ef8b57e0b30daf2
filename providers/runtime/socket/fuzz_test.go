package socket

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hostler/providers"
	"hostler/providers/internal/machine"
	"hostler/providers/internal/settings"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/status"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

// FuzzAnswers: whatever answers at the socket, each call comes to an end, with
// what it asked for or an error that says something.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		"", "{}", "null", "[null]", `{"text":"no","reason":"full","class":"guest","lease":"a"}`, `{"text":""}`, "<html>",
		`{"update":{"position":2,"reason":"x"}}` + "\n" + `{"handover":{"label":"vm-1"}}`, `{"problem":null,"update":null}`, `{"problem":{}}`, `{"update":{"position":-1}}`,
		`{"memory":"8GiB","leases":[{}],"queue":null}`, `{"leases":7}`, `[{"lease":"a","end":{"class":"guest"},"lent":"2026-01-01T00:00:00Z"}]`,
	} {
		f.Add(200, body)
		f.Add(409, body)
	}
	dir, err := os.MkdirTemp("/tmp", "hostler-answers-")
	must(f, err, os.Chmod(dir, 0o755))
	path, err := Path(providers.Env{Root: dir})
	must(f, err)
	l, err := Listen(path, false)
	must(f, err)
	f.Cleanup(func() { l.Close(); os.RemoveAll(filepath.Dir(path)); os.RemoveAll(dir) })
	var mu sync.Mutex
	var answer string
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				mu.Lock()
				_, _ = io.WriteString(c, answer)
				mu.Unlock()
			}
			c.Close()
		}
	}()
	c, err := Dial(providers.Env{Root: dir})
	must(f, err)
	f.Fuzz(func(t *testing.T, code int, body string) {
		mu.Lock()
		answer = fmt.Sprintf("HTTP/1.1 %d X\r\nConnection: close\r\n\r\n%s", code, body)
		mu.Unlock()
		ctx := t.Context()
		ended := func(verb string, got bool, err error) {
			if err != nil && (got || err.Error() == "") {
				t.Errorf("%s: %v, %q", verb, got, err)
			}
		}
		h, err := c.runOnce(ctx, dispatch.Request{Profile: "x"}, func(dispatch.Update) {})
		ended("run", h != nil, err)
		if h == nil && err == nil {
			t.Error("run: no runner, and no error")
		}
		_, err = c.Status(ctx)
		ended("status", false, err)
		_, err = c.Leases(ctx)
		ended("leases", false, err)
		_, err = c.Sweep(ctx)
		ended("sweep", false, err)
		_, err = c.Prune(ctx, status.Pruning{})
		ended("prune", false, err)
		_, err = c.Teardown(ctx)
		ended("teardown", false, err)
		ended("drain", false, c.Drain(ctx, true))
		ended("release", false, c.Release(ctx, ReleaseRequest{}))
	})
}

// FuzzRequests: whatever an account of the Mac asks of the service, it is
// answered, and the service goes on.
func FuzzRequests(f *testing.F) {
	verbs := (&Server{}).verbs()
	for i := range verbs {
		for _, body := range []string{
			"", "{}", "null", "[]", `{"Profile":"small","Key":"k","Timeout":-1,"Share":true,"Job":{"repository":"acme/app","run_id":1}}`, `{"Profile":"small","Timeout":9223372036854775807}`,
			`{"Profile":"../small"}`, `{"lease":"../x","job":{"repository":"acme/app"}}`, `{"on":true}`, `{"All":true}`, `{"unknown":1}`, `{"Profile":7}`, strings.Repeat("[", 70<<10),
		} {
			f.Add(i, body)
		}
	}
	mac, err := testbed.New(filepath.Join(f.TempDir(), "mac"), mactest.Tools(), testbed.Spec{})
	must(f, err)
	env := providers.Env{Root: mac.Root(), Environ: mac.Environ()}
	store := settings.Store{Mac: machine.Local(env.Root, env.Environ)}
	must(f, store.Write("host.json", map[string]any{"name": "mini", "reserve": map[string]any{"memory": "4GiB", "disk": "20GiB"}, "macos_guests": 2}))
	must(f, store.Write("profiles/small.json", map[string]any{"name": "small", "vm": "golden", "memory": 2 << 30, "cpus": 2, "timeout": "1m", "trust": "branch", "cache": "none", "network": "nat"}))
	service, err := dispatch.New(dispatch.Options{Env: env})
	must(f, err)
	ctx, stop := context.WithCancel(context.Background())
	var over sync.WaitGroup
	over.Go(func() { must(f, service.Run(ctx)) })
	f.Cleanup(func() { stop(); over.Wait(); must(f, mac.Reboot()) })
	h := (&Server{Service: service, Options: dispatch.Options{Env: env}, Owner: os.Getuid()}).handler()
	ask := func(verb verb, body string) *httptest.ResponseRecorder {
		ctx, cancel := context.WithTimeout(context.WithValue(ctx, caller{}, identity{uid: os.Getuid()}), 20*time.Millisecond)
		defer cancel() // run waits for as long as its caller does
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, verb.method, verb.path, strings.NewReader(body)))
		return w
	}
	f.Fuzz(func(t *testing.T, i int, body string) {
		if i < 0 || i >= len(verbs) {
			return
		}
		v := verbs[i]
		w := ask(v, body)
		if w.Code != http.StatusOK && w.Code != http.StatusConflict {
			t.Errorf("%s: %d %s", v.path, w.Code, w.Body)
		}
		for d := json.NewDecoder(w.Body); ; {
			var one any
			if err := d.Decode(&one); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", v.path, err)
			}
		}
		if _, err := service.Snapshot(); err != nil {
			t.Errorf("after %s %q: %v", v.path, body, err)
		}
	})
}
