package planner

import (
	"context"
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"hostler/hcl"
	"hostler/hcl/addr"
	"hostler/providers"
)

// importObjects reads what import blocks name, unless state has it already.
func (r *run) importObjects() {
	if r.opt.Mode != Normal {
		return
	}
	for _, im := range r.cfg.Imports {
		o := r.objects[im.To]
		switch {
		case o == nil && len(r.opt.Targets) > 0:
			continue
		case o == nil || o.block == nil:
			r.diags = append(r.diags, importWithoutBlock(im, r.addresses()))
			continue
		case !o.recorded.IsNull():
			continue
		}
		v, err := importObject(r.ctx, o.typ, im.ID)
		if err != nil {
			r.fail(o, "Import of "+o.addr.String(), err)
			continue
		}
		o.real, o.recorded, o.importID = v, v, im.ID
	}
}

func importObject(ctx context.Context, t *providers.Type, id string) (cty.Value, error) {
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

// Import reads the object called id into the record of the block at a, as
// `hostler import` does: the next plan shows how the two differ.
func (p *Planner) Import(ctx context.Context, cfg *hcl.Config, a addr.Addr, id string, rec Recorder) hcl.Diagnostics {
	b := cfg.Block(a)
	if b == nil {
		have := make([]addr.Addr, len(cfg.Blocks))
		for i, b := range cfg.Blocks {
			have[i] = b.Addr
		}
		d := importWithoutBlock(hcl.Import{To: a, ID: id}, have)
		d.Subject = nil
		return hcl.Diagnostics{d}
	}
	fail := func(err error) hcl.Diagnostics {
		return diagnose(problem{doing: "Import of " + a.String(), addr: a, err: err}, &b.Source)
	}
	if rec.Snapshot().Resources[a] != nil {
		return fail(fmt.Errorf("state records an object at %s already; `hostler state rm '%s'` forgets that one", a, a))
	}
	t := p.Types[a.Type]
	v, err := importObject(ctx, t, id)
	if err != nil {
		return fail(err)
	}
	r, err := resource(t, &Change{Addr: a, Deps: b.Deps, PreventDestroy: b.PreventDestroy}, v, false)
	if err == nil {
		err = rec.Put(a, r)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}
