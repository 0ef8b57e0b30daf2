package socket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hostler/providers"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/status"
	"hostler/providers/testbed"
	"hostler/providers/testbed/mactest"
)

// stranger is an account that is neither ours nor root.
const stranger = 4321

// TestMain is a caller of its own where a test starts it as one.
func TestMain(m *testing.M) {
	if root := os.Getenv("SOCKET_TEST_CALLER"); root != "" {
		call(root)
		return
	}
	os.Exit(mactest.Main(m))
}

// call asks for each verb, and says what came of it.
func call(root string) {
	c, err := Dial(providers.Env{Root: root})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, asked := c.Run(ctx, dispatch.Request{Profile: "none"}, func(dispatch.Update) {})
	_, seen := c.Status(ctx)
	_, swept := c.Sweep(ctx)
	_, torn := c.Teardown(ctx)
	_, pruned := c.Prune(ctx, status.Pruning{})
	for verb, err := range map[string]error{
		"prune": pruned,
		"run":   asked, "status": seen, "sweep": swept, "teardown": torn, "drain": c.Drain(ctx, true),
		"release": c.Release(ctx, ReleaseRequest{Lease: "none"}),
	} {
		fmt.Printf("%s: %v\n", verb, err)
	}
}

// as runs call under another account, and returns what each verb came to.
func as(t *testing.T, uid int, root string) map[string]string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may act as another account")
	}
	dir, err := os.MkdirTemp("/tmp", "hostler-caller-")
	must(t, err, os.Chmod(dir, 0o755))
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, err := os.ReadFile(os.Args[0])
	must(t, err, os.WriteFile(filepath.Join(dir, "caller"), program, 0o755))
	c := exec.Command(filepath.Join(dir, "caller"))
	c.Dir, c.Env = dir, []string{"SOCKET_TEST_CALLER=" + root}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	out, err := c.CombinedOutput()
	must(t, err)
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		verb, what, _ := strings.Cut(strings.TrimSpace(line), ": ")
		said[verb] = what
	}
	return said
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// serve runs a service of a simulated Mac on which nothing was applied, and
// answers for it.
func serve(t *testing.T, clients ...int) (providers.Env, string) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755)) // for other accounts
	mac, err := testbed.New(filepath.Join(dir, "mac"), mactest.Tools(), testbed.Spec{})
	must(t, err)
	env := providers.Env{Root: mac.Root(), Environ: mac.Environ()}
	path, err := Path(env)
	must(t, err)
	l, err := Listen(path, len(clients) > 0)
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(path)) })
	service, err := dispatch.New(dispatch.Options{Env: env})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	server := &Server{Service: service, Options: dispatch.Options{Env: env}, Owner: os.Getuid(), Clients: clients}
	var wg sync.WaitGroup
	wg.Go(func() { must(t, server.Serve(ctx, l)) })
	wg.Go(func() { must(t, service.Run(ctx)) })
	t.Cleanup(func() { stop(); wg.Wait() })
	return env, path
}

// Who calls is what the kernel says, and decides which verbs are open.
func TestWhoMayAsk(t *testing.T) {
	const closed = "the account with uid 4321 may not do this"
	env, _ := serve(t, stranger)
	for verb, want := range map[string]string{
		"run": "there is no host", "release": "release gives back the lease of the job that asks", "status": "there is no host",
		"drain": closed, "sweep": closed, "prune": closed, "teardown": closed,
	} {
		if said := as(t, stranger, env.Root)[verb]; !strings.Contains(said, want) {
			t.Errorf("%s: %s; want %s", verb, said, want)
		}
	}
	for verb, said := range as(t, stranger+1, env.Root) {
		if !strings.Contains(said, "the account with uid 4322 may not do this") {
			t.Errorf("%s: %s", verb, said)
		}
	}
}

// A service without clients has a socket that others can't even open.
func TestASocketOfOurOwn(t *testing.T) {
	env, path := serve(t)
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%v", info.Mode())
	}
	for verb, said := range as(t, stranger, env.Root) {
		if !strings.Contains(said, "this account may not speak to the dispatch service") {
			t.Errorf("%s: %s", verb, said)
		}
	}
}

// Nothing is asked of whoever could pose as the service.
func TestPosers(t *testing.T) {
	env, path := serve(t)
	c, err := Dial(env)
	must(t, err)
	ask := func(want string) {
		t.Helper()
		if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
		if _, err := Listen(path+"2", false); !strings.HasPrefix(want, "there is") && (err == nil || !strings.Contains(err.Error(), strings.Split(want, " and")[0])) {
			t.Errorf("listen: %v; want %s", err, want)
		}
	}
	ask("there is no host") // it is the service
	if _, err := Listen(path, false); err == nil || !strings.Contains(err.Error(), "another service answers") {
		t.Errorf("a second service: %v", err)
	}
	if _, err := status.Prune(dispatch.Options{Env: env}, status.Pruning{All: true}); !errors.Is(err, ledger.ErrBusy) {
		t.Errorf("caches are pruned beside the service: %v", err)
	}
	dir := filepath.Dir(path)
	must(t, os.Chmod(dir, 0o775))
	ask("others may write in the folder " + dir)
	must(t, os.Chmod(dir, 0o755))
	if os.Getuid() != 0 {
		return
	}
	must(t, os.Chown(dir, stranger, stranger))
	ask("the folder " + dir + " belongs to uid 4321")
	must(t, os.Chown(dir, 0, 0), os.Lchown(path, stranger, stranger), os.Chown(dir, stranger, stranger))
	if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "belongs to uid 4321, and uid 0 answers; nothing was asked of it") {
		t.Errorf("%v", err)
	}
}

// Answers that no service gives are errors, and don't hold anybody up.
func TestLiars(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"another program":    {"SSH-2.0-OpenSSH_9.6\r\n", "malformed HTTP"},
		"an older service":   {"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n", "is it another version than this hostler?"},
		"half an answer":     {"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n{\"memory\":", "unexpected EOF"},
		"an endless problem": {"HTTP/1.1 409 Conflict\r\nContent-Length: 9000000\r\n\r\n{\"text\":\"" + strings.Repeat("x", 2<<20), "is it another version than this hostler?"},
		"the wrong type":     {"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"memory\": [7]}", "cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("/tmp", "hostler-liar-")
			must(t, err, os.Chmod(dir, 0o755))
			t.Cleanup(func() { os.RemoveAll(dir) })
			env := providers.Env{Root: dir}
			path, err := Path(env)
			must(t, err)
			l, err := Listen(path, false)
			must(t, err)
			t.Cleanup(func() { l.Close(); os.RemoveAll(filepath.Dir(path)) })
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = io.WriteString(conn, c.answer)
					conn.(*net.UnixConn).Close()
				}
			}()
			client, err := Dial(env)
			must(t, err)
			if _, err := client.Status(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %s", err, c.want)
			}
		})
	}
}

// TestKilledService: a service that is killed before it answers breaks the
// connection; whoever waits asks the next one.
func TestKilledService(t *testing.T) {
	env := providers.Env{Root: t.TempDir()}
	path, err := Path(env)
	must(t, err)
	l, err := Listen(path, false)
	must(t, err)
	go func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			// What was sent and not read breaks the connection.
			time.Sleep(50 * time.Millisecond)
			if n >= 3 {
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"handover\":{\"label\":\"vm-1\"}}\n")
				http.ReadRequest(bufio.NewReader(c))
			}
			c.Close()
		}
	}()
	defer l.Close()
	c, err := Dial(env)
	must(t, err)
	away := 0
	h, err := c.Run(t.Context(), dispatch.Request{Profile: "small"}, func(dispatch.Update) { away++ })
	if err != nil || h.Label != "vm-1" || away != 1 {
		t.Errorf("%+v, %v, told %d times", h, err, away)
	}
}
