package macos

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"howett.net/plist"

	"hostler/providers/testbed/internal/mac"
)

// Plutil is the program plutil: -lint, -convert and -extract.
func Plutil(p *mac.Process) int {
	verb, rest := "-lint", p.Args
	if len(rest) > 0 && slices.Contains([]string{"-lint", "-convert", "-extract"}, rest[0]) {
		verb, rest = rest[0], rest[1:]
	}
	var fixed []string
	for n := map[string]int{"-convert": 1, "-extract": 2}[verb]; n > 0; n-- {
		if len(rest) == 0 {
			return p.Errorf(1, "plutil: Missing argument for %s", verb)
		}
		fixed, rest = append(fixed, rest[0]), rest[1:]
	}
	out, files, quiet := "", []string{}, false
	for len(rest) > 0 {
		switch a := rest[0]; {
		case a == "-o" && len(rest) > 1:
			out, rest = rest[1], rest[1:]
		case a == "-s":
			quiet = true
		case a == "--" || a == "-n" || a == "-r":
		default:
			files = append(files, a)
		}
		rest = rest[1:]
	}
	if len(files) == 0 {
		return p.Errorf(1, "No files specified.")
	}
	code := 0
	for _, f := range files {
		if err := plutil(p, verb, fixed, f, out, quiet); err != nil {
			fmt.Fprintf(p.Stdout, "%s: %v\n", f, err)
			code = 1
		}
	}
	return code
}

func plutil(p *mac.Process, verb string, fixed []string, file, out string, quiet bool) error {
	data, err := readInput(p, file)
	if err != nil {
		return fmt.Errorf("file does not exist or is not readable or is not a regular file (%w)", err)
	}
	var v any
	if _, err := plist.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("Property List error: %w / JSON error: not a valid JSON text", err)
	}
	if verb == "-lint" {
		if !quiet {
			fmt.Fprintf(p.Stdout, "%s: OK\n", file)
		}
		return nil
	}
	format := fixed[len(fixed)-1]
	if verb == "-extract" {
		part, ok := extract(v, strings.Split(fixed[0], "."))
		if !ok {
			return fmt.Errorf("Could not extract value, error: No value at that key path or invalid key path: %s", fixed[0])
		}
		v = part
	}
	result, err := render(v, format)
	if err != nil {
		return err
	}
	switch {
	case out == "-", out == "" && file == "-", out == "" && format == "raw":
		_, err = p.Stdout.Write(result)
	case out == "":
		err = os.WriteFile(p.Path(file), result, 0o644)
	default:
		err = os.WriteFile(p.Path(out), result, 0o644)
	}
	return err
}

func readInput(p *mac.Process, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(p.Stdin)
	}
	return os.ReadFile(p.Path(file))
}

func render(v any, format string) ([]byte, error) {
	switch format {
	case "xml1":
		return plist.MarshalIndent(v, plist.XMLFormat, "\t")
	case "binary1":
		return plist.Marshal(v, plist.BinaryFormat)
	case "json":
		if !jsonable(v) {
			return nil, fmt.Errorf("invalid object in plist for destination format")
		}
		return json.Marshal(v)
	case "raw":
		return raw(v), nil
	}
	return nil, fmt.Errorf("Unknown format specifier: %s", format)
}

// jsonable reports whether a value has no part that JSON lacks.
func jsonable(v any) bool {
	switch v := v.(type) {
	case time.Time, []byte:
		return false
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !jsonable(e) })
	case map[string]any:
		for _, e := range v {
			if !jsonable(e) {
				return false
			}
		}
	}
	return true
}

// raw is a value without markup: of a collection its size or its keys.
func raw(v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(k + "\n")
		}
		return []byte(b.String())
	case []any:
		return fmt.Appendln(nil, len(v))
	case time.Time:
		return fmt.Appendln(nil, v.UTC().Format(time.RFC3339))
	}
	return fmt.Appendln(nil, v)
}

func extract(v any, path []string) (any, bool) {
	for _, k := range path {
		switch c := v.(type) {
		case map[string]any:
			e, ok := c[k]
			if !ok {
				return nil, false
			}
			v = e
		case []any:
			i, err := strconv.Atoi(k)
			if err != nil || i < 0 || i >= len(c) {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// PlutilMutates reports whether a call with these arguments can change a file.
func PlutilMutates(args []string) bool {
	if len(args) == 0 || args[0] == "-lint" || args[len(args)-1] == "-" {
		return false
	}
	i := slices.Index(args, "-o")
	return i < 0 && args[0] == "-convert" || i >= 0 && i+1 < len(args) && args[i+1] != "-"
}
