package launchd

import (
	"fmt"
	"slices"
	"strings"

	"howett.net/plist"
)

// job is what launchd reads from a plist.
type job struct {
	Label       string
	Program     string
	Arguments   []string
	Environment map[string]string
	Directory   string
	StdoutPath  string
	StderrPath  string
	UserName    string
	GroupName   string
	Sessions    []string // LimitLoadToSessionType
	RunAtLoad   bool
	KeepAlive   bool // also when it is a dictionary of conditions
	Disabled    bool
	ExitTimeout int // seconds
	Throttle    int // seconds
}

// starts reports whether loading the job starts it.
func (j job) starts() bool { return j.RunAtLoad || j.KeepAlive }

func (j job) program() string {
	if j.Program != "" {
		return j.Program
	}
	return j.Arguments[0]
}

// fits reports whether the job may be loaded into a domain.
func (j job) fits(domain string) bool {
	if len(j.Sessions) == 0 {
		return true
	}
	want := "Aqua"
	switch {
	case domain == "system":
		want = "System"
	case strings.HasPrefix(domain, "user/"):
		want = "Background"
	}
	return slices.Contains(j.Sessions, want)
}

// kinds are the types a value of a job's plist may have.
const (
	text    = "string"
	boolean = "bool"
	integer = "integer"
	texts   = "array of string"
	dict    = "dictionary"
	strs    = "dictionary of string"
	dicts   = "array of dictionary"
)

// schema is the types of the keys launchd knows; it ignores any other key.
func schema() map[string][]string {
	keys := map[string][]string{
		"KeepAlive": {boolean, dict}, "LimitLoadToSessionType": {text, texts}, "StartCalendarInterval": {dict, dicts},
		"EnvironmentVariables": {strs}, "ProgramArguments": {texts}, "EnableTransactions": {boolean},
		"inetdCompatibility": {dict}, "Sockets": {dict}, "MachServices": {dict}, "LaunchEvents": {dict},
		"SoftResourceLimits": {dict}, "HardResourceLimits": {dict}, "AssociatedBundleIdentifiers": {text, texts},
		"WatchPaths": {texts}, "QueueDirectories": {texts}, "LimitLoadToHosts": {texts}, "LimitLoadFromHosts": {texts},
		"Umask": {integer, text},
	}
	for kind, names := range map[string]string{
		text: "Label Program UserName GroupName WorkingDirectory RootDirectory StandardInPath StandardOutPath " +
			"StandardErrorPath ProcessType BundleProgram POSIXSpawnType",
		boolean: "Disabled RunAtLoad InitGroups StartOnMount EnableGlobbing EnablePressuredExit OnDemand LaunchOnlyOnce " +
			"AbandonProcessGroup SessionCreate LowPriorityIO LowPriorityBackgroundIO MaterializeDatalessFiles Debug " +
			"WaitForDebugger LegacyTimers HopefullyExitsFirst HopefullyExitsLast",
		integer: "StartInterval ThrottleInterval ExitTimeOut TimeOut Nice",
	} {
		for name := range strings.FieldsSeq(names) {
			keys[name] = []string{kind}
		}
	}
	return keys
}

// is reports whether a decoded value has that type.
func is(v any, kind string) bool {
	each := func(ok func(any) bool) bool {
		list, isList := v.([]any)
		return isList && !slices.ContainsFunc(list, func(e any) bool { return !ok(e) })
	}
	switch kind {
	case text:
		_, ok := v.(string)
		return ok
	case boolean:
		_, ok := v.(bool)
		return ok
	case integer:
		switch v.(type) {
		case int64, uint64:
			return true
		}
		return false
	case texts:
		return each(func(e any) bool { return is(e, text) })
	case dicts:
		return each(func(e any) bool { return is(e, dict) })
	case dict, strs:
		m, ok := v.(map[string]any)
		for _, e := range m {
			if kind == strs && !is(e, text) {
				return false
			}
		}
		return ok
	}
	panic("no such kind: " + kind)
}

// parseJob reads a plist as launchd does. A plist that isn't one, or in which a
// key has the wrong type, is 109; one without a label 110, without a program 111.
func parseJob(data []byte) (job, error) {
	var keys map[string]any
	if _, err := plist.Unmarshal(data, &keys); err != nil {
		return job{}, errno(109)
	}
	for name, kinds := range schema() {
		if v, ok := keys[name]; ok && !slices.ContainsFunc(kinds, func(k string) bool { return is(v, k) }) {
			return job{}, errno(109)
		}
	}
	str := func(name string) string { s, _ := keys[name].(string); return s }
	yes := func(name string) bool { b, _ := keys[name].(bool); return b }
	j := job{
		Label: str("Label"), Program: str("Program"), Directory: str("WorkingDirectory"), StdoutPath: str("StandardOutPath"),
		StderrPath: str("StandardErrorPath"), UserName: str("UserName"), GroupName: str("GroupName"), RunAtLoad: yes("RunAtLoad"),
		Disabled: yes("Disabled"), KeepAlive: yes("KeepAlive"), ExitTimeout: number(keys, "ExitTimeOut", 5),
		Throttle: number(keys, "ThrottleInterval", 10), Arguments: list(keys["ProgramArguments"]),
		Sessions: list(keys["LimitLoadToSessionType"]), Environment: map[string]string{},
	}
	if conditions, ok := keys["KeepAlive"].(map[string]any); ok {
		j.KeepAlive = len(conditions) > 0
	}
	env, _ := keys["EnvironmentVariables"].(map[string]any)
	for k, v := range env {
		j.Environment[k] = fmt.Sprint(v)
	}
	switch {
	case j.Label == "" || strings.ContainsAny(j.Label, "/ \n"):
		return job{}, errno(110)
	case j.Program == "" && len(j.Arguments) == 0:
		return job{}, errno(111)
	}
	return j, nil
}

func number(keys map[string]any, name string, other int) int {
	switch n := keys[name].(type) {
	case int64:
		return int(n)
	case uint64:
		return int(n)
	}
	return other
}

func list(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, fmt.Sprint(e))
		}
		return all
	}
	return nil
}
