package state

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// step is one call of the scripted session that is run in a child process,
// killed or failed at every syscall, and compared with how it should have
// gone.
type step struct {
	lock bool
	do   func(*Lock) error
}

func session() []step {
	a, b, c, d := image("a"), image("b"), image("c").Instance("x"), image("d")
	begin := func(l *Lock) error { return l.Begin(d, intent(Create, resource(`{"n":"d"}`, a))) }
	var steps []step
	run := func(calls ...func(*Lock) error) {
		steps = append(steps, step{lock: true})
		for _, do := range append(calls, (*Lock).Close) {
			steps = append(steps, step{do: do})
		}
	}
	run(
		func(l *Lock) error { return l.Begin(a, intent(Create, resource(`{"n":"a"}`))) },
		func(l *Lock) error { return l.Put(a, resource(`{"n":"a"}`)) },
		func(l *Lock) error { return l.Put(b, resource(`{"n":"b"}`, a)) },
		func(l *Lock) error { return l.Move(a, image("a2")) },
		func(l *Lock) error { return l.SetOutputs(map[string]Output{"o": {Value: json.RawMessage(`1`)}}) },
		func(l *Lock) error { return l.Begin(c, intent(Create, resource(`{"n":"c"}`))) }, // stays open
	)
	run(
		func(l *Lock) error { return l.Begin(b, intent(Delete, resource(`{"n":"b"}`))) },
		func(l *Lock) error { return l.Put(b, nil) },
		func(l *Lock) error { return l.Put(c, resource(`{"n":"c"}`)) },
	)
	run(begin) // nothing changes, and an intent stays open
	run(func(l *Lock) error { return l.Put(d, nil) })
	run(begin, func(l *Lock) error { return l.Put(d, resource(`{"n":"d"}`)) })
	return steps
}

// play runs the session and calls after when a step has returned; it ends
// after the first error, but not without closing the lock.
func play(s *Store, after func(i int, err error)) {
	var l *Lock
	for i, st := range session() {
		var err error
		if st.lock {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			l, err = s.Lock(ctx, LockInfo{Operation: "apply"})
			cancel()
		} else {
			err = st.do(l)
		}
		after(i, err)
		if err != nil {
			if l != nil {
				_ = l.Close()
			}
			return
		}
	}
}

// quickExit keeps a child of a test with -race from sleeping a second when it
// is done. What the race detector saw until then it has said.
const quickExit = "GORACE=atexit_sleep_ms=0"

// endOfRun is what a traced child prints after each store.
const endOfRun = "end\n"

// child is what the test binary does when a test has started it.
func child(script string) {
	for _, path := range strings.Split(os.Getenv("STATE_TEST_PATH"), "\n") {
		childOn(script, Open(path))
		if os.Getenv("STATE_TEST_TRACED") != "" {
			fmt.Print(endOfRun)
		}
	}
}

func childOn(script string, s *Store) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	switch script {
	case "session":
		play(s, func(i int, err error) {
			if err != nil {
				fmt.Println("error", err)
				return
			}
			fmt.Println("done")
		})
	case "next":
		l, err := s.Lock(context.Background(), LockInfo{Operation: "next"})
		fail(err)
		fmt.Println("done")
		fail(l.Put(image("next"), resource(`{}`)))
		fmt.Println("done")
		fail(l.Close())
		fmt.Println("done")
	case "recover":
		_, err := s.Recover(context.Background(), LockInfo{Operation: "recover"}, false)
		fail(err)
		fmt.Println("done")
	case "count": // add one to a number in the state, a few times
		for range 10 {
			l, err := s.Lock(context.Background(), LockInfo{Operation: "count"})
			fail(err)
			var now struct{ N int }
			if r := l.Snapshot().Resources[image("counter")]; r != nil {
				fail(json.Unmarshal(r.Attributes, &now))
			}
			fail(l.Put(image("counter"), resource(fmt.Sprintf(`{"N":%d}`, now.N+1))))
			fail(l.Close())
		}
	case "hold": // until killed
		l, err := s.Lock(context.Background(), LockInfo{Operation: "hold"})
		fail(err)
		fail(l.Begin(image("held"), intent(Create, resource(`{}`))))
		fmt.Println("holding")
		time.Sleep(time.Hour)
	case "flood": // many writers, until killed
		l, err := s.Lock(context.Background(), LockInfo{Operation: "flood"})
		fail(err)
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					a := image(fmt.Sprintf("p%d_w%d_%d", os.Getpid(), w, i))
					fail(l.Begin(a, intent(Create, resource(`{}`))))
					fmt.Println("begun", a)
					fail(l.Put(a, resource(`{}`)))
					fmt.Println("put", a)
				}
			})
		}
		wg.Wait()
	}
}
