package addr

import (
	"strings"
	"unicode/utf8"
)

// Parse reads type.name or type.name["key"]. Its errors are *SyntaxError.
func Parse(s string) (Addr, error) {
	fail := func(reason string) (Addr, error) {
		return Addr{}, &SyntaxError{Input: s, Reason: reason}
	}
	if !utf8.ValidString(s) {
		return fail("not valid UTF-8")
	}
	typ, rest, ok := strings.Cut(s, ".")
	if !ok {
		return fail(`want type.name or type.name["key"]`)
	}
	name, key, keyed := strings.Cut(rest, "[")
	if !ValidName(typ) {
		return fail("the block type must be letters, digits, _ and -, and begin with a letter or _")
	}
	if !ValidName(name) {
		return fail("the name must be letters, digits, _ and -, and begin with a letter or _")
	}
	a := New(typ, name)
	if !keyed {
		return a, nil
	}
	inner, ok := strings.CutSuffix(key, "]")
	if !ok {
		return fail("the instance key is not closed by ]")
	}
	text, ok := unquote(inner)
	if !ok {
		return fail(`the instance key must be a quoted string, as in image.base["a"] (shells need '…' round it)`)
	}
	return a.Instance(text), nil
}

// ValidName reports whether s can be a block type or a block's name: what HCL
// takes as an identifier, in ASCII, so that a reference to it can be written.
func ValidName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-') {
			return false
		}
	}
	return s != ""
}

// quote writes a key as an HCL string literal: backslash escapes, and the two
// template openers doubled.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case (c == '$' || c == '%') && i+1 < len(s) && s[i+1] == '{':
			b.WriteByte(c)
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unquote reads exactly what quote writes; any other spelling of the same key
// is refused, so that one resource has one address.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	body := s[1 : len(s)-1]
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch c {
		case '\\':
			i++
			if i == len(body) {
				return "", false
			}
			plain, ok := map[byte]byte{'"': '"', '\\': '\\', 'n': '\n', 'r': '\r', 't': '\t'}[body[i]]
			if !ok {
				return "", false
			}
			c = plain
		case '$', '%':
			if strings.HasPrefix(body[i+1:], string(c)+"{") {
				i++
			}
		}
		b.WriteByte(c)
	}
	out := b.String()
	return out, quote(out) == s
}
