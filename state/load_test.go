package state

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hostler/hcl/addr"
)

// All writers share the syncs, and each finds its record when it returns.
func TestConcurrentWriters(t *testing.T) {
	s := newStoreOnDisk(t)
	l := lock(t, s)
	const writers, each = 16, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				a := image(fmt.Sprintf("w%d_%d", w, i))
				if err := l.Begin(a, intent(Create, resource(`{}`))); err != nil {
					t.Error(err)
				}
				if err := l.Put(a, resource(`{}`)); err != nil {
					t.Error(err)
				}
				if w == 0 && i%5 == 0 {
					if snap, err := s.Read(); err != nil || snap.Resources[a] == nil {
						t.Errorf("%s was acknowledged but is not there: %v", a, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if l.syncs >= 2*writers*each/2 {
		t.Errorf("%d syncs for %d records", l.syncs, 2*writers*each)
	}
	must(t, l.Close())
	if snap := read(t, s); len(snap.Resources) != writers*each || snap.Serial != writers*each || snap.Unfinished != nil {
		t.Fatalf("%d resources, serial %d", len(snap.Resources), snap.Serial)
	}
}

// Readers without the lock never see damage, nor a state older than what was
// acknowledged before they began.
func TestReadersBesideAWriter(t *testing.T) {
	s := newStore(t)
	done := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var acknowledged uint64
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				mu.Lock()
				atLeast := acknowledged
				mu.Unlock()
				snap, err := s.Read()
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				if snap.Serial < atLeast {
					t.Errorf("read serial %d after %d was acknowledged", snap.Serial, atLeast)
					return
				}
			}
		})
	}
	for i := range 60 {
		l := lock(t, s)
		must(t, l.Begin(image("open"), intent(Create, resource(`{}`))))
		must(t, l.Put(image("a"), resource(fmt.Sprintf(`{"i":%d}`, i))))
		mu.Lock()
		acknowledged++
		mu.Unlock()
		must(t, l.Close())
	}
	close(done)
	wg.Wait()
}

func TestTenThousand(t *testing.T) {
	s := newStore(t)
	snap := &Snapshot{Lineage: "l", Resources: map[addr.Addr]*Resource{}}
	for i := range 10_000 {
		snap.Resources[image(fmt.Sprintf("i%d", i))] = resource(`{"name":"`+strings.Repeat("x", 400)+`"}`, image("root"))
	}
	snap.Resources[image("root")] = resource(`{}`)
	file, err := snap.Encode()
	must(t, err)
	must(t, os.WriteFile(s.Path(), file, 0o600))
	began := cpuTime(t)
	l := lock(t, s)
	must(t, l.Move(image("root"), image("trunk")))
	must(t, l.Close())
	if got := read(t, s).Resources[image("i77")].Deps; !reflect.DeepEqual(got, []addr.Addr{image("trunk")}) {
		t.Fatalf("deps %v", got)
	}
	if took := cpuTime(t) - began; took > 20*time.Second { // 0.5 s without -race
		t.Errorf("took %v", took)
	}
}

// cpuTime is what this process has used; on a busy machine the clock would
// measure the others.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func BenchmarkRecords(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			l := lock(b, newStoreOnDisk(b))
			work := make(chan int)
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					a := image(fmt.Sprintf("w%d", w))
					for i := range work {
						if err := l.Put(a, resource(fmt.Sprintf(`{"i":%d}`, i))); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for i := range b.N {
				work <- i
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(l.syncs)/float64(b.N), "fsyncs/record")
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
