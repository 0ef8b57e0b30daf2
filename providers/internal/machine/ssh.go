package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"hostler/providers/secret"
)

// SSH is a login on another machine that this one can reach.
type SSH struct {
	Address  string // HOST:PORT
	User     string
	Password secret.Value // for password and keyboard-interactive logins
	Key      secret.Value // a private key in PEM; tried first
	// Pin is the file that holds the other machine's key. It is written at the
	// first login that succeeds; from then on no other key is accepted.
	Pin string
}

// HostKeyError is a machine whose key is not the pinned one.
type HostKeyError struct{ Address, Pin, Want, Have string }

func (e *HostKeyError) Error() string {
	return fmt.Sprintf("the SSH host key of %s is %s, but %s was pinned at the first login: if the machine was made anew since, "+
		"remove the pin with `rm %q`; if not, something else answers at its address", e.Address, e.Have, e.Want, e.Pin)
}

// LoginError is a login that was refused.
type LoginError struct{ Address, User string }

func (e *LoginError) Error() string {
	return fmt.Sprintf("%s refuses the SSH login of %q; check its user, and its password or key", e.Address, e.User)
}

// LostError is a connection that was lost while a command ran: whether it came
// to its end is not known.
type LostError struct {
	Address string
	Err     error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the SSH connection to %s was lost: %v", e.Address, e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }

// patience bounds a login, from the first packet to the last.
const patience = 15 * time.Second

// RunSSH runs a command line on the other machine, by the shell of its user,
// and waits for its end. The command line is as public as arguments are.
// Errors: *LoginError, *HostKeyError, *ExitError, *LostError, or the context's
// cause.
func (m *Machine) RunSSH(ctx context.Context, s SSH, line string, stdin io.Reader, stdout, stderr io.Writer) error {
	client, err := m.login(ctx, s)
	if err != nil {
		return err
	}
	defer client.Close()
	// Whatever waits for the other machine is woken by the loss of the connection.
	defer context.AfterFunc(ctx, func() { client.Close() })()
	said := record{endOnly: true}
	err = runSession(client, line, stdin, stdout, said.and(stderr))
	if ctx.Err() != nil && err != nil {
		return fmt.Errorf("ssh %s: %w", s.Address, context.Cause(ctx))
	}
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		e := &ExitError{Program: "ssh", Args: []string{s.Address}, Code: exit.ExitStatus(), Stderr: tail(said.kept)}
		if exit.Signal() != "" {
			e.Code, e.Signal = -1, exit.Signal()
		}
		return e
	}
	return &LostError{Address: s.Address, Err: err}
}

func runSession(client *ssh.Client, line string, stdin io.Reader, stdout, stderr io.Writer) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	session.Stdin, session.Stdout, session.Stderr = stdin, stdout, stderr
	return session.Run(line)
}

func (m *Machine) login(ctx context.Context, s SSH) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no login within %s", patience))
	defer cancel()
	pinned, err := m.pinned(s.Pin)
	if err != nil {
		return nil, err
	}
	auth, err := s.auth()
	if err != nil {
		return nil, err
	}
	conn, err := m.dial(ctx, s.Address)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var seen ssh.PublicKey
	c, channels, requests, err := ssh.NewClientConn(conn, s.Address, &ssh.ClientConfig{
		User: s.User, Auth: auth, HostKeyAlgorithms: algorithms(pinned),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			seen = key
			return s.check(pinned, key)
		},
	})
	if err != nil {
		conn.Close()
		return nil, s.explain(ctx, pinned, err)
	}
	if err := m.pin(s, pinned, seen); err != nil {
		c.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

func (s SSH) auth() ([]ssh.AuthMethod, error) {
	var all []ssh.AuthMethod
	if !s.Key.IsZero() {
		signer, err := ssh.ParsePrivateKey([]byte(s.Key.Reveal()))
		if err != nil {
			// What the parser says may repeat what it read.
			return nil, fmt.Errorf("ssh %s: the private key can't be read; it must be PEM without a passphrase", s.Address)
		}
		all = append(all, ssh.PublicKeys(signer))
	}
	if !s.Password.IsZero() {
		all = append(all, ssh.Password(s.Password.Reveal()), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = s.Password.Reveal()
				}
				return answers, nil
			}))
	}
	return all, nil
}

func (s SSH) explain(ctx context.Context, pinned ssh.PublicKey, err error) error {
	var changed *HostKeyError
	switch {
	case errors.As(err, &changed):
		return changed
	case pinned != nil && strings.Contains(err.Error(), "no common algorithm for host key"):
		return &HostKeyError{Address: s.Address, Pin: s.Pin, Want: ssh.FingerprintSHA256(pinned), Have: "of another type"}
	case ctx.Err() != nil:
		return fmt.Errorf("ssh %s: %w", s.Address, context.Cause(ctx))
	case strings.Contains(err.Error(), "unable to authenticate"):
		return &LoginError{Address: s.Address, User: s.User}
	}
	return fmt.Errorf("ssh %s: %w", s.Address, err)
}

// pinned is the key in the file, nil when there is none yet.
func (m *Machine) pinned(file string) (ssh.PublicKey, error) {
	data, err := m.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s holds no SSH host key; if it is not needed for anything else, remove it with `rm %q`", file, file)
	}
	return key, nil
}

// algorithms makes a machine with several keys show the one that is pinned.
func algorithms(pinned ssh.PublicKey) []string {
	switch {
	case pinned == nil:
		return nil
	case pinned.Type() == ssh.KeyAlgoRSA:
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{pinned.Type()}
}

func (s SSH) check(pinned, key ssh.PublicKey) error {
	if pinned == nil || bytes.Equal(pinned.Marshal(), key.Marshal()) {
		return nil
	}
	return &HostKeyError{Address: s.Address, Pin: s.Pin, Want: ssh.FingerprintSHA256(pinned), Have: ssh.FingerprintSHA256(key)}
}

// pin writes the key down unless it was pinned before. Of two first logins at
// once the one that is second must have seen the same key.
func (m *Machine) pin(s SSH, pinned, key ssh.PublicKey) error {
	if pinned != nil {
		return nil
	}
	err := m.CreateFile(s.Pin, ssh.MarshalAuthorizedKey(key), 0o600)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if pinned, err = m.pinned(s.Pin); err != nil {
		return err
	}
	return s.check(pinned, key)
}
