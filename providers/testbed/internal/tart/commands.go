package tart

// commands are all commands of this tart, in the order of its help.
func commands() []command {
	name := []string{"<name>"}
	concurrency := number("--concurrency", 64)
	return []command{
		{name: "create", operands: name, mutating: true, run: (*call).create, options: []option{
			value("--from-ipsw", "<path>"), flag("--linux"), number("--disk-size", 16),
			value("--disk-format", "<disk-format>").from("2.28.0"),
		}},
		{name: "clone", operands: []string{"<source-name>", "<new-name>"}, mutating: true, run: (*call).clone, options: []option{
			flag("--insecure"), concurrency, number("--prune-limit", 64).from("2.28.5"), flag("--deduplicate"),
			flag("--stacked").from("2.36.0"),
		}},
		{name: "run", operands: name, mutating: true, run: (*call).start, options: runOptions()},
		{name: "set", operands: name, mutating: true, run: (*call).set, options: []option{
			number("--cpu", 16), number("--memory", 64), value("--display", "<display>"),
			flag("--display-refit"), flag("--no-display-refit"), flag("--random-mac").from("2.10.0"),
			flag("--random-serial").from("2.10.0"), value("--disk", "<disk>"), number("--disk-size", 16),
		}},
		{name: "get", operands: name, run: (*call).get, options: []option{value("--format", "<format>")}},
		{name: "list", run: (*call).list, options: []option{
			value("--source", "<source>"), value("--format", "<format>"), flag("--quiet").or("-q"),
		}},
		{name: "pull", operands: []string{"<remote-name>"}, mutating: true, run: (*call).pull, options: []option{
			flag("--insecure"), concurrency, flag("--deduplicate"),
		}},
		{name: "prune", mutating: true, run: (*call).prune, options: []option{
			value("--entries", "<entries>"), number("--older-than", 64),
			number("--space-budget", 64), flag("--gc"),
		}},
		{name: "rename", operands: []string{"<name>", "<new-name>"}, mutating: true, run: (*call).rename},
		{name: "stop", operands: name, mutating: true, run: (*call).stop, options: []option{
			number("--timeout", 64).or("-t"),
		}},
		{name: "suspend", since: "1.8.0", operands: name, mutating: true, run: (*call).suspend},
		{name: "delete", operands: []string{"<name> ..."}, mutating: true, run: (*call).delete},
		{name: "ip", operands: name, run: (*call).ip, options: []option{
			number("--wait", 16), value("--resolver", "<resolver>"),
		}},
		{name: "fqn", since: "2.6.0", operands: name, run: (*call).fqn},
		{name: "exec", since: "2.27.0", operands: []string{"<name>", "<command> ..."}, passthrough: true, mutating: true,
			run: (*call).exec, options: []option{flag("-i"), flag("-t")}},
	}
}

func lookup(name string, v version) (command, bool) {
	for _, c := range commands() {
		if c.name == name && v.since(c.since) {
			return c, true
		}
	}
	return command{}, false
}

// Mutates reports whether a call with these arguments can change the Mac.
func Mutates(args []string) bool {
	if len(args) == 0 {
		return false
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.mutating
		}
	}
	return false
}

func runOptions() []option {
	all := []option{
		value("--serial-path", "<serial-path>"), value("--disk", "<disk>"), value("--rosetta", "<tag>"), value("--dir", "<dir>"),
		value("--net-bridged", "<interface name>"), value("--net-softnet-allow", "<cidrs>").from("2.7.1"),
		value("--net-softnet-block", "<cidrs>").from("2.30.0"), value("--net-softnet-expose", "<ports>").from("2.23.0"),
		value("--net-softnet-control-fd", "<fd>").from("2.34.0"), value("--root-disk-opts", "<options>").from("2.16.0"),
		value("--provisioning-opts", "<options>").from("2.33.0"),
		flag("--net-host").from("2.7.0"), flag("--no-clipboard").from("2.10.0"), flag("--nested").from("2.20.0"),
		flag("--no-trackpad").from("2.25.0"), flag("--no-pointer").from("2.25.0"), flag("--no-keyboard").from("2.25.0"),
	}
	for _, f := range []string{
		"--no-graphics", "--graphics", "--serial", "--no-audio", "--recovery", "--vnc", "--vnc-experimental",
		"--net-softnet", "--suspendable", "--capture-system-keys",
	} {
		all = append(all, flag(f))
	}
	return all
}
