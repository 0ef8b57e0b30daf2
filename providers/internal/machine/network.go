package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// network is the folder that stands for what a simulated Mac can reach: a file
// for each address, named HOST:PORT, says where that really listens.
const network = "/var/db/simulated-network"

// dial connects to an address as the Mac sees it.
func (m *Machine) dial(ctx context.Context, address string) (net.Conn, error) {
	really := address
	if m.root != "/" {
		data, err := os.ReadFile(filepath.Join(m.root, network, address))
		if err != nil {
			return nil, fmt.Errorf("dial %s: %w", address, syscall.ECONNREFUSED)
		}
		really = strings.TrimSpace(string(data))
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", really)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("dial %s: %w", address, context.Cause(ctx))
	}
	return nil, explainDial(address, err)
}

// explainDial adds what the system does not say: macOS 15 and later answer a
// program that may not use the local network as if there were no way.
func explainDial(address string, err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("dial %s: %w", address, err)
	}
	if errno == syscall.EHOSTUNREACH {
		return fmt.Errorf("dial %s: %w; macOS says so too when hostler may not use the local network: "+
			"allow it in System Settings > Privacy & Security > Local Network", address, errno)
	}
	return fmt.Errorf("dial %s: %w", address, errno)
}
