package launchd

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"howett.net/plist"

	"hostler/hcl/schema"
)

// render is the job's plist. Equal jobs give equal bytes.
func render(j *Job) ([]byte, error) {
	keys := map[string]any{"Label": j.Label, "ProgramArguments": j.Program}
	if len(j.Calendar) > 0 {
		var all []map[string]int
		for _, m := range j.Calendar {
			dict := map[string]int{}
			for name, field := range m.fields() {
				if *field != nil {
					dict[name] = **field
				}
			}
			all = append(all, dict)
		}
		keys["StartCalendarInterval"] = all
	}
	if j.Interval > 0 {
		keys["StartInterval"] = int64(time.Duration(j.Interval) / time.Second)
	}
	if j.RunAtLoad {
		keys["RunAtLoad"] = true
	}
	if j.KeepAlive {
		keys["KeepAlive"] = true
	}
	if len(j.WatchPaths) > 0 {
		keys["WatchPaths"] = j.WatchPaths
	}
	if len(j.Env) > 0 {
		keys["EnvironmentVariables"] = j.Env
	}
	for name, value := range map[string]string{
		"WorkingDirectory": j.WorkingDirectory, "StandardOutPath": j.Stdout, "StandardErrorPath": j.Stderr,
	} {
		if value != "" {
			keys[name] = value
		}
	}
	data, err := plist.MarshalIndent(keys, plist.XMLFormat, "\t")
	if err != nil {
		return nil, fmt.Errorf("write the property list of %s: %w", j.Label, err)
	}
	return append(data, '\n'), nil
}

func (m *Moment) fields() map[string]**int {
	return map[string]**int{"Minute": &m.Minute, "Hour": &m.Hour, "Day": &m.Day, "Weekday": &m.Weekday, "Month": &m.Month}
}

// wholeFile is the key of unexpected for a plist that as a whole is none; no
// key of launchd has brackets.
const wholeFile = "(file)"

// parse reads a plist into the job, and into j.Unexpected what a Job can't say.
func parse(data []byte, j *Job) {
	j.Unexpected = &map[string]string{}
	var keys map[string]any
	if _, err := plist.Unmarshal(data, &keys); err != nil || keys == nil {
		(*j.Unexpected)[wholeFile] = "not a property list"
		return
	}
	takeText := func(key string, into *string) {
		if s, ok := keys[key].(string); ok && s != "" {
			*into = s
			delete(keys, key)
		}
	}
	takeList := func(key string, into *[]string) {
		if list, ok := texts(keys[key]); ok {
			*into = list
			delete(keys, key)
		}
	}
	takeBool := func(key string, into *bool) {
		if b, ok := keys[key].(bool); ok {
			*into = b
			delete(keys, key)
		}
	}
	if keys["Label"] == j.Label {
		delete(keys, "Label")
	}
	takeList("ProgramArguments", &j.Program)
	takeList("WatchPaths", &j.WatchPaths)
	takeBool("RunAtLoad", &j.RunAtLoad)
	takeBool("KeepAlive", &j.KeepAlive)
	takeText("WorkingDirectory", &j.WorkingDirectory)
	takeText("StandardOutPath", &j.Stdout)
	takeText("StandardErrorPath", &j.Stderr)
	if all, ok := moments(keys["StartCalendarInterval"]); ok {
		j.Calendar = all
		delete(keys, "StartCalendarInterval")
	}
	if n, ok := whole(keys["StartInterval"]); ok && n > 0 && n <= math.MaxInt64/int(time.Second) {
		j.Interval = schema.Duration(time.Duration(n) * time.Second)
		delete(keys, "StartInterval")
	}
	if env, ok := textMap(keys["EnvironmentVariables"]); ok {
		j.Env = env
		delete(keys, "EnvironmentVariables")
	}
	for key, v := range keys {
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Appendf(nil, "%v", v) // a number that JSON has no name for
		}
		(*j.Unexpected)[key] = string(text)
	}
}

func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	var out []string
	for _, e := range list {
		s, isText := e.(string)
		ok = ok && isText
		out = append(out, s)
	}
	return out, ok
}

func textMap(v any) (map[string]string, bool) {
	dict, ok := v.(map[string]any)
	out := make(map[string]string, len(dict))
	for k, e := range dict {
		s, isText := e.(string)
		ok = ok && isText
		out[k] = s
	}
	return out, ok
}

// whole is a whole number of a plist.
func whole(v any) (int, bool) {
	switch n := v.(type) {
	case uint64:
		return int(n), n <= math.MaxInt
	case int64:
		return int(n), true
	}
	return 0, false
}

// moments reads one pattern, or an array of them.
func moments(v any) ([]Moment, bool) {
	list, ok := v.([]any)
	if dict, one := v.(map[string]any); one {
		list, ok = []any{dict}, true
	}
	var out []Moment
	for _, e := range list {
		dict, isDict := e.(map[string]any)
		var m Moment
		fields := m.fields()
		for name, value := range dict {
			n, isWhole := whole(value)
			field := fields[name]
			if !isWhole || field == nil || n < 0 || n > 59 {
				return nil, false
			}
			*field = &n
		}
		ok = ok && isDict && len(dict) > 0
		out = append(out, m)
	}
	return slices.Clip(out), ok
}
