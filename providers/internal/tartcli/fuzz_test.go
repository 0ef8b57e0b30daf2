package tartcli

import (
	"encoding/json"
	"testing"
)

// FuzzList: whatever tart prints is a list or an error that says so, and no VM is
// without its name.
func FuzzList(f *testing.F) {
	f.Add([]byte(`[{"Source":"local","Name":"base","Disk":50,"Size":20,"SizeOnDisk":20,"State":"stopped","Running":false}]`))
	f.Add([]byte(`[{"Source":"OCI","Name":"ghcr.io/x/y:latest","Disk":50,"Size":20,"Accessed":"2026-01-01T00:00:00Z","State":"stopped"}]`))
	f.Add([]byte(`[{"Source":"local","Name":"ba`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, out []byte) {
		l, err := parseList(out)
		if err != nil && !Is(err, Unexpected) {
			t.Errorf("%v", err)
		}
		for name, vm := range l.Local {
			if vm.Name != name {
				t.Errorf("%q is %+v", name, vm)
			}
		}
	})
}

// FuzzConfig: a VM's config.json is read or refused, and its minimums are never
// below nothing.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"version":1,"os":"darwin","cpuCount":4,"cpuCountMin":2,"memorySize":8589934592,"memorySizeMin":4294967296,"macAddress":"7a:65:e4:3f:b2:76"}`))
	f.Add([]byte(`{"cpuCount":-1,"cpuCountMin":1e99}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Config
		if json.Unmarshal(data, &c) == nil && c.MinCPUs() < 0 {
			t.Errorf("%+v wants %d CPUs", c, c.MinCPUs())
		}
	})
}
