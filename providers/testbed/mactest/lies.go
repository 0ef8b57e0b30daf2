package mactest

import "hostler/providers/testbed"

// Lies are the ways in which a call of tart can go wrong that hostler must see
// through by itself. Tool and Nth are for the test to set.
func Lies() []testbed.Fault {
	return []testbed.Fault{
		{Kind: testbed.Fail, Code: 0}, // done, it says, and nothing was
		{Kind: testbed.Fail, Code: 0, Stdout: `[{"Name":`},
		{Kind: testbed.Fail, Code: 1},
		{Kind: testbed.Fail, Code: 2, Stderr: "Error: the specified VM \"x\" does not exist\n"},
		{Kind: testbed.Fail, Code: 127, Stderr: "tart: command not found\n"},
		{Kind: testbed.Garbage}, {Kind: testbed.CrashBefore}, {Kind: testbed.CrashAfter}, {Kind: testbed.Hang},
	}
}
