package machine

import "time"

// SetGrace shortens what an interrupted command may take, for tests.
func (m *Machine) SetGrace(d time.Duration) { m.grace = d }
