package launchctl

import "testing"

// FuzzPrint: whatever launchctl prints, no process is one that a signal would
// send to many.
func FuzzPrint(f *testing.F) {
	f.Add("system/x = {\n\tactive count = 1\n\tpath = /Library/x.plist\n\tstate = running\n\tpid = 893\n\tlast exit code = 78: EX_CONFIG\n}\n")
	f.Add("gui/501/x = {\n\tpid = -1\n\tstate\n\t = \n")
	f.Fuzz(func(t *testing.T, out string) {
		if s := parseService(out); s.PID < 0 {
			t.Errorf("process %d", s.PID)
		}
	})
}
