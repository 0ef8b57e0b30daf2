package mac

import (
	"fmt"
	"os"
	"path/filepath"
)

// MaxDarwin is how many macOS guests may run on a Mac at once, whoever runs them.
const MaxDarwin = 2

// TakeSlot takes one of the slots for macOS guests; ok is false if all are
// taken. A slot is free again when the process ends, unless a test leaks it.
func (m *Mac) TakeSlot() (free func(), ok bool, err error) {
	s, err := m.Settings()
	if err != nil {
		return nil, false, err
	}
	for i := range MaxDarwin - s.Slots {
		path := filepath.Join(m.dir, "locks", fmt.Sprintf("slot-%d", i))
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return nil, false, err
		}
		if free, ok, err = TryFlock(path); ok || err != nil {
			return free, ok, err
		}
	}
	return nil, false, nil
}
