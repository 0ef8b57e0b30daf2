// Package guest owns what lives inside a simulated VM: its boot and its end,
// its address, the agent and the SSH server by which it is reached, and the
// commands that run in it.
//
// Invariants:
//
//   - A guest ends with its tart run, and everything that runs in it ends with
//     the guest.
//   - Unless the Mac's settings say Run, no command of a guest is ever executed:
//     a stand-in answers.
//   - What the agent and sshd do to a command whose caller goes away is the
//     worst that real ones do: the agent kills one process, sshd none.
//   - The process that holds the VM's lock never opens config.json again.
//
// Start reading at Guest.Live, then perform in command.go.
package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"hostler/providers/testbed/internal/mac"
	"hostler/providers/testbed/internal/vm"
)

const (
	poll     = 20 * time.Millisecond  // of the guest
	pollHost = 100 * time.Millisecond // of the Mac it runs on
)

// Guest is a running guest, as one process of the Mac sees it.
type Guest struct {
	*mac.Process
	VM  vm.Named
	PID int // of the tart run that runs it
}

// over reports whether the guest has ended. Its own tart run is there as long as
// it is, and must not look: that would drop the lock.
func (g Guest) over() bool {
	if g.PID == os.Getpid() {
		return false
	}
	now, err := g.VM.Dir.Holder()
	return err != nil || now != g.PID
}

// AgentAnswers reports whether the guest agent is installed and up by now.
func (g Guest) AgentAnswers() bool {
	r, err := g.VM.Dir.Runs()
	if g.Settings.Guests == mac.Machine {
		_, off := os.Stat(g.machineFile())
		return off == nil && g.VM.Dir.HasAgent()
	}
	return err == nil && g.VM.Dir.HasAgent() && time.Since(time.Unix(0, r.Started)) >= g.Settings.Timing.Agent
}

// Live lives the life of the guest in its tart run until something ends it, and
// returns that process's exit code. Shared folders make a guest that can't be
// saved.
func (g Guest) Live(cfg vm.Config, shares []string, suspendable bool, signals <-chan os.Signal) (code int, err error) {
	life, end := context.WithCancelCause(context.Background())
	die := func() {
		end(errLost)
		// The Mac may be gone as well; nobody is left to be told.
		_ = g.loseRunner()
		if g.Settings.SSH {
			time.Sleep(poll) // for what runs in the guest to be killed before this process ends
		}
	}
	defer die()
	if err := g.boot(shares); err != nil {
		return 1, err
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	alive := time.NewTicker(pollHost)
	defer alive.Stop()
	born := time.Now()
	leased := false
	var off <-chan time.Time
	var on <-chan machine
	var stopped <-chan error
	if g.Settings.Guests == mac.Machine {
		on, leased = g.power(life, shares), true
	}
	for {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGINT:
				fmt.Fprintln(g.Stdout, "Stopping VM...")
				time.Sleep(g.Settings.Timing.Stop)
				return 0, nil
			case syscall.SIGUSR1:
				return g.save(len(shares) == 0 && (cfg.OS != "darwin" || suspendable))
			case syscall.SIGUSR2:
				fmt.Fprintln(g.Stdout, "Requesting guest OS to stop...")
				if cfg.OS != "darwin" { // macOS only shows a dialog
					off = time.After(g.Settings.Timing.Shutdown)
				}
			}
		case <-off:
			fmt.Fprintln(g.Stdout, "guest has stopped the virtual machine")
			return 0, nil
		case m := <-on:
			if m.err != nil {
				return 1, m.err
			}
			defer m.Cut()
			if stopped = m.Done; g.online(life, m, cfg) != nil {
				return 1, errLost
			}
		case <-stopped:
			fmt.Fprintln(g.Stdout, "guest has stopped the virtual machine")
			return 0, nil
		case <-alive.C:
			if err := g.workRunner(); err != nil {
				return 1, err
			}
			if g.Gone(g.Settings.BootID) {
				die()
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		case <-tick.C:
			if cause, asked := g.VM.Dir.PoweredOff(os.Getpid()); asked && cause != "" {
				fmt.Fprintf(g.Stdout, "guest has stopped the virtual machine due to error: %s\n", cause)
				return 0, nil
			} else if asked && off == nil {
				off = time.After(g.Settings.Timing.Shutdown)
			}
			if !leased && time.Since(born) >= g.Settings.Timing.Address {
				address, err := g.lease(cfg.MACAddress)
				if err != nil {
					return 1, err
				}
				leased = true
				if g.Settings.SSH && address != "" {
					if err := g.serve(life, address); err != nil {
						return 1, err
					}
				}
			}
		}
	}
}

// save suspends the VM. One that can't be saved is lost.
func (g Guest) save(can bool) (code int, err error) {
	if !can {
		fmt.Fprintln(g.Stdout, `Failed to suspend the VM: Error Domain=VZErrorDomain Code=1 "Invalid virtual machine configuration. Save and restore is not supported."`)
		return 1, nil
	}
	io.WriteString(g.Stdout, "pausing VM to take a snapshot...\ncreating a snapshot...\n")
	if err := g.VM.Dir.Suspend(); err != nil {
		return 1, err
	}
	fmt.Fprintln(g.Stdout, "snapshot created successfully! shutting down the VM...")
	return 0, nil
}

// The ways in which a command is cut short.
var (
	errLost        = errors.New("unavailable (14): Stream unexpectedly closed.")
	errInterrupted = errors.New("CancellationError()")
	errHungUp      = errors.New("the client closed the connection")
)

// Exec runs a command by the guest's agent, as tart exec does: until it ends,
// the guest does, or a signal comes. Its error is one of tart's own.
func (g Guest) Exec(words []string, stdin io.Reader) (code int, err error) {
	life, lose := context.WithCancelCause(context.Background())
	defer lose(nil)
	ctx, interrupt := context.WithCancelCause(life)
	defer interrupt(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		tick := time.NewTicker(poll)
		defer tick.Stop()
		for {
			select {
			case <-signals:
				interrupt(errInterrupted)
			case <-tick.C:
				if g.over() {
					lose(errLost)
				}
			case <-life.Done():
				return
			}
		}
	}()
	return g.perform(life, ctx, command{words: words, stdin: stdin, stdout: g.Stdout, stderr: g.Stderr})
}
