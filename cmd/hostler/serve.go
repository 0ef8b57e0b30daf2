package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"

	"github.com/spf13/pflag"

	"hostler/cmd/internal/view/jobs"
	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/report"
	"hostler/providers/runtime/socket"
	"hostler/providers/runtime/status"
)

// serve is the dispatch service of this Mac. The first signal ends it, and not
// what it has lent.
func serve(a *app, f *pflag.FlagSet) func([]string) error {
	at := f.String("listen", "", "ADDRESS:PORT at which metrics and a page for people are shown, in place of host.serve.metrics")
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("serve takes no arguments")
		}
		p := a.open()
		p.env.Log = slog.New(slog.NewTextHandler(a.stderr, nil))
		ctx, cancel := p.cancellable()
		defer cancel()
		return p.reportError(a.serveOn(ctx, p.options(), *at))
	}
}

func (a *app) serveOn(ctx context.Context, o dispatch.Options, at string) error {
	reporter, o := report.New(o)
	service, err := dispatch.New(o)
	if errors.Is(err, ledger.ErrBusy) {
		return errors.New("another service runs on this Mac already; hostler status shows what it does")
	}
	if err != nil {
		return err
	}
	clients, err := service.Clients(ctx)
	if err != nil {
		return err
	}
	path, err := socket.Path(o.Env)
	if err != nil {
		return err
	}
	l, err := socket.Listen(path, len(clients) > 0)
	if err != nil {
		return err
	}
	pages, err := listenForPages(o, at)
	if err != nil {
		return err
	}
	o.Env.Log.Info("the service runs", "socket", path)
	server := &socket.Server{Service: service, Options: o, Owner: os.Getuid(), Clients: clients}
	// What it answers ends first, so that nobody is told of half a decision.
	answering, hangUp := context.WithCancel(ctx)
	defer hangUp()
	var served error
	var wg sync.WaitGroup
	wg.Go(func() {
		reporter.Run(answering, func() (string, []string, error) {
			conf, err := status.Installed(o)
			return conf.Host.Name, conf.Host.Serve.Hook, err
		})
	})
	if pages != nil {
		wg.Go(func() {
			err := reporter.Serve(answering, pages, service, func(s status.Status) string { return jobs.Status(s, a.now(), false) })
			if err != nil {
				o.Env.Log.Error("metrics", "error", err)
			}
		})
	}
	wg.Go(func() {
		served = server.Serve(answering, l)
		hangUp()
	})
	err = service.Run(answering)
	hangUp()
	wg.Wait()
	if err = errors.Join(err, served); err == nil {
		o.Env.Log.Info("the service ends; what is lent goes on")
	}
	return err
}

// listenForPages opens the address of the pages, nil if they are not wanted. No
// job waits for a page: where the address of the host's block is taken, the
// service runs without.
func listenForPages(o dispatch.Options, at string) (net.Listener, error) {
	flag := at != ""
	if !flag {
		conf, err := status.Installed(o)
		if at = conf.Host.Serve.Metrics; err != nil || at == "" {
			return nil, nil
		}
	}
	l, err := net.Listen("tcp", at)
	if err != nil && !flag {
		o.Env.Log.Error("metrics are not shown", "error", err)
		return nil, nil
	}
	return l, err
}

// options are those of the Mac's dispatch.
func (p *project) options() dispatch.Options {
	return dispatch.Options{Env: p.env, Now: p.now}
}

// service asks the Mac's service something.
func (a *app) service(ask func(context.Context, *project, *socket.Client) error) error {
	p := a.open()
	ctx, cancel := p.cancellable()
	defer cancel()
	c, err := socket.Dial(p.env)
	if err == nil {
		err = ask(ctx, p, c)
	}
	if ctx.Err() != nil {
		fmt.Fprintln(a.stderr, "interrupted")
		return exitCode(exitInterrupted)
	}
	return p.reportError(err)
}
