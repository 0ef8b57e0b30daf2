package machine_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"hostler/providers/internal/machine"
	"hostler/providers/secret"
)

const (
	address = "192.168.64.2:22"
	pin     = "/Users/admin/pins/it"
)

// serveSSH lets the address of the Mac be a server that runs the commands
// "exit N", "cat" and "hang".
func serveSSH(t *testing.T, m *machine.Machine, config *ssh.ServerConfig, keys ...any) {
	t.Helper()
	for _, k := range keys {
		signer, err := ssh.NewSignerFromKey(k)
		if err != nil {
			t.Fatal(err)
		}
		config.AddHostKey(signer)
	}
	l := listen(t, m)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			go func() {
				_, channels, requests, err := ssh.NewServerConn(conn, config)
				if err != nil {
					return
				}
				go ssh.DiscardRequests(requests)
				for c := range channels {
					channel, requests, err := c.Accept()
					if err != nil {
						return
					}
					r := <-requests
					r.Reply(true, nil)
					answer(conn, channel, string(r.Payload[4:]))
				}
			}()
		}
	}()
}

func answer(conn net.Conn, channel ssh.Channel, line string) {
	status := struct{ Code uint32 }{}
	switch {
	case line == "cat":
		io.Copy(channel, channel)
	case line == "hang":
		return
	case line == "lose":
		conn.Close()
		return
	case line == "die":
		channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal     string
			Core       bool
			Text, Lang string
		}{Signal: "KILL"}))
		channel.Close()
		return
	default:
		fmt.Sscanf(line, "exit %d", &status.Code)
		fmt.Fprintln(channel.Stderr(), "bye")
	}
	channel.SendRequest("exit-status", false, ssh.Marshal(status))
	channel.Close()
}

// listen lets the address of the Mac be a port of this machine.
func listen(t *testing.T, m *machine.Machine) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := m.WriteFile("/var/db/simulated-network/"+address, []byte(l.Addr().String()+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return l
}

func byPassword() *ssh.ServerConfig {
	return &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if c.User() == "admin" && string(password) == "canary-right" {
			return nil, nil
		}
		return nil, errors.New("no")
	}}
}

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func login() machine.SSH {
	return machine.SSH{Address: address, User: "admin", Password: secret.NewValue("canary-right"), Pin: pin}
}

func TestSSH(t *testing.T) {
	m, _ := here(t)
	serveSSH(t, m, byPassword(), edKey(t))
	var out, errs bytes.Buffer
	input := strings.Repeat("some input\n", 10000)
	if err := m.RunSSH(t.Context(), login(), "cat", strings.NewReader(input), &out, &errs); err != nil || out.String() != input {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	err := m.RunSSH(t.Context(), login(), "exit 64", nil, &out, &errs)
	var exit *machine.ExitError
	if !errors.As(err, &exit) || exit.Code != 64 || exit.Signal != "" || exit.Stderr != "bye" || errs.String() != "bye\n" {
		t.Errorf("%v, %q", err, errs.String())
	}
	if err := m.RunSSH(t.Context(), login(), "die", nil, &out, &errs); !errors.As(err, &exit) || exit.Code != -1 || exit.Signal != "KILL" {
		t.Errorf("%v", err)
	}
	if err := m.RunSSH(t.Context(), login(), "lose", nil, &out, &errs); !errors.As(err, new(*machine.LostError)) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(errors.New("enough")) })
	if err := m.RunSSH(ctx, login(), "hang", nil, &out, &errs); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("%v", err)
	}
}

func TestSSHLogins(t *testing.T) {
	key := edKey(t)
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	byKey := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, have ssh.PublicKey) (*ssh.Permissions, error) {
		if want, err := ssh.NewPublicKey(key.Public()); err != nil || !bytes.Equal(want.Marshal(), have.Marshal()) {
			return nil, errors.New("no")
		}
		return nil, nil
	}}
	byQuestion := &ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		if answers, err := ask("", "", []string{"Password:"}, []bool{false}); err != nil || answers[0] != "canary-right" {
			return nil, errors.New("no")
		}
		return nil, nil
	}}
	withKey := login()
	withKey.Key, withKey.Password = secret.NewValue(string(pem.EncodeToMemory(block))), secret.Value{}
	wrong := login()
	wrong.Password = secret.NewValue("canary-wrong")
	broken := login()
	broken.Key = secret.NewValue("canary-broken")
	for _, c := range []struct {
		name   string
		config *ssh.ServerConfig
		login  machine.SSH
		want   string
	}{
		{"password", byPassword(), login(), ""},
		{"key", byKey, withKey, ""},
		{"question", byQuestion, login(), ""},
		{"wrong password", byPassword(), wrong, `refuses the SSH login of "admin"`},
		{"wrong answer", byQuestion, wrong, `refuses the SSH login of "admin"`},
		{"no key", byKey, login(), `refuses the SSH login of "admin"`},
		{"broken key", byKey, broken, "the private key can't be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _ := here(t)
			serveSSH(t, m, c.config, edKey(t))
			err := m.RunSSH(t.Context(), c.login, "exit 0", nil, io.Discard, io.Discard)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary")):
				t.Errorf("%v", err)
			}
			if _, err := m.Stat(pin); (err == nil) != (c.want == "") {
				t.Errorf("pinned: %v", err)
			}
		})
	}
}

func TestHostKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"ed25519": edKey(t), "rsa": rsaKey, "ecdsa": ecKey} {
		t.Run(name, func(t *testing.T) {
			m, _ := here(t)
			try := func() error { return m.RunSSH(t.Context(), login(), "exit 0", nil, io.Discard, io.Discard) }
			serveSSH(t, m, byPassword(), key)
			for range 2 {
				if err := try(); err != nil {
					t.Fatal(err)
				}
			}
			// A machine that has got more keys still has the pinned one.
			serveSSH(t, m, byPassword(), edKey(t), rsaKey, ecKey, key)
			if err := try(); err != nil {
				t.Error(err)
			}
			pinned, err := m.ReadFile(pin)
			if err != nil {
				t.Fatal(err)
			}
			serveSSH(t, m, byPassword(), edKey(t)) // which for two of three is of another type
			changed := try()
			var e *machine.HostKeyError
			if !errors.As(changed, &e) || e.Want == e.Have || !strings.Contains(changed.Error(), "rm \""+pin) {
				t.Errorf("%v", changed)
			}
			if now, err := m.ReadFile(pin); err != nil || !bytes.Equal(now, pinned) {
				t.Errorf("the pin changed, %v", err)
			}
		})
	}
	m, _ := here(t)
	serveSSH(t, m, byPassword(), edKey(t))
	if err := m.WriteFile(pin, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.RunSSH(t.Context(), login(), "exit 0", nil, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), pin+" holds no SSH host key") {
		t.Errorf("%v", err)
	}
}

func TestSSHOfWhatIsNotThere(t *testing.T) {
	m, _ := here(t)
	try := func(ctx context.Context) error { return m.RunSSH(ctx, login(), "exit 0", nil, io.Discard, io.Discard) }
	if err := try(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), address) {
		t.Errorf("%v", err)
	}
	// One that is there and says nothing.
	listen(t, m)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := try(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	l := listen(t, m)
	l.Close()
	if err := try(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("%v", err)
	}
}

// What macOS says to a program that may not use the local network.
func TestNoRouteIsExplained(t *testing.T) {
	err := machine.ExplainDial(address, &net.OpError{Op: "dial", Err: fmt.Errorf("connect: %w", syscall.EHOSTUNREACH)})
	if !errors.Is(err, syscall.EHOSTUNREACH) || !strings.Contains(err.Error(), "Local Network") {
		t.Errorf("%v", err)
	}
	err = machine.ExplainDial(address, &net.OpError{Op: "dial", Err: fmt.Errorf("connect: %w", syscall.ETIMEDOUT)})
	if strings.Contains(err.Error(), "Local Network") {
		t.Errorf("%v", err)
	}
}
