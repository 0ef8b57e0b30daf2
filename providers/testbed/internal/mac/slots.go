package mac

import (
	"fmt"
	"os"
)

// MaxDarwin is how many macOS guests may run on a Mac at once, whoever runs them.
const MaxDarwin = 2

// TakeSlot takes one of the slots for macOS guests; ok is false if all are
// taken. A slot is free again when the process ends, unless a test leaks it.
func (m *Mac) TakeSlot() (free func(), ok bool, err error) {
	unlock, err := Flock(m.file("locks/slots"))
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	s, err := m.Settings()
	if err != nil {
		return nil, false, err
	}
	taken := s.Slots
	for i := range MaxDarwin {
		path := m.file(fmt.Sprintf("locks/slot-%d", i))
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return nil, false, err
		}
		release, vacant, err := TryFlock(path)
		switch {
		case err != nil:
			return nil, false, err
		case !vacant:
			taken++
		case free == nil:
			free = release
		default:
			release()
		}
	}
	if free != nil && taken < MaxDarwin {
		return free, true, nil
	}
	if free != nil {
		free()
	}
	return nil, false, nil
}
