package machine

import (
	"context"
	"errors"
	"io/fs"

	"hostler/providers/secret"
)

// Secret reads a secret that lies on the machine: in its environment, a file
// or the keychain, or as what a program prints.
func (m *Machine) Secret(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	return secret.Source{
		Getenv: m.Getenv,
		ReadFile: func(path string) ([]byte, fs.FileMode, error) {
			info, err := m.Stat(path)
			if err != nil {
				return nil, 0, err
			}
			data, err := m.ReadFile(path)
			return data, info.Mode, err
		},
		Run: func(ctx context.Context, program string, args ...string) ([]byte, int, error) {
			out, err := m.Run(ctx, Command{Program: program, Args: args})
			var exit *ExitError
			if errors.As(err, &exit) {
				return nil, exit.Code, nil
			}
			return out.Stdout, 0, err
		},
	}.Resolve(ctx, ref)
}
