// Command tools is the simulated Mac's tools and nothing else: a small
// program, so that tests can call them by the thousand.
package main

import (
	"fmt"
	"os"

	"hostler/providers/testbed"
)

func main() {
	code, ok := testbed.Main(os.Args, os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	if !ok {
		fmt.Fprintln(os.Stderr, "tools: call it by a tool's name on a simulated Mac")
		code = 64
	}
	os.Exit(code)
}
