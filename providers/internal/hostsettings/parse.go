package hostsettings

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"howett.net/plist"

	"hostler/hcl/schema"
)

// The parsers of answers. Each is, or makes, the parse function of a witness.

func one(v any) ([]any, error) { return []any{v}, nil }

// pmsetLine reads one key of each section that has it: one for each power
// source. A key that no section has was never set, or is not for this model.
func pmsetLine(key string, value func(string) (any, bool)) func(answer) ([]any, error) {
	return func(a answer) ([]any, error) {
		if a.code != 0 || !strings.Contains(a.out, ":\n") {
			return nil, a.odd()
		}
		var all []any
		for line := range strings.Lines(a.out) {
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != key {
				continue
			}
			v, ok := value(words[1])
			if !ok {
				return nil, a.odd()
			}
			all = append(all, v)
		}
		return all, nil
	}
}

func bit(s string) (any, bool) { return s == "1", s == "0" || s == "1" }

func idleMinutes(s string) (any, bool) {
	n, err := strconv.Atoi(s)
	return span(n, time.Minute, true), err == nil && n >= 0
}

// span is a number of units as files write it. Zero may stand for never.
func span(n int, unit time.Duration, never bool) string {
	if n == 0 && never {
		return "never"
	}
	return schema.Duration(time.Duration(n) * unit).String()
}

// phrase is a text of a tool and what it means; nil is "never set".
type phrase struct {
	text  string
	means any
}

// saying looks for the first phrase that the tool said.
func saying(phrases ...phrase) func(answer) ([]any, error) {
	return func(a answer) ([]any, error) {
		for _, p := range phrases {
			if strings.Contains(a.all, p.text) {
				return one(p.means)
			}
		}
		return nil, a.odd()
	}
}

// onOff are the phrases of systemsetup.
func onOff(what string) func(answer) ([]any, error) {
	return saying(phrase{what + ": On", true}, phrase{what + ": Off", false}, phrase{"ot supported", nil})
}

func scutilName(a answer) ([]any, error) {
	switch name := strings.TrimSpace(a.out); {
	case strings.Contains(a.all, ": not set"):
		return one(nil)
	case a.code == 0 && name != "":
		return one(name)
	}
	return nil, a.odd()
}

// zone reads where the link /etc/localtime leads.
func zone(a answer) ([]any, error) {
	_, name, ok := strings.Cut(strings.TrimSpace(a.out), "/zoneinfo/")
	if !ok {
		return one(nil)
	}
	return one(name)
}

// loaded reads whether launchd has a service.
func loaded(a answer) ([]any, error) {
	const noService = 113
	if a.code != 0 && a.code != noService {
		return nil, a.odd()
	}
	return one(a.code == 0)
}

// enabled reads launchd's note whether a service may load at the next start.
// Before somebody says so there is none.
func enabled(label string) func(answer) ([]any, error) {
	return func(a answer) ([]any, error) {
		for line := range strings.Lines(a.out) {
			is, ok := strings.CutPrefix(strings.TrimSpace(line), strconv.Quote(label)+" => ")
			switch {
			case !ok:
			case is == "enabled", is == "false":
				return one(true)
			case is == "disabled", is == "true":
				return one(false)
			}
		}
		if a.code != 0 || !strings.Contains(a.out, "disabled services") {
			return nil, a.odd()
		}
		return nil, nil
	}
}

func softLimit(a answer) ([]any, error) {
	words := strings.Fields(a.out)
	if len(words) != 3 || words[0] != "maxfiles" {
		return nil, a.odd()
	}
	if n, err := strconv.Atoi(words[1]); err == nil {
		return one(n)
	}
	return one(nil)
}

type limitPlistKeys struct {
	Label            string
	ProgramArguments []string
	RunAtLoad        bool
}

// limitPlist is the job that runs a command at each start.
func limitPlist(program []string) []byte {
	data, err := plist.MarshalIndent(limitPlistKeys{limitLabel, program, true}, plist.XMLFormat, "\t")
	if err != nil {
		panic(err) // strings and a bool always marshal
	}
	return append(data, '\n')
}

// limitJob reads which limit the job sets; whoever edited it unset it.
func limitJob(a answer) ([]any, error) {
	var job limitPlistKeys
	if a.gone {
		return one(nil)
	}
	if _, err := plist.Unmarshal([]byte(a.out), &job); err == nil && len(job.ProgramArguments) == 5 {
		n, err := strconv.Atoi(job.ProgramArguments[3])
		if err == nil && a.out == string(limitPlist(limitCommand(n))) {
			return one(n)
		}
	}
	return one(nil)
}

func selectedXcode(a answer) ([]any, error) {
	dir := strings.TrimSpace(a.out)
	switch {
	case a.code == 0 && strings.HasPrefix(dir, "/"):
		return one(strings.TrimSuffix(dir, "/Contents/Developer"))
	case a.code == 2:
		return one(nil)
	}
	return nil, a.odd()
}

// notUnready reads whether xcodebuild wants something done first. It has no
// opinion where it is ready, or not an Xcode's.
func notUnready(a answer) ([]any, error) {
	const unavailable = 69
	if a.code == unavailable {
		return one(nil)
	}
	return nil, nil
}

func succeeds(a answer) ([]any, error) { return one(a.code == 0) }

// domain is a domain of preferences as `defaults export` writes it; one that
// is not there is empty.
func domain(a answer) (map[string]any, error) {
	if a.code != 0 && (strings.Contains(a.all, "does not exist") || strings.Contains(a.all, "Could not find")) {
		return nil, nil
	}
	var keys map[string]any
	if _, err := plist.Unmarshal([]byte(a.out), &keys); a.code != 0 || err != nil {
		return nil, a.odd()
	}
	return keys, nil
}

// pref reads one preference; the keys lead to it through dictionaries. What is
// not of the kind that macOS expects there is as good as never set.
func pref(value func(any) any, keys ...string) func(answer) ([]any, error) {
	return func(a answer) ([]any, error) {
		d, err := domain(a)
		if err != nil {
			return nil, err
		}
		var v any = d
		for _, k := range keys {
			inner, _ := v.(map[string]any)
			v = inner[k]
		}
		return one(value(v))
	}
}

// number reads a whole number, whichever way it was written.
func number(v any) (int, bool) {
	switch v {
	case true:
		return 1, true
	case false:
		return 0, true
	}
	n, err := strconv.Atoi(fmt.Sprint(v))
	return n, err == nil && n >= 0
}

func truth(v any) any {
	if n, ok := number(v); ok && n <= 1 {
		return n == 1
	}
	return nil
}

func seconds(never bool) func(any) any {
	return func(v any) any {
		if n, ok := number(v); ok {
			return span(n, time.Second, never)
		}
		return nil
	}
}

func vmnetSubnet(a answer) ([]any, error) {
	d, err := domain(a)
	if err != nil {
		return nil, err
	}
	address, _ := d["Shared_Net_Address"].(string)
	mask, _ := d["Shared_Net_Mask"].(string)
	return one(subnetOf(address, mask))
}

func prefixes(v any) any {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil
	}
	var all []string
	for _, e := range list {
		all = append(all, fmt.Sprint(e))
	}
	if normal, err := networks(all); err == nil {
		return normal
	}
	return all
}
