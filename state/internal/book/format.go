package book

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"hostler/hcl/addr"
)

// Version of the file format; a file with a higher one was written by a newer
// hostler and is refused.
const Version = 1

// Format is the file format a hostler writes, and the way up to it.
type Format struct {
	Version int
	// Upgrades turn a whole document of version n into one of n+1.
	Upgrades map[int]func(document []byte) ([]byte, error)
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

// Encode writes a snapshot as a file: equal snapshots give equal bytes. The
// Unfinished are not in it; the journal has them.
func (f Format) Encode(s *Snapshot) ([]byte, error) {
	if s.Serial > maxSerial {
		return nil, fmt.Errorf("serial %d is out of range", s.Serial)
	}
	var head, tail bytes.Buffer
	lineage, err := compact(s.Lineage)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&head, "{\n  \"version\": %d,\n  \"lineage\": %s,\n  \"serial\": %d,\n  \"checksum\": \"", f.Version, lineage, s.Serial)
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

// Decode reads what Encode wrote, in this version of the format or an earlier
// one. With acceptEdits the checksum may be wrong. Its errors are *Damage.
func (f Format) Decode(data []byte, acceptEdits bool) (*Snapshot, error) {
	head, err := f.decodeHeader(data)
	if err != nil {
		return nil, err
	}
	if !acceptEdits {
		before, after, found := bytes.Cut(data, []byte(head.Checksum))
		if !found || checksum(before, after) != head.Checksum {
			return nil, &Damage{Kind: Edited, Reason: "does not match its checksum: it was changed by something else than hostler"}
		}
	}
	for v := head.Version; v < f.Version; v++ {
		up := f.Upgrades[v]
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
func (f Format) decodeHeader(data []byte) (*header, error) {
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
	strange := &Damage{Kind: Foreign, Reason: "is JSON, but not a hostler state"}
	if err := json.Unmarshal(data, &head); err != nil {
		if _, wrongType := errors.AsType[*json.UnmarshalTypeError](err); wrongType {
			return nil, strange
		}
		return nil, damagef("is not JSON: %s", explain(err, data))
	}
	switch {
	case head.Terraform != "":
		return nil, &Damage{Kind: Foreign, Reason: "is a Terraform state"}
	case head.Version == nil || head.Lineage == nil || head.Serial == nil || head.Checksum == nil || *head.Version < 1:
		return nil, strange
	case *head.Version > f.Version:
		return nil, &Damage{Kind: Newer, Reason: fmt.Sprintf("was written by a newer hostler: it has version %d, this one knows %d",
			*head.Version, f.Version)}
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
