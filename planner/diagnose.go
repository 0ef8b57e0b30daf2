package planner

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/hcl/schema"
	"hostler/planner/internal/inventory"
	"hostler/planner/internal/settlement"
	"hostler/providers"
)

// This file is the one crossing from errors to diagnostics.

// problem is an error met while doing something about one resource.
type problem struct {
	doing string // becomes the summary
	addr  addr.Addr
	err   error
}

// diagnose gives a problem its place in the files: the attribute that an
// AttrError names, else the block's header, else none. Joined errors become
// one diagnostic each.
func diagnose(p problem, source *hcl.Source) hcl.Diagnostics {
	if joined, ok := p.err.(interface{ Unwrap() []error }); ok {
		var diags hcl.Diagnostics
		for _, err := range joined.Unwrap() {
			diags = append(diags, diagnose(problem{p.doing, p.addr, err}, source)...)
		}
		return diags
	}
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: p.doing, Detail: sentence(p.err.Error()), Extra: p.addr}
	if source != nil {
		header := source.Range()
		d.Subject, d.Context = &header, &header
	}
	var attr *providers.AttrError
	var exists *providers.ExistsError
	switch {
	case errors.As(p.err, &attr):
		d.Summary = fmt.Sprintf("Invalid value for %q", pathName(attr.Path))
		if source != nil {
			at := source.Attr(attr.Path)
			d.Subject = &at
		}
	case errors.As(p.err, &exists):
		d.Summary = "Object already exists"
		d.Detail = fmt.Sprintf("%s\n\nhostler never overwrites what it did not make. To take the object over, write\n\n    import {\n      to = %s\n      id = %q\n    }\n\nor remove the object, or choose another name.", sentence(exists.Error()), p.addr, exists.ID)
	}
	return hcl.Diagnostics{d}
}

// found is diagnose for what the inventory met.
func found(p inventory.Problem) hcl.Diagnostics {
	var unread *inventory.UnreadableError
	var noBlock *inventory.NoBlockError
	switch {
	case errors.As(p.Err, &unread):
		return hcl.Diagnostics{unreadable(p.Doing, unread)}
	case errors.As(p.Err, &noBlock):
		return hcl.Diagnostics{importWithoutBlock(noBlock.Import)}
	}
	return diagnose(problem{doing: p.Doing, addr: p.Object.Addr, err: p.Err}, p.Object.Source())
}

// unsettled is why an apply did not get to its first step.
func unsettled(err error) hcl.Diagnostics {
	var old *settlement.StaleError
	var look *settlement.LookError
	switch {
	case errors.As(err, &old):
		return hcl.Diagnostics{stale(fmt.Sprintf("After the plan was made, a run was interrupted that had begun to create %s. Make a new plan, so that what it left behind is not lost.", old.Addr))}
	case errors.As(err, &look):
		return diagnose(problem{doing: "Unfinished creation of " + look.Addr.String(), addr: look.Addr, err: look.Err}, nil)
	}
	return hcl.Diagnostics{notRecorded(err)}
}

// sentence makes an error's text a detail: a capital, a full stop.
func sentence(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	if word, _, _ := strings.Cut(text, " "); !strings.ContainsAny(word, ".:/[_") {
		text = string(unicode.ToUpper(first)) + text[n:]
	}
	if text != "" && !strings.ContainsRune(".!?\n`", rune(text[len(text)-1])) {
		text += "."
	}
	return text
}

// pathName writes a path as the user did: reserve.memory, calendar[0].hour.
func pathName(path cty.Path) string {
	var b strings.Builder
	for _, step := range path {
		switch s := step.(type) {
		case cty.GetAttrStep:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.Name)
		case cty.IndexStep:
			if s.Key.Type() == cty.Number {
				fmt.Fprintf(&b, "[%s]", s.Key.AsBigFloat().Text('f', 0))
			} else {
				fmt.Fprintf(&b, "[%q]", s.Key.AsString())
			}
		}
	}
	return b.String()
}

// warning is about an attribute of a block, or with "" about all of it.
func warning(o *inventory.Object, attr, text string) *hcl.Diagnostic {
	header := o.Block.Source.Range()
	d := &hcl.Diagnostic{
		Severity: hcl.DiagWarning, Summary: "Worth knowing about " + o.Addr.String(), Detail: sentence(text),
		Subject: &header, Context: &header, Extra: o.Addr,
	}
	if attr != "" {
		at := o.Block.Source.Attr(cty.GetAttrPath(attr))
		d.Subject = &at
	}
	return d
}

// unreadable is one error that kept many objects from being read.
func unreadable(doing string, err *inventory.UnreadableError) *hcl.Diagnostic {
	const most = 3
	names := make([]string, 0, most+1)
	for i, a := range err.Addrs {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(err.Addrs)-most))
			break
		}
		names = append(names, a.String())
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  doing,
		Detail:   fmt.Sprintf("%s\n\nThis concerns %s. Nothing was changed; mend this and run the command again, or plan from the recorded state alone with --refresh=false.", sentence(err.Error()), strings.Join(names, ", ")),
	}
}

func noMatch(flag string, want addr.Addr, have []addr.Addr) *hcl.Diagnostic {
	names := make([]string, len(have))
	for i, a := range have {
		names[i] = a.String()
	}
	detail := fmt.Sprintf("Neither the files nor the state have a resource %s", want)
	if near := schema.Nearest(want.String(), names); near != "" {
		detail += fmt.Sprintf("; did you mean %s?", near)
	} else {
		detail += ". `hostler state list` shows what is recorded, `hostler plan` what is planned."
	}
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: fmt.Sprintf("%s %s matches nothing", flag, want), Detail: detail}
}

func importWithoutBlock(im hcl.Import) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Import without a block", Subject: &im.Range,
		Detail: fmt.Sprintf("There is no block %s to import into. Write the block first; the plan then shows how the object differs from it.", im.To),
	}
}

func stale(detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Saved plan is stale", Detail: detail}
}

// notRecorded is the one error after which nothing more may be done.
func notRecorded(err error) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "The state can't be written",
		Detail: fmt.Sprintf("%s\n\nNo further step was started. What was done up to here is in the journal beside the state, "+
			"and the next plan looks for what an unrecorded step may have left behind: mend this, then run hostler plan.", sentence(err.Error())),
	}
}
