package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Place is where rng stands in the files. HCL counts bytes and lines of an
// expression in JSON after the escapes of its string have been read, and so
// falls short of every backslash before it.
func Place(rng hcl.Range, files map[string]*hcl.File) hcl.Range {
	f := files[rng.Filename]
	if f == nil || !strings.HasSuffix(rng.Filename, ".json") {
		return rng
	}
	if last := len(f.Bytes); rng.End.Byte > last { // HCL looks for a quote there
		rng.Start, rng.End = position(f.Bytes, min(rng.Start.Byte, last)), position(f.Bytes, last)
	}
	if rng.Start.Byte == len(f.Bytes) {
		return rng
	}
	begin, end := literal(f.Bytes, rng.Start.Byte)
	if end < 0 || rng.Start.Byte == begin && rng.End.Byte >= end {
		return rng // not in a string, or the string itself
	}
	inside := begin + 1
	if rng.Start.Byte == begin { // a reference, which HCL counts from the quote
		begin--
	}
	start := raw(f.Bytes, inside, rng.Start.Byte-begin-1)
	stop := max(start, raw(f.Bytes, inside, rng.End.Byte-begin-1))
	rng.Start, rng.End = position(f.Bytes, start), position(f.Bytes, stop)
	return rng
}

// literal finds the string that byte at stands in, from quote to quote; no
// string of JSON goes on in the next line. The end is -1 when there is none.
func literal(src []byte, at int) (begin, end int) {
	for i := bytes.LastIndexByte(src[:at], '\n') + 1; i <= at; i++ {
		if src[i] != '"' {
			continue
		}
		begin = i
		for i++; i < len(src) && src[i] != '"' && src[i] != '\n'; i++ {
			if src[i] == '\\' {
				i++
			}
		}
		if i >= at {
			return begin, min(i+1, len(src))
		}
	}
	return 0, -1
}

// raw is where in src a byte of the text stands that the string from byte at
// on means.
func raw(src []byte, at, text int) int {
	for text > 0 && at < len(src) && src[at] != '"' && src[at] != '\n' {
		size, means := 1, 1
		if src[at] == '\\' {
			size = 2
		}
		if bytes.HasPrefix(src[at:], []byte(`\u`)) {
			size = 6
			if bytes.HasPrefix(src[min(at+6, len(src)):], []byte(`\u`)) && at+12 <= len(src) {
				var pair string
				if json.Unmarshal([]byte(`"`+string(src[at:at+12])+`"`), &pair) == nil && utf8.RuneCountInString(pair) == 1 {
					size = 12
				}
			}
			var one string
			if at+size <= len(src) && json.Unmarshal([]byte(`"`+string(src[at:at+size])+`"`), &one) == nil {
				means = len(one)
			}
		}
		at, text = at+size, text-means
	}
	return min(at, len(src))
}

// position is that of a byte, in a line of which every character is one
// column.
func position(src []byte, at int) hcl.Pos {
	line := bytes.LastIndexByte(src[:at], '\n') + 1
	return hcl.Pos{Line: 1 + bytes.Count(src[:line], []byte("\n")), Column: 1 + utf8.RuneCount(src[line:at]), Byte: at}
}
