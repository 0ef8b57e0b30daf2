package excerpt

import (
	"hostler/hcl"
)

// Diagnostic is a diagnostic as programs read it.
type Diagnostic struct {
	Severity string       `json:"severity"`
	Summary  string       `json:"summary"`
	Detail   string       `json:"detail"`
	Address  string       `json:"address,omitempty"`
	Range    *rangeJSON   `json:"range,omitempty"`
	Snippet  *snippetJSON `json:"snippet,omitempty"`
}

// rangeJSON counts lines and columns from 1 and bytes from 0, like hcl.Range.
type rangeJSON struct {
	Filename string  `json:"filename"`
	Start    posJSON `json:"start"`
	End      posJSON `json:"end"`
}

type posJSON struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

type snippetJSON struct {
	Context   *string   `json:"context"`
	Code      string    `json:"code"`
	StartLine int       `json:"start_line"`
	From      int       `json:"highlight_start_offset"`
	To        int       `json:"highlight_end_offset"`
	Values    []valueOf `json:"values"`
}

// JSON is a diagnostic for programs.
func JSON(diag *hcl.Diagnostic, files map[string]*hcl.File) Diagnostic {
	d := Diagnostic{Severity: "error", Summary: diag.Summary, Detail: diag.Detail}
	if diag.Severity == hcl.DiagWarning {
		d.Severity = "warning"
	}
	if a := concerned(diag); !a.IsZero() {
		d.Address = a.String()
	}
	if diag.Subject == nil {
		return d
	}
	d.Range = &rangeJSON{diag.Subject.Filename, posJSON(diag.Subject.Start), posJSON(diag.Subject.End)}
	if s := excerpt(diag, files); s != nil {
		d.Snippet = &snippetJSON{Code: s.code, StartLine: s.line, From: s.from, To: s.to, Values: append([]valueOf{}, s.values...)}
		if s.context != "" {
			d.Snippet.Context = &s.context
		}
	}
	return d
}

// Verdict is what validation found, for programs.
type Verdict struct {
	Format      string       `json:"format_version"`
	Valid       bool         `json:"valid"`
	Errors      int          `json:"error_count"`
	Warnings    int          `json:"warning_count"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Judge counts diagnostics and makes a verdict of them.
func Judge(diags hcl.Diagnostics, files map[string]*hcl.File) Verdict {
	v := Verdict{Format: "1.0", Diagnostics: []Diagnostic{}}
	for _, diag := range Sorted(diags) {
		v.Diagnostics = append(v.Diagnostics, JSON(diag, files))
		if diag.Severity == hcl.DiagError {
			v.Errors++
		} else {
			v.Warnings++
		}
	}
	v.Valid = v.Errors == 0
	return v
}
