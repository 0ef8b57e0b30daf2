package guest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"hostler/providers/testbed/internal/qemu"
	"hostler/providers/testbed/internal/vm"
)

// A guest can be a real machine, see mac.Machine. Its disk is the VM's, and its
// SSH server stands behind the guest's address; the agent is played by it, too.

// machine is a machine that has been started, or has not.
type machine struct {
	*qemu.Guest
	err error
}

// machineFile says where the machine's SSH server listens.
func (g Guest) machineFile() string { return filepath.Join(g.VM.Dir.Guest(), "machine") }

// power starts the machine of the guest in the background.
func (g Guest) power(life context.Context, shares []string) <-chan machine {
	var all []qemu.Share
	for _, share := range shares {
		name, rest, _ := strings.Cut(share, ":")
		path, readOnly := strings.CutSuffix(rest, ":ro")
		all = append(all, qemu.Share{Name: name, Path: g.Mac.Path(path), ReadOnly: readOnly})
	}
	on := make(chan machine, 1)
	os.Remove(g.machineFile())
	go func() {
		m, err := qemu.Start(life, g.Settings.Machine, g.VM.Dir.DiskFile(), g.VM.Dir.Guest(), all)
		on <- machine{m, err}
	}()
	return on
}

// online gives the machine an address, and an agent if the guest has one.
func (g Guest) online(life context.Context, m machine, cfg vm.Config) error {
	address, err := g.lease(cfg.MACAddress)
	if err != nil {
		return err
	}
	if err := os.WriteFile(g.machineFile(), []byte(m.Address), 0o644); err != nil || address == "" {
		return err
	}
	return g.stand(life, address, m.Address)
}

// remote runs a command in the machine.
func (g Guest) remote(ctx context.Context, c command) (code int, err error) {
	address, err := os.ReadFile(g.machineFile())
	if err != nil {
		return 1, errLost
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", string(address))
	if err != nil {
		return 1, errLost
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	over, channels, requests, err := ssh.NewClientConn(conn, string(address), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password(user)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return 1, fmt.Errorf("%w: %v", errLost, err)
	}
	client := ssh.NewClient(over, channels, requests)
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return 1, errLost
	}
	session.Stdin, session.Stdout, session.Stderr = c.stdin, c.stdout, c.stderr
	quoted := make([]string, len(c.words))
	for i, w := range c.words {
		quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	err = session.Run("exec " + strings.Join(quoted, " "))
	var exit *ssh.ExitError
	switch {
	case ctx.Err() != nil:
		return 1, context.Cause(ctx)
	case errors.As(err, &exit):
		return exit.ExitStatus(), nil
	case err != nil:
		return 1, errLost
	}
	return 0, nil
}
