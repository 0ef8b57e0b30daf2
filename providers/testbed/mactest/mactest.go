// Package mactest gives tests the simulated Mac's tools as a program of their
// own. A test binary could stand in for them, but under the race detector it
// takes a hundred times as long to start.
//
// TestMain calls Main; testbed.New is given Tools().
package mactest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// variable names the built program, also to a test binary that a test starts.
const variable = "HOSTLER_TEST_TOOLS"

// Main builds the tools, runs the tests and returns their exit code.
func Main(m interface{ Run() int }) int {
	if os.Getenv(variable) != "" {
		return m.Run() // a child of a test
	}
	dir, err := os.MkdirTemp("", "hostler-tools-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	exe := filepath.Join(dir, "tools")
	if out, err := exec.Command("go", "build", "-o", exe, "hostler/providers/testbed/tools").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the simulated Mac's tools: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(variable, exe); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Tools is the path of the built program.
func Tools() string {
	exe := os.Getenv(variable)
	if exe == "" {
		panic("TestMain must end with os.Exit(mactest.Main(m))")
	}
	return exe
}
