package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"hostler/providers/runner/policy"
)

// hookJobStarted judges a job for GitHub's runner program, before its first step.
// Everything but success makes that fail the job.
func hookJobStarted(a *app, _ *pflag.FlagSet) func([]string) error {
	return func(args []string) error {
		if len(args) != 1 {
			return usageError("hook job-started takes the policy's file")
		}
		refuse := func(err error) error {
			fmt.Fprintf(a.stdout, "::error title=hostler::The coordinator refuses this job: %s\n", escape(err.Error()))
			return fmt.Errorf("The job is refused\n\n%w", err)
		}
		var p policy.Policy
		data, err := os.ReadFile(args[0])
		if err == nil {
			err = json.Unmarshal(data, &p)
		}
		if err == nil && p.Owner == "" {
			err = errors.New("it names no owner")
		}
		if err != nil {
			return refuse(fmt.Errorf("its policy can't be read: %w", err))
		}
		job, err := policy.Of(a.getenv)
		if err == nil {
			err = p.Judge(job)
		}
		if err != nil {
			return refuse(err)
		}
		return nil
	}
}
