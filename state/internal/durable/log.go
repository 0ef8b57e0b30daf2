package durable

import "os"

// Log is a file that is written at its end only. It is not safe for use by
// several goroutines.
type Log struct {
	f    *os.File
	size int64 // bytes that are whole and synced
}

// OpenLog opens a file for more lines after its first size bytes, and drops
// what follows those.
func OpenLog(path string, size int64) (*Log, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	// A torn line goes first: a shorter one written over it would leave its rest.
	info, err := f.Stat()
	if err == nil && info.Size() > size {
		err = f.Truncate(size)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Log{f: f, size: size}, nil
}

// Sync makes durable what is in the file, whoever wrote it.
func (l *Log) Sync() error { return syncFile(l.f) }

// Append writes lines durably. After an error nothing more may be appended.
func (l *Log) Append(lines []byte) error {
	_, err := l.f.WriteAt(lines, l.size)
	if err == nil {
		err = syncFile(l.f)
	}
	if err != nil {
		// Only tidy: without it a torn line stays, which readers leave out, or
		// a whole one that nobody was promised.
		_ = l.f.Truncate(l.size)
		return err
	}
	l.size += int64(len(lines))
	return nil
}

// Close frees the file; nothing is lost without it.
func (l *Log) Close() error { return l.f.Close() }
