package launchctl

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Service is what `launchctl print` tells of a loaded service.
type Service struct {
	State string // "running", "not running", "spawn scheduled", "SIGTERMed", …
	Path  string // of the plist it was loaded from
	PID   int    // 0 when it does not run
	// LastExit is how it last ended, as launchd words it: "0",
	// "78: EX_CONFIG", "Terminated: 15"; "" if it never did.
	LastExit string
}

// Ending reports whether the service was booted out and still ends.
func (s *Service) Ending() bool { return s.State == "SIGTERMed" || s.State == "SIGKILLed" }

// Print asks for one service; nil when it is not loaded.
func (c *Client) Print(ctx context.Context, d Domain, label string) (*Service, error) {
	out, err := c.run(ctx, false, "print", d, label)
	if Is(err, NoService, NoDomain, Unsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseService(out), nil
}

// parseService reads the lines with exactly one leading tab, and of each key
// the first: nested blocks repeat the same keys, and an argument of several
// lines, which comes later, is printed raw.
func parseService(out string) *Service {
	s := &Service{}
	seen := map[string]bool{}
	for line := range strings.Lines(out) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		if !ok || !strings.HasPrefix(key, "\t") || strings.HasPrefix(key, "\t\t") {
			continue
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		switch key[1:] {
		case "state":
			s.State = value
		case "path":
			s.Path = value
		case "pid":
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				s.PID = n
			}
		case "last exit code":
			if value != "(never exited)" {
				s.LastExit = value
			}
		case "last terminating signal", "last exit reason":
			s.LastExit = value
		}
	}
	return s
}

// List tells which services a domain has loaded, with the id of the process of
// each, 0 if it does not run. It is one call for any number of services: that
// of `print DOMAIN`, because `list` answers for the session of whoever asks,
// which over SSH is another one. A domain that does not exist has none.
func (c *Client) List(ctx context.Context, d Domain) (map[string]int, error) {
	out, err := c.run(ctx, false, "print", d, "")
	if Is(err, NoDomain, Unsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lines, ok := block(out, "services = {")
	if !ok {
		return nil, fmt.Errorf("launchctl print %s did not list services", d)
	}
	all := map[string]int{}
	for _, line := range lines {
		// "     475      - 	com.example.agent": pid, last status, label.
		numbers, label, _ := strings.Cut(line, "\t")
		fields := strings.Fields(numbers)
		if len(fields) == 0 || label == "" {
			return nil, fmt.Errorf("launchctl print %s listed a service as %q", d, line)
		}
		pid, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, fmt.Errorf("launchctl print %s listed a service as %q", d, line)
		}
		all[label] = pid
	}
	return all, nil
}

// Disabled tells which labels of a domain are disabled; those that were
// enabled are listed as false.
func (c *Client) Disabled(ctx context.Context, d Domain) (map[string]bool, error) {
	out, err := c.run(ctx, false, "print-disabled", d, "")
	if Is(err, NoDomain, Unsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lines, ok := block(out, "disabled services = {")
	if !ok {
		return nil, fmt.Errorf("launchctl print-disabled %s did not list services", d)
	}
	all := map[string]bool{}
	for _, line := range lines {
		label, word, _ := strings.Cut(line, " => ")
		switch word {
		case "disabled", "true":
			all[strings.Trim(label, `"`)] = true
		case "enabled", "false":
			all[strings.Trim(label, `"`)] = false
		default:
			return nil, fmt.Errorf("launchctl print-disabled %s listed %q", d, line)
		}
	}
	return all, nil
}

// block is the trimmed lines between a line with that head and its brace.
func block(out, head string) (lines []string, ok bool) {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		switch {
		case ok && line == "}":
			return lines, true
		case ok:
			lines = append(lines, line)
		case line == head:
			ok = true
		}
	}
	return nil, false
}
