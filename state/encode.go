package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"hostler/hcl/addr"
)

// format is the file format this hostler writes, and the way up to it.
type format struct {
	version int
	// upgrades turn a whole document of version n into one of n+1.
	upgrades map[int]func(document []byte) ([]byte, error)
}

// header is how every version of the file begins.
type header struct {
	Version  int    `json:"version"`
	Lineage  string `json:"lineage"`
	Serial   uint64 `json:"serial"`
	Checksum string `json:"checksum"` // SHA-256 of the file without these digits, in hex
}

type document struct {
	header
	Outputs   map[string]Output `json:"outputs"`
	Resources []entry           `json:"resources"`
}

type entry struct {
	Address addr.Addr `json:"address"`
	Resource
}

// maxSerial is the largest integer that every JSON reader keeps exactly.
const maxSerial = 1 << 53

// encode writes a snapshot as a file: equal snapshots give equal bytes. The
// Unfinished are not in it; the journal has them.
func (f format) encode(s *Snapshot) ([]byte, error) {
	if s.Serial > maxSerial {
		return nil, fmt.Errorf("serial %d is out of range", s.Serial)
	}
	var head, tail bytes.Buffer
	lineage, err := compact(s.Lineage)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&head, "{\n  \"version\": %d,\n  \"lineage\": %s,\n  \"serial\": %d,\n  \"checksum\": \"", f.version, lineage, s.Serial)
	tail.WriteString("\",\n  \"outputs\": ")
	outputs := s.Outputs
	if outputs == nil {
		outputs = map[string]Output{}
	}
	if err := indent(&tail, outputs, "  "); err != nil {
		return nil, err
	}
	tail.WriteString(",\n  \"resources\": [")
	for i, a := range slices.SortedFunc(maps.Keys(s.Resources), addr.Compare) {
		if i > 0 {
			tail.WriteByte(',')
		}
		tail.WriteString("\n    ")
		if err := indent(&tail, entry{a, *s.Resources[a]}, "    "); err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
	}
	if len(s.Resources) > 0 {
		tail.WriteString("\n  ")
	}
	tail.WriteString("]\n}\n")
	return slices.Concat(head.Bytes(), []byte(checksum(head.Bytes(), tail.Bytes())), tail.Bytes()), nil
}

func checksum(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// decode reads what encode wrote, in this version of the format or an earlier
// one. With acceptEdits the checksum may be wrong. Its errors are *damage.
func (f format) decode(data []byte, acceptEdits bool) (*Snapshot, error) {
	head, err := f.decodeHeader(data)
	if err != nil {
		return nil, err
	}
	if !acceptEdits {
		before, after, found := bytes.Cut(data, []byte(head.Checksum))
		if !found || checksum(before, after) != head.Checksum {
			return nil, &damage{kind: edited, reason: "does not match its checksum: it was changed by something else than hostler"}
		}
	}
	for v := head.Version; v < f.version; v++ {
		up := f.upgrades[v]
		if up == nil {
			return nil, damagef("has version %d, from which there is no way up", v)
		}
		if data, err = up(data); err != nil {
			return nil, damagef("cannot be brought from version %d to %d: %v", v, v+1, err)
		}
	}
	var doc document
	if err := strictly(data, &doc); err != nil {
		return nil, damagef("is not valid: %s", explain(err, data))
	}
	return doc.snapshot()
}

// decodeHeader tells whose file it is.
func (f format) decodeHeader(data []byte) (*header, error) {
	if len(data) == 0 {
		return nil, damagef("is empty")
	}
	if len(bytes.Trim(data, "\x00")) == 0 {
		return nil, damagef("holds nothing but %d zero bytes", len(data))
	}
	var head struct {
		Version   *int    `json:"version"`
		Lineage   *string `json:"lineage"`
		Serial    *uint64 `json:"serial"`
		Checksum  *string `json:"checksum"`
		Terraform string  `json:"terraform_version"`
	}
	strange := &damage{kind: foreign, reason: "is JSON, but not a hostler state"}
	if err := json.Unmarshal(data, &head); err != nil {
		if _, wrongType := errors.AsType[*json.UnmarshalTypeError](err); wrongType {
			return nil, strange
		}
		return nil, damagef("is not JSON: %s", explain(err, data))
	}
	switch {
	case head.Terraform != "":
		return nil, &damage{kind: foreign, reason: "is a Terraform state"}
	case head.Version == nil || head.Lineage == nil || head.Serial == nil || head.Checksum == nil || *head.Version < 1:
		return nil, strange
	case *head.Version > f.version:
		return nil, &damage{kind: newer, reason: fmt.Sprintf("was written by a newer hostler: it has version %d, this one knows %d",
			*head.Version, f.version)}
	}
	return &header{*head.Version, *head.Lineage, *head.Serial, *head.Checksum}, nil
}

func (doc *document) snapshot() (*Snapshot, error) {
	if doc.Lineage == "" {
		return nil, damagef("has no lineage")
	}
	if doc.Serial > maxSerial {
		return nil, damagef("has serial %d, which is out of range", doc.Serial)
	}
	s := &Snapshot{
		Lineage:   doc.Lineage,
		Serial:    doc.Serial,
		Resources: make(map[addr.Addr]*Resource, len(doc.Resources)),
		Outputs:   map[string]Output{},
	}
	for i := range doc.Resources {
		e := &doc.Resources[i]
		r, err := e.Resource.checked()
		if err == nil {
			err = checkAddr(e.Address)
		}
		if err != nil {
			return nil, damagef("is not valid: %s: %v", e.Address, err)
		}
		if s.Resources[e.Address] != nil {
			return nil, damagef("is not valid: %s is there twice", e.Address)
		}
		s.Resources[e.Address] = r
	}
	var err error
	if s.Outputs, err = checkedOutputs(doc.Outputs); err != nil {
		return nil, damagef("is not valid: %v", err)
	}
	return s, nil
}

// checked returns a copy as the files hold it, or says why they cannot.
func (r *Resource) checked() (*Resource, error) {
	r = r.clone()
	var err error
	if r.Attributes, err = compactRaw(r.Attributes); err != nil {
		return nil, fmt.Errorf("the attributes are not valid: %w", err)
	}
	if r.Attributes[0] != '{' {
		return nil, errors.New("the attributes are not a JSON object")
	}
	for _, dep := range r.Deps {
		if err := checkAddr(dep); err != nil {
			return nil, fmt.Errorf("dependency: %w", err)
		}
	}
	return r, nil
}

// clone may be called on nil.
func (r *Resource) clone() *Resource {
	if r == nil {
		return nil
	}
	c := *r
	c.Attributes, c.Deps = slices.Clone(r.Attributes), nil
	if len(r.Deps) > 0 { // an empty list is written as none
		c.Deps = slices.Clone(r.Deps)
	}
	return &c
}

// renamed returns r with its dependencies on from being on to: r itself if it
// has none, a changed copy otherwise.
func (r *Resource) renamed(from, to addr.Addr) *Resource {
	if r == nil || !slices.Contains(r.Deps, from) {
		return r
	}
	c := r.clone()
	for i, dep := range c.Deps {
		if dep == from {
			c.Deps[i] = to
		}
	}
	return c
}

// checkAddr makes sure that the address can be read back.
func checkAddr(a addr.Addr) error {
	if back, err := addr.Parse(a.String()); err != nil {
		return err
	} else if back != a {
		return fmt.Errorf("%q is not an address", a)
	}
	return nil
}

// checkedOutputs returns a copy as the files hold it, or says why they cannot.
func checkedOutputs(outputs map[string]Output) (map[string]Output, error) {
	out := make(map[string]Output, len(outputs))
	for name, o := range outputs {
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("output %q: the name is not valid UTF-8", name)
		}
		if o.Sensitive && len(o.Value) > 0 && string(o.Value) != "null" {
			return nil, fmt.Errorf("output %q is sensitive: its value must not be recorded", name)
		}
		for _, raw := range []*json.RawMessage{&o.Type, &o.Value} {
			if len(*raw) == 0 {
				*raw = json.RawMessage("null")
			}
			var err error
			if *raw, err = compactRaw(*raw); err != nil {
				return nil, fmt.Errorf("output %q: %w", name, err)
			}
		}
		if o.Sensitive {
			o.Value = nil
		}
		out[name] = o
	}
	return out, nil
}

// maxDepth is how deep one value may be nested. JSON readers have a limit,
// and what is written must be readable with all that a file wraps around it.
const maxDepth = 500

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
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
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
