package sweep

import (
	"errors"
	"io/fs"
	"path"

	"hostler/hcl/schema"
)

// What is kept of leases that are over, and how much of their logs.
const (
	historyDays, historyMost = 14, 1000
	logsMost                 = schema.Size(1 << 30)
)

// forget forgets old leases, and removes logs: those of leases that were
// forgotten, and the oldest of more than fit.
func (s Sweeper) forget() error {
	oldest := s.Mac.Now().AddDate(0, 0, -historyDays)
	if _, err := s.Ledger.Prune(oldest, historyMost); err != nil {
		return err
	}
	// Listed before the books are read: the logs of a lease that begins now are
	// not taken for nobody's.
	names, err := s.Mac.List(s.Logs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	snap, err := s.Ledger.Read()
	if err != nil {
		return err
	}
	past, err := s.Ledger.Past(0)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, l := range snap.Leases {
		kept[l.ID] = true
	}
	var sum schema.Size
	for _, l := range past { // the last one first
		size, unread := s.size(path.Join(s.Logs, l.ID))
		err = errors.Join(err, unread)
		sum += size
		kept[l.ID] = sum <= logsMost
	}
	for _, name := range names {
		folder := path.Join(s.Logs, name)
		keep, recorded := kept[name]
		if !recorded {
			info, unread := s.Mac.Stat(folder)
			keep = unread != nil || info.Modified.After(oldest)
		}
		if !keep {
			err = errors.Join(err, s.Mac.RemoveAll(folder))
		}
	}
	return err
}

// size is that of the files in a folder.
func (s Sweeper) size(folder string) (sum schema.Size, err error) {
	names, err := s.Mac.List(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, name := range names {
		if info, gone := s.Mac.Stat(path.Join(folder, name)); gone == nil {
			sum += schema.Size(info.Size)
		}
	}
	return sum, err
}
