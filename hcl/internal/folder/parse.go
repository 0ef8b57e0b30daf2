package folder

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"

	"hostler/hcl/internal/report"
)

// Parse reads native or JSON syntax, by the name of the file. Of several
// diagnostics only the first is certain not to follow from another.
func Parse(raw []byte, name string) (*hcl.File, hcl.Diagnostics) {
	if d := notText(raw, name); d != nil {
		return &hcl.File{Bytes: raw}, hcl.Diagnostics{d}
	}
	if d := tooDeep(raw, name); d != nil {
		return &hcl.File{Bytes: raw}, hcl.Diagnostics{d}
	}
	if isJSON(name) {
		return json.Parse(bytes.TrimPrefix(raw, []byte("\ufeff")), name)
	}
	return hclsyntax.ParseConfig(raw, name, hcl.InitialPos)
}

// What makes a file unfit for the parser.
const (
	wrongEncoding = "Invalid character encoding"
	deepNesting   = "Nested too deeply"
)

func isJSON(name string) bool { return strings.HasSuffix(name, ".json") }

// notText finds what no text file has.
func notText(raw []byte, name string) *hcl.Diagnostic {
	for at := 0; at < len(raw); {
		char, size := utf8.DecodeRune(raw[at:])
		if char == 0 {
			return report.At(spot(raw, name, at), wrongEncoding, "Here is a byte of value zero, as in binary files and in other encodings of text. Save the file as UTF-8.")
		}
		if char == utf8.RuneError && size == 1 {
			return report.At(spot(raw, name, at), wrongEncoding, "The file is not UTF-8 text. Save it as UTF-8.")
		}
		at += size
	}
	return nil
}

// spot is the range of one byte.
func spot(raw []byte, name string, at int) hcl.Range {
	line := raw[bytes.LastIndexByte(raw[:at], '\n')+1 : at]
	start := hcl.Pos{Line: 1 + bytes.Count(raw[:at], []byte("\n")), Column: 1 + utf8.RuneCount(line), Byte: at}
	end := start
	end.Column++
	end.Byte++
	return hcl.Range{Filename: name, Start: start, End: end}
}

// maxDepth is how deep brackets, blocks, templates and signs may be nested.
// Nobody writes so many; the parser calls itself for each, and there is no way
// back from a stack that is full.
const maxDepth = 500

// tooDeep finds the place where nesting is deeper than that. In native syntax
// bytes only raise the suspicion, since they may stand in text or comments.
func tooDeep(raw []byte, name string) *hcl.Diagnostic {
	at := deepByte(raw, isJSON(name))
	if at >= 0 && !isJSON(name) {
		at = deepToken(raw, name)
	}
	if at < 0 {
		return nil
	}
	return report.At(spot(raw, name, at), deepNesting, "Brackets, blocks, templates or signs are nested more than %d deep here. Take this apart, with local values for the parts.", maxDepth)
}

// nesting counts what is open, and the signs in a row, which nest too.
type nesting struct{ open, signs int }

func (n *nesting) add(open, signs int) (tooDeep bool) {
	n.open = max(0, n.open+open)
	if n.signs += signs; signs == 0 {
		n.signs = 0
	}
	return n.open+n.signs > maxDepth
}

func deepByte(raw []byte, inJSON bool) int {
	var n nesting
	inString := false
	for i := 0; i < len(raw); i++ {
		open, signs := 0, 0
		switch c := raw[i]; {
		case inJSON && c == '"':
			inString = !inString
		case inString && c == '\\':
			i++
		case inString:
		case c == '(' || c == '[' || c == '{':
			open = 1
		case c == ')' || c == ']' || c == '}':
			open = -1
		case c == '-' || c == '!':
			signs = 1
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			continue
		}
		if n.add(open, signs) {
			return i
		}
	}
	return -1
}

func deepToken(raw []byte, name string) int {
	tokens, _ := hclsyntax.LexConfig(raw, name, hcl.InitialPos)
	var n nesting
	for _, t := range tokens {
		open, signs := 0, 0
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open = 1
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenTemplateSeqEnd:
			open = -1
		case hclsyntax.TokenMinus, hclsyntax.TokenBang:
			signs = 1
		case hclsyntax.TokenNewline:
			continue
		}
		if n.add(open, signs) {
			return t.Range.Start.Byte
		}
	}
	return -1
}

// mistakes are the diagnostics of raw that do not follow from another: the
// first, and then the first that is left when the line of the one before is
// taken out. A line that opens or closes brackets is missed by what follows,
// so there only what the whole file had too is taken; and a brace alone was
// mostly right before the line that belongs to it went wrong.
func mistakes(raw []byte, name string, diags hcl.Diagnostics) hcl.Diagnostics {
	const most = 10
	if slices.Contains([]string{wrongEncoding, deepNesting}, diags[0].Summary) {
		return diags // of the whole file
	}
	out, text := hcl.Diagnostics{diags[0]}, bytes.Clone(raw)
	for next := diags[0]; next != nil && len(out) < most && !isJSON(name); {
		at := next.Subject.Start.Byte
		if bytes.HasPrefix(text[at:], []byte("/*")) {
			break // a comment that is not closed: the rest may be anything
		}
		line := lineAt(text, at)
		whole := balanced(line)
		for i := range line {
			line[i] = ' '
		}
		_, left := Parse(text, name)
		next = nil
		for _, d := range left {
			brace := bytes.HasPrefix(text[d.Subject.Start.Byte:], []byte("{")) || bytes.HasPrefix(text[d.Subject.Start.Byte:], []byte("}"))
			if !brace && !has(out, d) && (whole || has(diags, d)) {
				next = d
				out = append(out, d)
				break
			}
		}
	}
	return out
}

// lineAt is the part of text that is the line of that byte.
func lineAt(text []byte, at int) []byte {
	start, end := bytes.LastIndexByte(text[:at], '\n')+1, len(text)
	if length := bytes.IndexByte(text[at:], '\n'); length >= 0 {
		end = at + length
	}
	return text[start:end]
}

// balanced reports whether line closes as many brackets as it opens.
func balanced(line []byte) bool {
	open := 0
	for _, c := range line {
		switch c {
		case '(', '[', '{':
			open++
		case ')', ']', '}':
			open--
		}
	}
	return open == 0
}

// has reports whether diags have one that says the same about the same place.
func has(diags hcl.Diagnostics, d *hcl.Diagnostic) bool {
	return slices.ContainsFunc(diags, func(o *hcl.Diagnostic) bool { return *o.Subject == *d.Subject && o.Summary == d.Summary })
}
