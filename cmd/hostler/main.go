// Command hostler declares Macs as GitHub Actions runner hosts.
//
// This package wires: it parses flags, loads the files, hands them to the
// planner and shows what comes of it. One file for each command; commands.go
// lists them all, providers.go lists the providers.
package main

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"hostler/providers/testbed"
)

func main() {
	// On a simulated Mac this same program stands in as tart, launchctl, ….
	if code, ok := testbed.Main(os.Args, os.Environ(), os.Stdin, os.Stdout, os.Stderr); ok {
		os.Exit(code)
	}
	collectLater()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	os.Exit(run(os.Args[1:], process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		environ: os.Environ(), signals: signals, now: time.Now,
	}))
}

// collectLater lets the first garbage collection wait until there are 16 MB, and
// not 4: most commands are over by then. After it everything is as usual.
func collectLater() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(400)
	runtime.AddCleanup(new([16]byte), func(int) { debug.SetGCPercent(100) }, 0)
}
