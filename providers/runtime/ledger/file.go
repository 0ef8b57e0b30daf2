package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// How the ledger lies on disk: what makes, opens and refuses a file.

// Open opens or makes the ledger for writing. Its folder must be there.
func Open(path string) (*Ledger, error) {
	made := path + ".new"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path, made); err != nil {
			return nil, err
		}
	}
	l, err := openWhole(path)
	if err == nil {
		_ = os.Remove(made)
	}
	return l, err
}

// create makes an empty ledger beside its place, and then gives it that name: a
// ledger that a crash cut short in its first moment would be taken for damaged.
func create(path, made string) error {
	l, err := openWhole(made)
	if err != nil && !errors.Is(err, ErrBusy) {
		_ = os.Remove(made) // a killed create's
		l, err = openWhole(made)
	}
	if err != nil {
		return err
	}
	defer l.Close()
	if err := os.Link(made, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func openWhole(path string) (*Ledger, error) {
	db, err := open(path, false)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return check(tx, path, true)
	})
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	return &Ledger{db: db}, nil
}

// OpenRead opens the ledger of a service that does not run: ErrBusy when it
// does, fs.ErrNotExist when there never was one.
func OpenRead(path string) (*Ledger, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := open(path, true)
	if err != nil {
		return nil, err
	}
	if err := db.View(func(tx *bbolt.Tx) error { return check(tx, path, false) }); err != nil {
		db.Close()
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	return &Ledger{db: db}, nil
}

func open(path string, readOnly bool) (db *bbolt.DB, err error) {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 && info.Size() < 4*4096 {
		return nil, damaged(path, errors.New("it is cut short"))
	}
	// A page that is damaged may make bbolt panic.
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, damaged(path, fmt.Errorf("%v", r))
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 100 * time.Millisecond, ReadOnly: readOnly, FreelistType: bbolt.FreelistMapType})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrBusy
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, damaged(path, err)
	case err != nil:
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	db.MaxBatchDelay = 2 * time.Millisecond
	return db, nil
}

func damaged(path string, why error) error {
	return fmt.Errorf("ledger %s can't be read: %w. Nothing was changed. Move it away to begin with an empty one: VMs that it knew are then quarantined, not forgotten", path, why)
}

// check wants the form of the records to be this version's.
func check(tx *bbolt.Tx, path string, write bool) error {
	b := tx.Bucket([]byte(meta))
	if b == nil {
		return damaged(path, errors.New("it is no ledger"))
	}
	switch have := string(b.Get([]byte("version"))); {
	case have == version:
		return nil
	case have == "" && write:
		return b.Put([]byte("version"), []byte(version))
	case have == "":
		return damaged(path, errors.New("it has no version"))
	default:
		return fmt.Errorf("it has the form %s, and this hostler knows %s; install a newer one", have, version)
	}
}
