// Command writer writes a state and a ledger in a folder, by many at once as
// apply and the service do, and says on its output what was acknowledged. It
// goes on until the power is cut. What it writes beside them is not synced: that
// is there to be lost.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"hostler/hcl/addr"
	"hostler/providers/runtime/ledger"
	"hostler/state"
)

const writers = 4

func main() {
	dir, boot := os.Args[1], os.Args[2]
	l, err := ledger.Open(filepath.Join(dir, "ledger.db"))
	must(err)
	for w := range writers {
		go func() {
			for n := 0; ; n++ {
				must(write(l, fmt.Sprintf("%s-%d-%d", boot, w, n), n%3))
			}
		}()
	}
	go func() {
		for n := 0; ; n++ {
			name := fmt.Sprintf("careless-%s-%d", boot, n)
			must(os.WriteFile(filepath.Join(dir, name), []byte(boot), 0o644))
			fmt.Println("careless", name, boot)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	s := state.Open(filepath.Join(dir, "state.json"))
	for run := 0; ; run++ {
		lock, err := s.Lock(context.Background(), state.LockInfo{Operation: "apply"})
		must(err)
		done := make(chan error)
		for w := range writers {
			go func() {
				for n := range 20 {
					a := addr.New("image", fmt.Sprintf("of-%d", w)).Instance(fmt.Sprint(n))
					to := fmt.Sprintf("%s-%d", boot, run)
					r := &state.Resource{Attributes: json.RawMessage(`{"to":"` + to + `"}`)}
					if err := lock.Begin(a, state.Intent{Op: state.Create, Resource: r}); err != nil {
						done <- err
						return
					}
					if err := lock.Put(a, r); err != nil {
						done <- err
						return
					}
					fmt.Println("put", a, to)
				}
				done <- nil
			}()
		}
		for range writers {
			must(<-done)
		}
		must(lock.Close())
	}
}

// write queues a ticket, lends for it, and gives it back, as far as that goes.
func write(l *ledger.Ledger, key string, far int) error {
	t, _, err := l.Enqueue(ledger.Ticket{Key: key, Profile: "x"})
	if err != nil {
		return err
	}
	fmt.Println("ticket", key)
	if far == 0 {
		return nil
	}
	g, err := l.Grant(t.ID, ledger.Lease{Phase: ledger.Reserved, Deadline: time.Now().Add(time.Hour), Demand: ledger.Demand{Memory: 1 << 30}})
	if err != nil {
		return err
	}
	fmt.Println("lease", key)
	if far == 1 {
		return nil
	}
	if err := l.Release(g.ID, time.Now()); err != nil {
		return err
	}
	fmt.Println("past", key)
	return nil
}

func must(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}
