package guest

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"hostler/providers/internal/machine"
	"hostler/providers/internal/tartcli"
)

// way is a way into a guest. A nil error of run is status 0.
type way interface {
	name() string
	run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error
}

// agent is the way by tart's guest agent.
type agent struct {
	tart *tartcli.Tart
	vm   string
}

func (a agent) name() string { return "agent" }

func (a agent) run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	return a.tart.Exec(ctx, a.vm, args, stdin, stdout, stderr)
}

// ssh is the way by the guest's SSH server.
type ssh struct {
	m     *machine.Machine
	login machine.SSH
}

func (s ssh) name() string { return "ssh" }

func (s ssh) run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	return s.m.RunSSH(ctx, s.login, "exec "+strings.Join(quoted, " "), stdin, stdout, stderr)
}

// entered is the way in that contact found, which is looked for where there was
// none yet: an adopted guest was reached before our own restart.
func (g *Guest) entered(ctx context.Context) (way, error) {
	if w := g.known(); w != nil {
		return w, nil
	}
	in, cancel := g.while(ctx, patience)
	defer cancel()
	_, err := g.contact(in)
	return g.known(), err
}

func (g *Guest) known() way {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.way
}

func (g *Guest) enter(w way) (name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.way = w
	return w.name()
}

// contact finds the way in. SSH often answers before the agent does, which
// waits for the guest's automatic login.
func (g *Guest) contact(ctx context.Context) (note string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := knock(ctx, func(context.Context) (way, error) { return agent{tart: g.tart, vm: g.spec.VM}, nil })
	var second <-chan knocked
	if g.spec.Login.User != "" {
		second = knock(ctx, g.overSSH)
	}
	none := noWay{}
	var fallback way
	var late <-chan time.Time
	for {
		select {
		case k := <-first:
			if k.err == nil {
				return g.enter(k.way), nil
			}
			none.agent = k.err
		case k := <-second:
			if none.ssh = k.err; k.err == nil {
				fallback, late = k.way, time.After(g.spec.Limits.Agent)
				second = nil
			}
		case <-late:
			return g.enter(fallback), nil
		case <-ctx.Done():
			if fallback != nil && g.ended() == nil {
				return g.enter(fallback), nil
			}
			return "", none
		}
	}
}

// overSSH is the way by SSH to the address that the guest has now.
func (g *Guest) overSSH(ctx context.Context) (way, error) {
	address, err := g.tart.Address(ctx, g.spec.VM)
	if err != nil {
		return nil, err
	}
	l := g.spec.Login
	return ssh{g.m, machine.SSH{
		Address: net.JoinHostPort(address.String(), "22"), User: l.User, Password: l.Password, Key: l.Key, Pin: l.Pin,
	}}, nil
}

// knocked is a way in, or why there is none.
type knocked struct {
	way way
	err error
}

// knock tries a way in until it is open or the context ends, and tells of each
// attempt.
func knock(ctx context.Context, find func(context.Context) (way, error)) <-chan knocked {
	out := make(chan knocked)
	go func() {
		for n := 0; ; n++ {
			one, cancel := context.WithTimeout(ctx, patience)
			w, err := find(one)
			if err == nil {
				err = w.run(one, []string{"true"}, nil, io.Discard, io.Discard)
			}
			cancel()
			if cut(err) {
				err = fmt.Errorf("no answer within %s", patience)
			}
			select {
			case out <- knocked{w, err}:
			case <-ctx.Done():
				return
			}
			if err == nil || waitFor(ctx, ctx.Done(), pause(n)) {
				return
			}
		}
	}()
	return out
}

// noWay is why there is no way into a guest; a nil reason is one that was not
// tried, or has not answered.
type noWay struct{ agent, ssh error }

func (e noWay) Error() string {
	text := "the agent does not answer"
	if e.agent != nil {
		text = e.agent.Error()
	}
	if e.ssh != nil {
		text += "; nor by SSH: " + e.ssh.Error()
	}
	return text
}

func (e noWay) Unwrap() []error {
	var all []error
	for _, err := range []error{e.agent, e.ssh} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// askToShutDown has the guest's own shutdown begin. An error is a guest that
// refused; one that is lost over it is on its way, and one that does not answer
// may be.
func (g *Guest) askToShutDown(ctx context.Context) error {
	way, err := g.entered(ctx)
	if err != nil {
		return err
	}
	err = way.run(ctx, []string{"sudo", "-S", "-p", "", "shutdown", "-h", "now"},
		strings.NewReader(g.spec.Login.Password.Reveal()+"\n"), io.Discard, io.Discard)
	if cut(err) || lost(err) {
		return nil
	}
	return err
}
