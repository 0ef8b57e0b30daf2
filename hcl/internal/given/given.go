// Package given owns the values that come from outside for variables: from
// the environment, from files and from arguments. It finds them and says what
// is wrong with how they were given; what they mean is the variable's to say.
//
// A value may be a secret: its text is in no diagnostic, and lines of files
// are shown only where no variable is sensitive.
package given

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"hostler/hcl/internal/folder"
	"hostler/hcl/internal/report"
)

// Value is a value for a variable.
type Value struct {
	Text string         // from an argument or the environment,
	Expr hcl.Expression // or from a file
	At   hcl.Range
}

// Reader collects values; later ones win. Read the environment first, then
// the folder's own files, then arguments in their order.
type Reader struct {
	Dir    string // the configuration folder
	Known  []string
	Open   bool // variables beside Known may be declared
	Secret bool // some variable is sensitive

	Values  map[string]Value
	Sources map[string]*hcl.File // files of values that may be shown
	Lost    bool                 // a file can't be read
	Diags   hcl.Diagnostics
}

// Environ reads HOSTLER_VAR_name=value entries.
func (r *Reader) Environ(entries []string) {
	for _, entry := range entries {
		if key, text, ok := strings.Cut(entry, "="); ok {
			if name, ok := strings.CutPrefix(key, "HOSTLER_VAR_"); ok {
				r.Values[name] = Value{Text: text, At: outside(key)}
			}
		}
	}
}

// Auto reads the *.auto.hclvars files of the configuration folder. That the
// folder itself can't be read has been reported by then.
func (r *Reader) Auto() {
	entries, _ := os.ReadDir(r.Dir)
	for _, e := range entries {
		name := e.Name()
		if info, err := os.Stat(filepath.Join(r.Dir, name)); err == nil && info.IsDir() {
			continue
		}
		if !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".auto.hclvars") || strings.HasSuffix(name, ".auto.hclvars.json")) {
			r.File(filepath.Join(r.Dir, name))
		}
	}
}

// Arg reads a --var.
func (r *Reader) Arg(text string) {
	name, text, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	at := outside("--var " + name + "=...")
	switch {
	case !ok || name == "":
		r.err(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid --var option", Detail: "A variable is given as --var NAME=VALUE, with an equals sign."})
	case !r.Open && !slices.Contains(r.Known, name):
		r.err(report.At(at, "Value for undeclared variable", "--var gives a value for %q, and no variable of that name is declared.%s",
			name, report.OrDeclare(report.DidYouMean(name, r.Known), fmt.Sprintf("variable %q { }", name))))
	default:
		r.Values[name] = Value{Text: text, At: at}
	}
}

// File reads a --var-file.
func (r *Reader) File(file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		r.Lost = true
		r.err(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Failed to read variables file", Detail: report.Sentence(folder.Reason("variables file "+file, err))})
		return
	}
	name := r.name(file)
	f, diags := folder.Parse(raw, name)
	if !r.Secret {
		r.Sources[name] = f
	}
	if diags.HasErrors() {
		r.Lost = true
		if report.Syntax(diags[0], raw); r.Secret {
			diags[0].Detail = "The file can't be read from here on. What stands there is not shown, because some variables are sensitive."
		}
		r.err(diags[0])
		return
	}
	attrs, diags := f.Body.JustAttributes()
	r.Diags = append(r.Diags, diags...)
	for _, key := range report.SortedKeys(attrs) {
		if !r.Open && !slices.Contains(r.Known, key) {
			d := report.At(attrs[key].NameRange, "Value for undeclared variable", "This file gives a value for %q, and no variable of that name is declared.%s", key, report.DidYouMean(key, r.Known))
			d.Severity = hcl.DiagWarning
			r.err(d)
		}
		r.Values[key] = Value{Expr: attrs[key].Expr, At: attrs[key].Expr.Range()}
	}
}

func (r *Reader) err(d *hcl.Diagnostic) { r.Diags = append(r.Diags, d) }

// outside is a range for what does not stand in a file. The value itself is
// left out.
func outside(name string) hcl.Range {
	return hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}
}

// name is how ranges call a file of values.
func (r *Reader) name(file string) string {
	dir, err := filepath.Abs(r.Dir)
	abs, absErr := filepath.Abs(file)
	if err == nil && absErr == nil {
		if rel, err := filepath.Rel(dir, abs); err == nil {
			return filepath.ToSlash(rel)
		}
	}
	return file
}
