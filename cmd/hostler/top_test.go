package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"hostler/providers/testbed"
)

// screen is a terminal in which hostler runs, and all that it printed.
type screen struct {
	*os.File
	cmd  *exec.Cmd
	mu   sync.Mutex
	text strings.Builder
}

func (b *builder) onScreen(cols uint16, args ...string) *screen {
	b.t.Helper()
	c := exec.Command(b.exe, append([]string{"--chdir", b.dir}, args...)...)
	c.Env = append(append(b.mac.Environ(), b.env...), "TERM=xterm")
	f, err := pty.StartWithSize(c, &pty.Winsize{Cols: cols, Rows: 40})
	must(b.t, err)
	s := &screen{File: f, cmd: c}
	b.t.Cleanup(func() { f.Close(); _ = c.Process.Kill() })
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := f.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// await waits until the words have been printed since it was called.
func (s *screen) await(t *testing.T, words ...string) string {
	t.Helper()
	s.mu.Lock()
	from := s.text.Len()
	s.mu.Unlock()
	text := ""
	for range 400 {
		s.mu.Lock()
		text = s.text.String()[from:]
		s.mu.Unlock()
		found := true
		for _, w := range words {
			found = found && strings.Contains(text, w)
		}
		if found {
			return text
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%q did not come up in %q", words, text)
	return ""
}

// TestTop: what status shows, drawn anew, also when the service goes away or the
// window becomes narrow; q and Ctrl-C end it, and leave the terminal as it was.
func TestTop(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testbed.Pretend, map[string]string{"main.hcl": fmt.Sprintf(reportFiles, freePort(t), "/usr/bin/true")})
	b.env = []string{"GITHUB_TOKEN=" + testbed.GitHubToken}
	if out, err := b.run("top"); err == nil || !strings.Contains(out, "top needs a terminal") {
		t.Errorf("without a terminal: %v\n%s", err, out)
	}
	b.must("apply", "--auto-approve")
	at := freePort(t) // instead of that of the block
	b.serve("--listen", at)
	if code, page := get(t, "http://"+at+"/", at); code != http.StatusOK || !strings.Contains(page, "the service runs") {
		t.Errorf("serve --listen: %d %s", code, page)
	}
	s := b.onScreen(120, "top", "--interval", "100ms")
	s.await(t, "host.mini", "\x1b[32mthe service runs", "of 4GiB", "Nobody waits.", "q quits", "\r\n")
	must(t, pty.Setsize(s.File, &pty.Winsize{Cols: 30, Rows: 40}))
	s.await(t, "█", "…", "q quits")
	_, err := s.WriteString("q")
	must(t, err)
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("q: %v", err)
	}
	for plain, args := range map[string][]string{"": {"--no-color"}, "NO_COLOR=1": nil} {
		b.env = append(b.env, plain)
		s = b.onScreen(100, append([]string{"top", "--interval", "100ms"}, args...)...)
		if text := s.await(t, "the service runs", "q quits"); strings.Contains(text, "\x1b[3") {
			t.Errorf("%s%v: colours: %q", plain, args, text)
		}
		_, err = s.WriteString("\x03")
		must(t, err)
		if err := s.cmd.Wait(); err != nil {
			t.Errorf("Ctrl-C: %v", err)
		}
	}
	c := exec.Command(b.exe, "--chdir", b.dir, "top", "--json", "--interval", "100ms")
	c.Env = append(b.mac.Environ(), b.env...)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	for d, n := json.NewDecoder(out), 0; n < 3; n++ {
		var now struct {
			Host    string
			Running bool
			Leases  []any
		}
		if err := d.Decode(&now); err != nil || now.Host != "mini" || !now.Running || now.Leases == nil {
			t.Errorf("line %d: %+v, %v", n, now, err)
		}
	}
	must(t, c.Process.Signal(os.Interrupt))
	if err := c.Wait(); err != nil {
		t.Errorf("--json, interrupted: %v", err)
	}
}
