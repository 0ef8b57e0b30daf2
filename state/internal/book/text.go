package book

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxDepth is how deep one value may be nested. JSON readers have a limit,
// and what is written must be readable with all that a file wraps around it.
const MaxDepth = 500

// compactRaw returns one JSON value without the spaces between its tokens.
func compactRaw(raw []byte) ([]byte, error) {
	var buf bytes.Buffer
	if err := json.Compact(&buf, raw); err != nil {
		return nil, err
	}
	depth, quoted := 0, false
	for text := buf.Bytes(); len(text) > 0; text = text[1:] {
		switch c := text[0]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			text = text[1:]
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return nil, fmt.Errorf("it is nested more than %d deep", MaxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return buf.Bytes(), nil
}

// compact writes a value as JSON on one line, with the bytes of raw messages
// as they are.
func compact(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func indent(buf *bytes.Buffer, v any, prefix string) error {
	line, err := compact(v)
	if err != nil {
		return err
	}
	return json.Indent(buf, line, prefix, "  ")
}

// strictly decodes exactly one JSON value without fields we do not know: they
// would be lost when it is written again.
func strictly(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows after the end")
	}
	return nil
}

// explain says where in the file a JSON error is.
func explain(err error, data []byte) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		if syntax.Offset >= int64(len(data)) {
			return fmt.Sprintf("it is cut off after %d bytes", len(data))
		}
		return fmt.Sprintf("line %d: %v", 1+bytes.Count(data[:syntax.Offset], []byte("\n")), err)
	}
	return err.Error()
}
