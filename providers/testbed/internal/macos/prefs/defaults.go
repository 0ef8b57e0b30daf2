package prefs

import (
	"errors"
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

// Defaults is the program defaults: read, read-type, write, delete and export.
func Defaults(p *mac.Process) int {
	args, host := p.Args, false
	if len(args) > 0 && args[0] == "-currentHost" {
		args, host = args[1:], true
	}
	if len(args) < 2 {
		return p.Errorf(255, "Command line interface to a user's defaults.\nSyntax:\n\n'defaults' [-currentHost | -host <hostname>] followed by one of the following:")
	}
	d := call{p, args[1], file(p, args[1], host)}
	rest := args[2:]
	switch {
	case args[0] == "read" && len(rest) <= 1:
		return d.read(rest)
	case args[0] == "read-type" && len(rest) == 1:
		return d.readType(rest[0])
	case args[0] == "write" && len(rest) >= 2:
		return d.write(rest[0], rest[1:])
	case args[0] == "delete" && len(rest) <= 1:
		return d.remove(rest)
	case args[0] == "export" && len(rest) == 1:
		return d.export(rest[0])
	}
	return d.complain("\nUnexpected argument %s; leaving defaults unchanged.", args[0])
}

// call is one call of defaults, about one domain.
type call struct {
	*mac.Process
	domain string // as the caller wrote it
	path   string
}

// complain writes to the log, as everything does that goes wrong.
func (d call) complain(format string, args ...any) int {
	return d.Errorf(1, "%s defaults[%d:%x] "+format, append([]any{d.Now().Format("2006-01-02 15:04:05.000"), os.Getpid(), os.Getpid() * 7}, args...)...)
}

func (d call) noKey(key string) int {
	if d.Settings.Quirks.NoKey {
		return d.complain("\nCould not find key %s in domain %s", key, d.domain)
	}
	return d.complain("\nThe domain/default pair of (%s, %s) does not exist", d.domain, key)
}

func (d call) read(key []string) int {
	keys, err := load(d.Process, d.path)
	switch {
	case err != nil:
		return d.complain("%v", err)
	case keys == nil && len(key) == 0:
		return d.complain("\nDomain %s does not exist", d.domain)
	case len(key) == 0:
		fmt.Fprintln(d.Stdout, describe(keys, ""))
		return 0
	}
	v, ok := keys[key[0]]
	if !ok {
		return d.noKey(key[0])
	}
	if s, ok := v.(string); ok {
		fmt.Fprintln(d.Stdout, s)
		return 0
	}
	fmt.Fprintln(d.Stdout, describe(v, ""))
	return 0
}

// describe is a value in the old style of property lists.
func describe(v any, margin string) string {
	var b strings.Builder
	switch v := v.(type) {
	case map[string]any:
		b.WriteString("{\n")
		for _, k := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "%s    %s = %s;\n", margin, describe(k, ""), describe(v[k], margin+"    "))
		}
		return b.String() + margin + "}"
	case []any:
		b.WriteString("(\n")
		for i, e := range v {
			comma := ","
			if i == len(v)-1 {
				comma = ""
			}
			fmt.Fprintf(&b, "%s    %s%s\n", margin, describe(e, margin+"    "), comma)
		}
		return b.String() + margin + ")"
	case bool:
		if v {
			return "1"
		}
		return "0"
	case string:
		plain := func(r rune) bool {
			return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		}
		if v != "" && !strings.ContainsFunc(v, func(r rune) bool { return !plain(r) }) {
			return v
		}
		return strconv.Quote(v)
	case time.Time:
		return strconv.Quote(v.UTC().Format("2006-01-02 15:04:05 -0700"))
	case []byte:
		return fmt.Sprintf("{length = %d, bytes = 0x%x}", len(v), v)
	}
	return fmt.Sprint(v)
}

func (d call) readType(key string) int {
	keys, err := load(d.Process, d.path)
	if err != nil {
		return d.complain("%v", err)
	}
	v, ok := keys[key]
	if !ok {
		return d.noKey(key)
	}
	kind := "data"
	switch v.(type) {
	case bool:
		kind = "boolean"
	case int64, uint64:
		kind = "integer"
	case float64:
		kind = "float"
	case string:
		kind = "string"
	case []any:
		kind = "array"
	case map[string]any:
		kind = "dictionary"
	case time.Time:
		kind = "date"
	}
	fmt.Fprintf(d.Stdout, "Type is %s\n", kind)
	return 0
}

func (d call) write(key string, args []string) int {
	keys, err := load(d.Process, d.path)
	if err != nil {
		return d.complain("%v", err)
	}
	keys = maps.Clone(keys)
	if keys == nil {
		keys = map[string]any{}
	}
	if keys[key], err = parse(keys[key], args); err != nil {
		return d.complain("%v", err)
	}
	return d.save(keys)
}

func (d call) save(keys map[string]any) int {
	if err := store(d.Process, d.path, keys); err != nil {
		return d.complain("\nCould not write domain %s; exiting", d.domain)
	}
	return 0
}

// parse is the value that the arguments of write give, where old stood.
func parse(old any, args []string) (any, error) {
	switch args[0] {
	case "-array", "-array-add":
		var list []any
		if args[0] == "-array-add" {
			list, _ = old.([]any)
		}
		return scalars(list, args[1:])
	case "-dict", "-dict-add":
		dict := map[string]any{}
		if have, ok := old.(map[string]any); ok && args[0] == "-dict-add" {
			dict = maps.Clone(have)
		}
		for rest := args[1:]; len(rest) > 0; {
			v, n, err := scalar(rest[1:])
			if err != nil {
				return nil, err
			}
			dict[rest[0]] = v
			rest = rest[1+n:]
		}
		return dict, nil
	}
	v, n, err := scalar(args)
	if err == nil && n < len(args) {
		err = fmt.Errorf("\nUnexpected argument %s; leaving defaults unchanged.", args[n])
	}
	return v, err
}

func scalars(list []any, args []string) (any, error) {
	for len(args) > 0 {
		v, n, err := scalar(args)
		if err != nil {
			return nil, err
		}
		list, args = append(list, v), args[n:]
	}
	if list == nil {
		list = []any{}
	}
	return list, nil
}

// scalar reads one value, with its type before it or not, of n arguments.
func scalar(args []string) (v any, n int, err error) {
	if len(args) == 0 {
		return nil, 0, errors.New("\nRep argument is not a dictionary\nDefaults have not been changed.")
	}
	if !strings.HasPrefix(args[0], "-") {
		return args[0], 1, nil
	}
	if len(args) < 2 {
		return nil, 0, fmt.Errorf("\nUnexpected argument %s; leaving defaults unchanged.", args[0])
	}
	switch s := args[1]; args[0] {
	case "-string":
		v = s
	case "-int", "-integer":
		v, err = strconv.ParseInt(s, 0, 64)
	case "-float":
		v, err = strconv.ParseFloat(s, 64)
	case "-bool", "-boolean":
		switch strings.ToLower(s) {
		case "true", "yes", "1":
			v = true
		case "false", "no", "0":
			v = false
		default:
			err = fmt.Errorf("\nUnexpected argument %s; leaving defaults unchanged.", s)
		}
	default:
		err = fmt.Errorf("\nUnexpected argument %s; leaving defaults unchanged.", args[0])
	}
	return v, 2, err
}

func (d call) remove(key []string) int {
	keys, err := load(d.Process, d.path)
	if err != nil {
		return d.complain("%v", err)
	}
	if len(key) == 0 {
		if keys == nil {
			return d.complain("\nDomain (%s) not found.\nDefaults have not been changed.", d.domain)
		}
		return d.save(map[string]any{})
	}
	if _, ok := keys[key[0]]; !ok {
		return d.complain("\nDomain (%s) not found.\nDefaults have not been changed.", d.domain)
	}
	delete(keys, key[0])
	return d.save(keys)
}

func (d call) export(to string) int {
	keys, err := load(d.Process, d.path)
	switch {
	case err != nil:
		return d.complain("%v", err)
	case keys == nil:
		return d.complain("\nThe domain %s does not exist", d.domain)
	}
	format := plist.BinaryFormat
	if to == "-" {
		format = plist.XMLFormat
	}
	data, err := plist.MarshalIndent(keys, format, "\t")
	if err != nil {
		return d.complain("Could not export domain %s to %s due to %v", d.domain, to, err)
	}
	var w io.Writer = d.Stdout
	if to != "-" {
		f, err := os.Create(d.Process.Path(to))
		if err != nil {
			return d.complain("Could not export domain %s to %s due to %v", d.domain, to, err)
		}
		defer f.Close()
		w = f
	}
	if _, err := w.Write(data); err != nil {
		return d.complain("%v", err)
	}
	return 0
}
