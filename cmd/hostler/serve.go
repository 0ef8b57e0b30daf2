package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/spf13/pflag"

	"hostler/providers/runtime/dispatch"
	"hostler/providers/runtime/ledger"
	"hostler/providers/runtime/socket"
)

// serve is the dispatch service of this Mac. The first signal ends it, and not
// what it has lent.
func serve(a *app, f *pflag.FlagSet) func([]string) error {
	return func(args []string) error {
		if len(args) > 0 {
			return usageError("serve takes no arguments")
		}
		p := a.open()
		p.env.Log = slog.New(slog.NewTextHandler(a.stderr, nil))
		ctx, cancel := p.cancellable()
		defer cancel()
		return p.reportError(serveOn(ctx, dispatch.Options{Env: p.env, Now: a.now}))
	}
}

func serveOn(ctx context.Context, o dispatch.Options) error {
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
	o.Env.Log.Info("the service runs", "socket", path)
	server := &socket.Server{Service: service, Options: o, Owner: os.Getuid(), Clients: clients}
	// What it answers ends first, so that nobody is told of half a decision.
	answering, hangUp := context.WithCancel(ctx)
	defer hangUp()
	var served error
	var wg sync.WaitGroup
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
