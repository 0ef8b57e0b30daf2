package tartcli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Config is what tart keeps in a VM's config.json.
type Config struct {
	OS           string // darwin or linux
	CPUs         int
	Memory       uint64 // bytes
	MAC          string
	DisplayRefit *bool

	minCPUs   int
	minMemory uint64
}

// MinCPUs is how many CPUs tart lets the VM have at least. The number in a
// Linux guest's configuration binds nobody.
func (c Config) MinCPUs() int {
	if c.OS != "darwin" {
		return 1
	}
	return c.minCPUs
}

// MinMemory is how many bytes of memory tart lets the VM have at least; 0 for
// Linux guests, see MinCPUs.
func (c Config) MinMemory() uint64 {
	if c.OS != "darwin" {
		return 0
	}
	return c.minMemory
}

// UnmarshalJSON reads config.json, also that of an old tart, which named no os.
func (c *Config) UnmarshalJSON(data []byte) error {
	file := struct {
		OS            string  `json:"os"`
		CPUCount      *int    `json:"cpuCount"`
		CPUCountMin   int     `json:"cpuCountMin"`
		MemorySize    *uint64 `json:"memorySize"`
		MemorySizeMin uint64  `json:"memorySizeMin"`
		MACAddress    string  `json:"macAddress"`
		DisplayRefit  *bool   `json:"displayRefit"`
	}{OS: "darwin"}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	if file.CPUCount == nil || file.MemorySize == nil || file.MACAddress == "" {
		return errors.New("config.json lacks cpuCount, memorySize or macAddress")
	}
	*c = Config{
		OS: file.OS, CPUs: *file.CPUCount, Memory: *file.MemorySize, MAC: file.MACAddress,
		DisplayRefit: file.DisplayRefit, minCPUs: file.CPUCountMin, minMemory: file.MemorySizeMin,
	}
	return nil
}

// Exists reports whether anything stands under the name, were it the remains
// of a VM.
func (t *Tart) Exists(name string) (bool, error) {
	_, err := t.m.Stat(t.Folder(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Names are all that stands where local VMs are, also what tart does not list
// since files of it are missing.
func (t *Tart) Names() ([]string, error) {
	names, err := t.m.List(t.Folder(""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// Config reads the configuration of a local VM. The kinds of its errors are
// NotFound and Corrupt.
func (t *Tart) Config(name string) (Config, error) {
	exists, err := t.Exists(name)
	if err != nil {
		return Config{}, err
	}
	if !exists {
		return Config{}, &Error{Kind: NotFound, Op: "get", VM: name}
	}
	c, err := t.config(t.Folder(name))
	if err != nil {
		if exists, again := t.Exists(name); again == nil && !exists {
			return c, &Error{Kind: NotFound, Op: "get", VM: name}
		}
		return c, &Error{Kind: Corrupt, Op: "get", VM: name, Text: err.Error(), Err: err}
	}
	return c, nil
}

// CachedConfig reads the configuration that a pulled image carries; ok is
// false when the image is not in the cache.
func (t *Tart) CachedConfig(ref Ref) (c Config, ok bool) {
	c, err := t.config(path.Join(t.home(), "cache/OCIs", strings.Replace(ref.Host, ":", "%3A", 1), ref.Namespace, ref.Version))
	return c, err == nil
}

func (t *Tart) config(folder string) (Config, error) {
	var c Config
	data, err := t.m.ReadFile(path.Join(folder, "config.json"))
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	return c, err
}

// Ref is the name of an image in a registry.
type Ref struct {
	Host, Namespace string
	Version         string // a tag, or sha256:HEX
}

// refGrammar is tart's: what has no slash is the name of a local VM.
const refGrammar = `^([A-Za-z0-9.-]+(?::[0-9]+)?)/([A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*)*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]*)|@(sha256:[0-9a-f]{64}))?$`

// ParseRef reads host[:port]/namespace[:tag|@sha256:HEX]; without either the
// tag is "latest".
func ParseRef(s string) (r Ref, ok bool) {
	m := regexp.MustCompile(refGrammar).FindStringSubmatch(s)
	if m == nil {
		return Ref{}, false
	}
	r = Ref{Host: m[1], Namespace: m[2], Version: m[3] + m[4]}
	if r.Version == "" {
		r.Version = "latest"
	}
	return r, true
}

// String is the reference in full, as `tart list` prints it.
func (r Ref) String() string {
	sep := ":"
	if strings.HasPrefix(r.Version, "sha256:") {
		sep = "@"
	}
	return r.Host + "/" + r.Namespace + sep + r.Version
}
