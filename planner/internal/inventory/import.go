package inventory

import (
	"context"
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/providers"
)

// NoBlockError is an import to an address that has no block.
type NoBlockError struct{ Import hcl.Import }

func (e *NoBlockError) Error() string { return fmt.Sprintf("there is no block %s", e.Import.To) }

// Import reads what import blocks name, unless state has it already.
func (inv *Inventory) Import(ctx context.Context) {
	owners := inv.owners()
	for _, im := range inv.cfg.Imports {
		o := inv.objects[im.To]
		switch {
		case inv.left[im.To] != nil:
			continue
		case o == nil || o.Block == nil:
			inv.problems = append(inv.problems, Problem{Doing: "Import of " + im.To.String(), Err: &NoBlockError{im}})
			continue
		case !o.Recorded.IsNull():
			continue
		}
		v, err := ReadByID(ctx, o.Type, im.ID)
		if err == nil {
			if owner, ok := owners[Identity(o.Type, v)]; ok {
				err = Owned(im.To, owner)
			}
		}
		if err != nil {
			inv.fail(o, "Import of "+o.Addr.String(), err)
			continue
		}
		o.Real, o.Recorded, o.ImportID = v, v, im.ID
	}
}

// owners tells which recorded object has an identity. One that a removed block
// lets go of no longer owns it.
func (inv *Inventory) owners() map[string]addr.Addr {
	if len(inv.cfg.Imports) == 0 {
		return nil
	}
	removed := Set{}
	for _, r := range inv.cfg.Removed {
		removed[r.From] = true
	}
	owners := map[string]addr.Addr{}
	for _, all := range []map[addr.Addr]*Object{inv.objects, inv.left} {
		for a, o := range all {
			id := Identity(o.Type, o.Recorded)
			if owner, taken := owners[id]; id != "" && !removed.Covers(a) && (!taken || addr.Compare(a, owner) < 0) {
				owners[id] = a
			}
		}
	}
	return owners
}

// Identity tells an object from all others of all types; "" when it has no
// natural key yet.
func Identity(t *providers.Type, v cty.Value) string {
	id := t.ID(v)
	if id == "" {
		return ""
	}
	return t.Schema.Type + "\x00" + id
}

// Owned is the error of an import of what is recorded at another address.
func Owned(to, owner addr.Addr) error {
	return fmt.Errorf("state records that object as %s, and with two records, the end of one would destroy what the other stands for; if %s is its new name, write moved { from = %s to = %s } instead, or run `hostler state mv '%s' '%s'`", owner, to, owner, to, owner, to)
}

// ReadByID reads the object that an import names.
func ReadByID(ctx context.Context, t *providers.Type, id string) (cty.Value, error) {
	v, ok, err := t.Import(ctx, id)
	switch {
	case err != nil:
		return v, err
	case !ok:
		return v, fmt.Errorf("blocks of type %q can't be imported", t.Schema.Type)
	case v.IsNull():
		return v, fmt.Errorf("there is no object with the id %q", id)
	}
	return v, nil
}
