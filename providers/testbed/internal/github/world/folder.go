package world

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// kept is how many versions stay for stale answers.
const kept = 32

// Folder is where a GitHub lies: world-N.json, git's objects, the meter, the
// faults and the log.
type Folder struct {
	dir string

	mu     sync.Mutex // guards the last world read
	read   []byte
	parsed *World
}

// Open returns the GitHub in dir, making the folder when it is missing.
func Open(dir string) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(abs, "objects"), 0o755); err != nil {
		return nil, err
	}
	return &Folder{dir: abs}, nil
}

// Objects is the folder of git's objects.
func (f *Folder) Objects() string { return filepath.Join(f.dir, "objects") }

// Meter is what every exchange moves, kept apart so that reading costs no new
// version of the world.
type Meter struct {
	Version int              `json:"version"` // of the world
	Used    map[string]Usage `json:"used"`    // by identity
}

// Usage is what an identity used of its requests.
type Usage struct {
	Used  int   `json:"used"`
	Reset int64 `json:"reset"` // Unix seconds
}

// Books is what one exchange may read and change.
type Books struct {
	World *World
	Meter *Meter
	// Faults is a document of the server's own.
	Faults json.RawMessage
	// Spoiled: the world was touched, and is not to be kept.
	Spoiled bool
	// Log lines are added to the log.
	Log [][]byte

	folder *Folder
}

// Before is the world n changes ago, or the oldest that is kept.
func (b *Books) Before(n int) (*World, error) {
	for ; n > 0; n-- {
		data, err := os.ReadFile(b.folder.version(b.Meter.Version - n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		w := &World{}
		return w, json.Unmarshal(data, w)
	}
	return b.World, nil
}

// Change changes the world in dir as nobody's request does.
func Change(dir string, do func(*World) error) error {
	f, err := Open(dir)
	if err != nil {
		return err
	}
	return f.Exchange(func(b *Books) (bool, error) { return true, do(b.World) })
}

func (f *Folder) file(name string) string { return filepath.Join(f.dir, name) }
func (f *Folder) version(n int) string    { return f.file(fmt.Sprintf("world-%d.json", n)) }

// Exchange lets change read and change the world while nobody else does, in
// this process or another. The world is kept if change returns true; the
// meter, the faults and the log are kept anyway, unless it fails.
func (f *Folder) Exchange(change func(*Books) (bool, error)) error {
	lock, err := os.OpenFile(f.file("lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	for {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("lock %q: %w", lock.Name(), err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b := &Books{Meter: &Meter{}, folder: f}
	meter, err := f.load("meter.json", b.Meter)
	if err != nil {
		return err
	}
	if b.Meter.Used == nil {
		b.Meter.Used = map[string]Usage{}
	}
	faults, err := f.load("faults.json", &b.Faults)
	if err != nil {
		return err
	}
	if b.World, err = f.world(b.Meter.Version); err != nil {
		return err
	}
	keep, err := change(b)
	if err != nil || b.Spoiled {
		f.parsed = nil
	}
	if err != nil {
		return err
	}
	if keep {
		if err := f.keep(b); err != nil {
			f.parsed = nil
			return err
		}
	}
	if err := f.save("faults.json", b.Faults, faults); err != nil {
		return err
	}
	if err := f.save("meter.json", b.Meter, meter); err != nil {
		return err
	}
	return f.log(b.Log)
}

func (f *Folder) world(version int) (*World, error) {
	data, err := os.ReadFile(f.version(version))
	if version == 0 && errors.Is(err, fs.ErrNotExist) {
		return &World{NextID: 1000, Keys: map[string]*Seal{}}, nil
	}
	if err != nil {
		return nil, err
	}
	if f.parsed != nil && bytes.Equal(data, f.read) {
		return f.parsed, nil
	}
	w := &World{}
	if err := json.Unmarshal(data, w); err != nil {
		return nil, fmt.Errorf("version %d of the world: %w", version, err)
	}
	if w.Keys == nil {
		w.Keys = map[string]*Seal{}
	}
	f.read, f.parsed = data, w
	return w, nil
}

// keep writes the world as a new version, unless nothing is new.
func (f *Folder) keep(b *Books) error {
	data, err := json.Marshal(b.World)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, f.read) || f.parsed == nil {
		if err := replace(f.version(b.Meter.Version+1), data); err != nil {
			return err
		}
		b.Meter.Version++
		if old := b.Meter.Version - kept; old > 0 {
			if err := os.Remove(f.version(old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	f.read, f.parsed = data, b.World
	return nil
}

func (f *Folder) load(name string, v any) ([]byte, error) {
	data, err := os.ReadFile(f.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

func (f *Folder) save(name string, v any, have []byte) error {
	data, err := json.Marshal(v)
	if err != nil || bytes.Equal(data, have) {
		return err
	}
	return replace(f.file(name), data)
}

func replace(name string, data []byte) error {
	if err := os.WriteFile(name+".next", data, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".next", name)
}

func (f *Folder) log(lines [][]byte) error {
	if len(lines) == 0 {
		return nil
	}
	file, err := os.OpenFile(f.file("requests.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(bytes.Join(lines, []byte("\n")), '\n'))
	return errors.Join(err, file.Close())
}

// Lines are the log's lines; the caller shall be in no exchange.
func (f *Folder) Lines() ([][]byte, error) {
	data, err := os.ReadFile(f.file("requests.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")), nil
}

// ClearLog forgets the log.
func (f *Folder) ClearLog() error {
	err := os.Remove(f.file("requests.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
