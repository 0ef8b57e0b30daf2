package machine

import "time"

// SetGrace shortens what an interrupted command may take, for tests.
func (m *Machine) SetGrace(d time.Duration) { m.grace = d }

// ExplainDial is explainDial, whose error only macOS brings about.
func ExplainDial(address string, err error) error { return explainDial(address, err) }
