package vm

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// Config is config.json.
type Config struct {
	Version       int     `json:"version"`
	OS            string  `json:"os,omitempty"`
	Arch          string  `json:"arch,omitempty"`
	ECID          string  `json:"ecid,omitempty"`          // darwin; base64, holds the serial number
	HardwareModel string  `json:"hardwareModel,omitempty"` // darwin; base64
	CPUCountMin   int     `json:"cpuCountMin"`
	CPUCount      int     `json:"cpuCount"`
	MemorySizeMin uint64  `json:"memorySizeMin"` // bytes
	MemorySize    uint64  `json:"memorySize"`    // bytes
	MACAddress    string  `json:"macAddress"`
	Display       Display `json:"display"`
	DisplayRefit  *bool   `json:"displayRefit,omitempty"`
	DiskFormat    string  `json:"diskFormat,omitempty"`
}

// Display is the size of a VM's screen.
type Display struct {
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Unit   string `json:"unit,omitempty"` // pt, px or none
}

func (d Display) String() string { return fmt.Sprintf("%dx%d%s", d.Width, d.Height, d.Unit) }

// Decode reads a config.json. Errors are worded as Swift words them.
func Decode(data []byte) (Config, error) {
	c := Config{OS: "darwin", Arch: "arm64", Display: Display{Width: 1024, Height: 768}, DiskFormat: "raw"}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return c, errors.New("The data couldn’t be read because it isn’t in the correct format.")
	}
	for _, k := range []string{"version", "cpuCountMin", "cpuCount", "memorySizeMin", "memorySize", "macAddress"} {
		if _, ok := keys[k]; !ok {
			return c, errors.New("The data couldn’t be read because it is missing.")
		}
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, errors.New("The data couldn’t be read because it isn’t in the correct format.")
	}
	return c, nil
}

// Read reads the folder's config.json. A process that holds its lock must use
// Held.Read instead.
func (d Dir) Read() (c Config, err error) {
	// Since the file is rewritten in place, a reader can come between; what is
	// broken for good is still broken a moment later.
	for range 3 {
		var data []byte
		if data, err = os.ReadFile(d.Config()); err != nil {
			return Config{}, err
		}
		if c, err = Decode(data); err == nil {
			return c, nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return c, err
}

// Write rewrites the folder's config.json in place.
func (d Dir) Write(c Config) error { return os.WriteFile(d.Config(), JSON(c), 0o644) }

// Read reads config.json through the descriptor that holds its lock.
func (h *Held) Read() (Config, error) {
	if _, err := h.f.Seek(0, io.SeekStart); err != nil {
		return Config{}, err
	}
	data, err := io.ReadAll(h.f)
	if err != nil {
		return Config{}, err
	}
	return Decode(data)
}

// RandomMAC is a new locally administered address.
func RandomMAC() string {
	var b [6]byte
	rand.Read(b[:])
	return mac6(b[:])
}

func mac6(b []byte) string {
	b[0] = b[0]&^1 | 2 // one host, not a group; not a vendor's
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5])
}

// RandomECID is a new machine identity, from which the guest's serial number comes.
func RandomECID() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// Seeded are the MAC and the ECID that an image carries, the same at each pull.
func Seeded(digest string) (mac, ecid string) {
	sum := sha256.Sum256([]byte(digest))
	ecid = base64.StdEncoding.EncodeToString(sum[:])
	return mac6(bytes.Clone(sum[:6])), ecid
}

// HardwareModel is the identity of the simulated macOS hardware.
func HardwareModel() string {
	return base64.StdEncoding.EncodeToString([]byte("VirtualMac2,1"))
}

// JSON writes v as tart does: pretty-printed with " : ", slashes escaped, an
// empty list on three lines, and the keys of an object in no stable order.
func JSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // callers pass plain structs
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		panic(err) // it was marshalled above
	}
	var b strings.Builder
	pretty(&b, plain, "")
	return []byte(b.String())
}

func pretty(b *strings.Builder, v any, indent string) {
	inner := indent + "  "
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		mathrand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		b.WriteString("{\n")
		for i, k := range keys {
			if i > 0 {
				b.WriteString(",\n")
			}
			b.WriteString(inner + quote(k) + " : ")
			pretty(b, v[k], inner)
		}
		b.WriteString("\n" + indent + "}")
	case []any:
		b.WriteString("[\n")
		for i, e := range v {
			if i > 0 {
				b.WriteString(",\n")
			}
			b.WriteString(inner)
			pretty(b, e, inner)
		}
		b.WriteString("\n" + indent + "]")
	case string:
		b.WriteString(quote(v))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case json.Number:
		b.WriteString(v.String())
	case nil:
		b.WriteString("null")
	}
}

func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), "/", `\/`)
}
