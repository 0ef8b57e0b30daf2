package main

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// sample is a short text that the pattern matches; false where none is found,
// as for a pattern that contradicts itself.
func sample(pattern string) (string, bool) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	write(&b, parsed.Simplify())
	ok, err := regexp.MatchString(pattern, b.String())
	return b.String(), ok && err == nil
}

// write writes the first and shortest of what the expression allows.
func write(b *strings.Builder, r *syntax.Regexp) {
	switch r.Op {
	case syntax.OpLiteral:
		b.WriteString(string(r.Rune))
	case syntax.OpCharClass:
		if len(r.Rune) > 0 {
			b.WriteRune(likely(r.Rune))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpConcat, syntax.OpPlus:
		for _, sub := range r.Sub {
			write(b, sub)
		}
	case syntax.OpAlternate:
		write(b, r.Sub[0])
	case syntax.OpRepeat:
		for range r.Min {
			write(b, r.Sub[0])
		}
	case syntax.OpBeginLine:
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
	}
}

// likely is a rune of the class that people use, where there is one: a negated
// class begins with control characters.
func likely(class []rune) rune {
	for _, r := range "1ax ." {
		for i := 0; i < len(class); i += 2 {
			if class[i] <= r && r <= class[i+1] {
				return r
			}
		}
	}
	return class[0]
}
