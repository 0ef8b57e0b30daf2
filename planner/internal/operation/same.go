package operation

import (
	"bytes"
	"encoding/json"
	"slices"

	"hostler/state"
)

// Same reports whether there are two records, and they say the same.
func Same(a, b *state.Resource) bool {
	return a != nil && b != nil && a.SchemaVersion == b.SchemaVersion && a.Tainted == b.Tainted && a.PreventDestroy == b.PreventDestroy &&
		slices.Equal(a.Deps, b.Deps) && sameJSON(a.Attributes, b.Attributes)
}

// sameJSON ignores indentation, escapes and the order of keys.
func sameJSON(a, b json.RawMessage) bool {
	p, err := canonical(a)
	if err != nil {
		return false
	}
	q, err := canonical(b)
	return err == nil && bytes.Equal(p, q)
}

func canonical(raw json.RawMessage) ([]byte, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
