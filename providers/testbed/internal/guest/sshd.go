package guest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/ssh"
)

// network is the folder that says where the addresses of the Mac's guests
// listen on this machine: a file for each, named ADDRESS:PORT.
const network = "/var/db/simulated-network"

// serve runs the guest's SSH server, on a port of this machine's loopback, for
// as long as the guest lives.
func (g Guest) serve(life context.Context, address string) error {
	config := &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() == user && string(password) == user {
				return nil, nil
			}
			return nil, errors.New("wrong user or password")
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if c.User() == user && g.authorized(key) {
				return nil, nil
			}
			return nil, errors.New("unknown key")
		},
	}
	key, err := g.hostKey()
	if err != nil {
		return err
	}
	config.AddHostKey(key)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := g.stand(life, address, l.Addr().String()); err != nil {
		return err
	}
	context.AfterFunc(life, func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the guest has ended
			}
			go g.connection(life, conn, config)
		}
	}()
	return nil
}

// stand has the SSH server that listens at really stand behind the guest's
// address.
func (g Guest) stand(life context.Context, address, really string) error {
	file := g.Mac.Path(filepath.Join(network, net.JoinHostPort(address, "22")))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	context.AfterFunc(life, func() { os.Remove(file) })
	return os.WriteFile(file, []byte(really), 0o644)
}

// hostKey is the guest's SSH host key, which is made at its first boot and which
// its clones share.
func (g Guest) hostKey() (ssh.Signer, error) {
	file := filepath.Join(g.VM.Dir.Guest(), "etc/ssh/ssh_host_ed25519_key")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		_, key, genErr := ed25519.GenerateKey(rand.Reader)
		if genErr != nil {
			return nil, genErr
		}
		block, pemErr := ssh.MarshalPrivateKey(key, "")
		if pemErr != nil {
			return nil, pemErr
		}
		data = pem.EncodeToMemory(block)
		if err = os.MkdirAll(filepath.Dir(file), 0o755); err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
	}
	if err != nil {
		return nil, err
	}
	return ssh.ParsePrivateKey(data)
}

// authorized reports whether the key may log in as the guest's user.
func (g Guest) authorized(key ssh.PublicKey) bool {
	rest, err := os.ReadFile(filepath.Join(g.home(), ".ssh/authorized_keys"))
	for err == nil {
		var known ssh.PublicKey
		if known, _, _, rest, err = ssh.ParseAuthorizedKey(rest); err == nil && slices.Equal(known.Marshal(), key.Marshal()) {
			return true
		}
	}
	return false
}

func (g Guest) connection(life context.Context, conn net.Conn, config *ssh.ServerConfig) {
	defer context.AfterFunc(life, func() { conn.Close() })()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		conn.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		if c.ChannelType() != "session" {
			c.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			continue
		}
		go g.session(life, channel, requests)
	}
}

// session runs the one command of a session. A client that goes away leaves the
// command running.
func (g Guest) session(life context.Context, channel ssh.Channel, requests <-chan *ssh.Request) {
	ctx, hangUp := context.WithCancelCause(life)
	defer hangUp(nil)
	for r := range requests {
		if r.Type != "exec" || len(r.Payload) < 4 {
			r.Reply(false, nil)
			continue
		}
		r.Reply(true, nil)
		go func() {
			defer channel.Close()
			code, err := g.line(life, ctx, string(r.Payload[4:]), channel)
			if err != nil {
				fmt.Fprintf(channel.Stderr(), "%v\n", err)
				return // without a status, as when the machine is gone
			}
			channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(code)}))
		}()
	}
	hangUp(errHungUp)
}

// line runs a command line by the shell of the guest's user.
func (g Guest) line(life, ctx context.Context, line string, channel ssh.Channel) (code int, err error) {
	words := split(line)
	if len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	if len(words) == 0 {
		return 0, nil
	}
	return g.perform(life, ctx, command{words: words, stdin: channel, stdout: channel, stderr: channel.Stderr()})
}
