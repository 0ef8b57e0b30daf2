package main

import (
	"hostler/providers"
	"hostler/providers/github"
	"hostler/providers/host"
	"hostler/providers/launchd"
	"hostler/providers/runner"
	"hostler/providers/runtime"
	"hostler/providers/tart"
	"hostler/providers/workflow"
)

// registry is THE list of providers.
func registry(env providers.Env) providers.Registry {
	return providers.NewRegistry(
		github.New(env),
		host.New(env),
		launchd.New(env),
		runner.New(env),
		runtime.New(env),
		tart.New(env),
		workflow.New(env),
	)
}
